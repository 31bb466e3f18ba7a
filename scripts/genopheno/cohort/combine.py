"""A cohort from gVCFs: the store brought up to date, and its matrix written for `gather`."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from genopheno.cohort import dense, exchange, parts, store
from genopheno.cohort.session import SMALL, hail_session
from genopheno.files import write_json, writing
from genopheno.problems import fail
from genopheno.tools import run

SEX_CONTIG = re.compile(r"(chr)?(X|Y|M|MT)(_.*)?", re.IGNORECASE)


def combine(
    gvcfs: dict[str, Path],
    *,
    store_dir: Path,
    fai: Path,
    build: str,
    out_bcf: Path,
    charr: Path,
    report: Path,
    branch_factor: int = parts.BRANCH_FACTOR,
    threads: int = 1,
    memory_mb: int = 4000,
    spark_conf: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Bring the store to these samples and write their dense matrix.

    Parameters
    ----------
    gvcfs : sample to combiner-ready gVCF, in the order of the columns of the result.
    store_dir : the store (see `store`), made if it is not there.
    fai : index of the reference. build : its name.
    out_bcf : matrix to write, one alternate allele a record, ``.csi`` beside it: sorted, not
        yet left-aligned nor filtered; that is for `gather`.
    charr : table of contamination to write (Parquet).
    report : JSON of counts to write.

    Returns
    -------
    What was added, changed, removed and kept; records, and what was left out and why.

    Raises
    ------
    StageError : no samples, a symbolic allele in the result, or nobody carries an allele.
    """
    contigs = _contigs(fai)
    size = sum(path.stat().st_size for path in gvcfs.values() if path.is_file())
    for path in (out_bcf, charr, report):
        path.parent.mkdir(parents=True, exist_ok=True)
    with (
        store.locked(store_dir),
        TemporaryDirectory(prefix=".dense.", dir=out_bcf.parent) as name,
        hail_session(
            store_dir / ".hail",
            memory_mb=memory_mb,
            threads=threads,
            small=size < SMALL,
            spark_conf=spark_conf,
        ) as hl,
    ):
        genome = exchange.genome(hl, build, contigs)
        change = store.update(
            hl,
            store_dir,
            gvcfs,
            genome,
            build=build,
            contigs=contigs,
            branch_factor=branch_factor,
        )
        folder = Path(name)
        vds = parts.together(hl, change.parts, change.contigs)
        moved = dense.rows_changed_by_splitting(hl, vds)
        mt = dense.matrix(hl, vds, list(gvcfs))
        mt = mt.checkpoint(exchange.uri(folder / "dense.mt"))
        counts = mt.aggregate_rows(
            hl.struct(
                rows=hl.agg.count(),
                spanning=hl.agg.count_where(mt.alleles[1] == "*"),
                nobody=hl.agg.count_where((mt.n_carriers == 0) & (mt.alleles[1] != "*")),
                filtered=hl.agg.count_where((mt.n_filtered > 0) & (mt.n_carriers == mt.n_filtered)),
            )
        )
        autosomes = {name for name in contigs if not SEX_CONTIG.fullmatch(name)}
        contaminated = dense.contamination(hl, mt, autosomes)
        exchange.write_table(contaminated, charr, "charr", folder)
        kept = mt.filter_rows((mt.alleles[1] != "*") & (mt.n_carriers > 0))
        shards = dense.export(hl, kept, folder / "shards.vcf.bgz")
        written = _write_bcf(shards, list(gvcfs), out_bcf, folder)
    told = change.counts() | {
        "alleles": counts.rows,
        "spanning_deletions_removed": counts.spanning,
        "alleles_without_genotype_removed": counts.nobody,
        "alleles_not_left_aligned_removed": moved,
        "alleles_of_filtered_calls_only": counts.filtered,
        "records_out": written,
    }
    if written != counts.rows - counts.spanning - counts.nobody:
        raise fail(
            "records-lost",
            out_bcf,
            f"{counts.rows} alleles are in the store, {counts.spanning + counts.nobody} left out,"
            f" {written} written",
            "Check free disk space and memory, then run again",
        )
    write_json(report, told)
    return told


def _write_bcf(shards: list[Path], samples: list[str], out_bcf: Path, folder: Path) -> int:
    listing = folder / "shards.txt"
    listing.write_text("".join(f"{path}\n" for path in shards))
    index = out_bcf.with_name(f"{out_bcf.name}.csi")
    with writing(index) as csi, writing(out_bcf) as out:
        run(["bcftools", "concat", "--no-version", "-f", listing, "-Ob1", "-o", out])
        run(["bcftools", "index", "-f", "-o", csi, out])
        symbolic = run(
            ["bcftools", "query", "-f", "%CHROM:%POS %ALT\n", "-i", 'ALT~"<"', out]
        ).splitlines()
        if symbolic:
            raise fail(
                "symbolic-allele-left",
                out_bcf,
                f"{len(symbolic)} alleles are symbolic, as {symbolic[0]}",
                "Remove the gVCFs of the samples that have them and receive them again",
            )
        number = int(run(["bcftools", "index", "-n", f"{out}##idx##{csi}"]))
        if not number:
            raise fail(
                "records-none", out_bcf, "nobody carries an allele", "Check the gVCFs' regions"
            )
        found = run(["bcftools", "query", "-l", out]).splitlines()
        if found != samples:
            raise fail(
                "samples-differ", out_bcf, f"its samples are {found[:20]}", "Remove the store"
            )
    return number


def _contigs(fai: Path) -> dict[str, int]:
    rows = (line.split("\t") for line in fai.read_text().splitlines() if line)
    return {row[0]: int(row[1]) for row in rows}
