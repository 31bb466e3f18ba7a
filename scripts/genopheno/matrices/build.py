"""The annotated matrices that researchers download: one cohort, the same variants and people.

The annotated VCF, the sites, the consequences, the genotypes, the carriers, the samples and the
phenotypes are cut to the variants that pass and the samples that stayed in the cohort. One pass
over each contig of the VCF writes all that has genotypes, so that they cannot disagree; what is
counted must be what the cohort counted.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from genopheno import fields
from genopheno.files import remove, write_json
from genopheno.matrices import people
from genopheno.matrices.contig import Counts, Inputs, write_contig
from genopheno.matrices.passing import Passing
from genopheno.problems import Problem, StageError, fail
from genopheno.tools import run
from genopheno.vcf import assert_records, assert_samples, publish, records_per_contig, samples_of

TABLES = ("sites", "genotypes", "carriers", "consequences")


def matrices(
    annotated_vcf: Path,
    cohort_samples_parquet: Path,
    cohort_variants_parquet: Path,
    sites_parquet: Path,
    phenotypes_parquet: Path,
    out_dir: Path,
    *,
    consequences_parquet: Path | None = None,
    components_parquet: Path | None = None,
    traits_json: Path | None = None,
    groups: Sequence[str] = (),
    entry_fields: Sequence[str] = (),
    carriers_max_frequency: float = 0.01,
    min_genotype_quality: int = 0,
    with_vcf: bool = True,
    threads: int = 1,
) -> dict[str, Any]:
    """Write the matrices of a cohort.

    Parameters
    ----------
    annotated_vcf : indexed VCF, one alternate allele per record.
    cohort_samples_parquet : table ``cohort_samples``, the samples to keep.
    cohort_variants_parquet : table ``cohort_variants``; those with `passes` are kept.
    sites_parquet : table ``sites``, a row per record of the VCF, in its order.
    phenotypes_parquet : a row per participant, column ``participant``.
    out_dir : gets directories of a file per contig, each of which opens as one table,
        sorted by position: sites.parquet (``matrix_sites``), genotypes.parquet
        (``matrix_genotypes``, samples in the schema metadata key 'samples', in the order of the
        VCF), carriers.parquet and consequences.parquet; annotated.vcf.gz (+ .tbi; INFO AC, AN
        and AF are those of the kept samples); genes.parquet, samples.parquet,
        phenotypes.parquet (participants of kept samples), the data dictionary (dictionary.tsv and
        .md, datapackage.json), and matrices.json (what is returned).
    consequences_parquet : table ``consequences`` of the same records; None: there is none, and
        no genes either.
    components_parquet, traits_json : of the stages structure and phenotypes; None: not made.
    groups : columns of the phenotype table by which variants are counted, besides sex.
    entry_fields : FORMAT fields among DP, GQ and DS that the genotype table takes.
    carriers_max_frequency : carriers are listed of alternate alleles up to this frequency.
    min_genotype_quality : genotypes of lower GQ become missing, as in the cohort; 0: none.
    with_vcf : also write annotated.vcf.gz. threads : about so many cores are used.

    Returns
    -------
    Counts of what was kept and left out, as in matrices.json.

    Raises
    ------
    StageError : nothing passes; a sample or a passing variant that the VCF or the sites do
        not hold; a variant that is there twice; counts that are not the cohort's; a genotype
        of more than two alleles.
    """
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    there = samples_of(annotated_vcf)
    known = people.read_people(
        cohort_samples_parquet, phenotypes_parquet, groups, there, annotated_vcf
    )
    wanted = set(known.samples["sample"])
    keep = tuple(sample for sample in there if sample in wanted)
    membership, told = people.memberships(known, keep)
    passing = Passing(cohort_variants_parquet)
    inputs = Inputs(
        annotated_vcf,
        sites_parquet,
        cohort_variants_parquet,
        consequences_parquet,
        keep,
        len(keep) == len(there),
        membership,
        told,
        min_genotype_quality,
        tuple(entry_fields),
        carriers_max_frequency,
    )
    records = records_per_contig(annotated_vcf)
    with tempfile.TemporaryDirectory(dir=out_dir, prefix=".matrices.") as scratch:
        folder = Path(scratch)
        done = _contigs(inputs, records, folder, with_vcf, threads)
        total = {name: sum(getattr(c, name) for c in done.values()) for name in _NUMBERS}
        if total["variants"] != passing.n:
            raise fail(
                "records-lost",
                annotated_vcf,
                f"it holds {total['variants']} of the {passing.n} variants that pass",
                "Run 'genopheno annotate' and what follows again",
            )
        written = [contig for contig in records if done[contig].variants]
        if with_vcf:
            _publish_vcf(folder, written, keep, passing.n, out_dir / "annotated.vcf.gz")
        for table in TABLES:
            _publish_table(folder, written, f"{table}.parquet", out_dir)
    genes = [c.genes for c in done.values() if c.genes is not None]
    n_genes = _write_genes(genes, out_dir / "genes.parquet")
    n_components = people.write_samples(known, components_parquet, out_dir / "samples.parquet")
    participants = set(known.samples["participant"])
    n_people = people.write_phenotypes(
        phenotypes_parquet, traits_json, participants, out_dir / "phenotypes.parquet"
    )
    fields.write_dictionary(out_dir)
    counts = {
        "records": total["records"],
        "variants": total["variants"],
        "variants_left_out": total["records"] - total["variants"],
        "samples": len(keep),
        "samples_left_out": len(there) - len(keep),
        "genotypes_below_quality": total["genotypes_below_quality"],
        "rare_variants": total["rare_variants"],
        "carriers": total["carriers"],
        "carriers_max_frequency": carriers_max_frequency,
        "consequences": total["consequences"],
        "consequences_left_out": total["consequences_left_out"],
        "genes": n_genes,
        "samples_with_components": n_components,
        "participants_with_phenotypes": n_people,
        "participants_without": len(participants) - n_people,
        "groups": {f"{g}: {level}": int(n) for (g, level), n in _sizes(inputs)},
        "contigs": {c: done[c].variants for c in records},
    }
    write_json(out_dir / "matrices.json", counts)
    return counts


_NUMBERS = [name for name, value in asdict(Counts()).items() if isinstance(value, int)]


def _sizes(inputs: Inputs) -> Iterable[tuple[tuple[str, str], float]]:
    sizes = inputs.groups.members.sum(axis=0)[1:]
    return zip((inputs.told[name] for name in inputs.groups.names), sizes, strict=True)


def file_name(contig: str) -> str:
    """Name of a contig's file: percent-encoded, so that no name leaves the folder."""
    return quote(contig, safe="")


def _contigs(
    inputs: Inputs, records: dict[str, int], folder: Path, with_vcf: bool, threads: int
) -> dict[str, Counts]:
    """Write all contigs, some side by side; each keeps two cores or more busy."""
    jobs = [
        (
            inputs,
            contig,
            n,
            folder / file_name(contig),
            folder / f"{file_name(contig)}.vcf.gz" if with_vcf else None,
        )
        for contig, n in records.items()
    ]
    workers = min(len(jobs), max(1, threads // 2))
    if workers == 1:
        return {job[1]: write_contig(*job) for job in jobs}
    # A forked child would share the threads of Arrow and of the linear algebra.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        # The long ones first: the last to end is then a short one.
        running = {job[1]: pool.submit(_safely, *job) for job in sorted(jobs, key=lambda j: -j[2])}
        found = {contig: running[contig].result() for contig in records}
    if problems := [p for result in found.values() if isinstance(result, list) for p in result]:
        raise StageError(*problems)
    return {contig: result for contig, result in found.items() if isinstance(result, Counts)}


def _safely(*job: Any) -> Counts | list[Problem]:
    """A contig in a process of its own: its problems come back as values."""
    try:
        return write_contig(*job)
    except StageError as error:
        return error.problems


def _publish_vcf(
    folder: Path, contigs: list[str], keep: Sequence[str], expected: int, out: Path
) -> None:
    whole = folder / "annotated.vcf.gz"
    pieces = [folder / f"{file_name(contig)}.vcf.gz" for contig in contigs]
    run(["bcftools", "concat", "--naive", "-o", whole, *pieces])
    run(["bcftools", "index", "-t", whole])
    assert_records(whole, name=out, expected=expected)
    assert_samples(whole, keep, name=out)
    publish(whole, out)


def _publish_table(folder: Path, contigs: list[str], name: str, out_dir: Path) -> None:
    """Gather the pieces of a table in one directory, which takes the place of the old one."""
    gathered = folder / name
    gathered.mkdir()
    for contig in contigs:
        piece = folder / file_name(contig) / name
        if piece.exists():
            piece.rename(gathered / f"{file_name(contig)}.parquet")
    remove(out_dir / name)  # an earlier run's, which may have had other contigs
    if any(gathered.iterdir()):
        gathered.rename(out_dir / name)


def _write_genes(parts: list[pa.Table], out: Path) -> int:
    table = pa.concat_tables([fields.schema("matrix_genes").empty_table(), *parts])
    fields.write(out, table.to_pandas(), "matrix_genes")
    return table.num_rows
