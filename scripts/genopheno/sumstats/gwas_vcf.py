"""Summary statistics as GWAS-VCF 1.1 (Lyon et al. 2021, Genome Biology 22:32)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from genopheno.contig_names import other_spelling
from genopheno.fasta import contig_lengths, faidx
from genopheno.files import write_json, writing
from genopheno.problems import StageError, fail
from genopheno.sumstats import chromosomes
from genopheno.tools import run

ROWS = 1 << 16
# Key → column of our tables, and its description in the specification's sense.
KEYS = {
    "NS": ("n", "People tested for association"),
    "NC": ("n_cases", "Cases among the people tested"),
    "ES": ("beta", "Effect size relative to the alternate allele"),
    "SE": ("standard_error", "Standard error of the effect size"),
    "LP": ("neg_log10_p_value", "-log10 p of the effect size"),
    "AF": ("effect_allele_frequency", "Frequency of the alternate allele among the people tested"),
}
REQUIRED = ("ES", "SE", "LP")
NO_CONTIG = "the reference has no such chromosome"
NO_NUMBERS = "no effect, standard error or p-value"


def write_gwas_vcf(table: Path, fasta: Path, out: Path, study: str) -> dict:
    """Write ``{out}`` (``.vcf.gz``), its ``.tbi``, and ``.json`` beside: what was left out.

    Parameters
    ----------
    table : Parquet with the columns of the table ``association``, ``harmonised`` or ``meta``, whose
        effect allele is the alternate one.
    study : name of the sample column.

    Returns
    -------
    What the JSON says.

    Raises
    ------
    StageError : a column is absent, no row is left, or another allele is not what the reference
        has there.
    """
    file = pq.ParquetFile(table)
    there = set(file.schema_arrow.names)
    missing = sorted({KEYS[key][0] for key in REQUIRED} - there)
    if missing:
        raise fail(
            "gwas-vcf-columns",
            table,
            f"it has no columns {', '.join(missing)}",
            "Give a table of genopheno associate, harmonise or meta",
        )
    keys = [key for key in KEYS if KEYS[key][0] in there]
    lengths = contig_lengths(faidx(fasta))
    counts: Counter = Counter()
    with writing(out, suffix=".vcf.gz") as beside:
        _write(file, beside, keys, lengths, fasta, study, counts)
        if not counts["written"]:
            raise fail("gwas-vcf-empty", table, f"no row is left: {dict(counts)}", "Look at it")
        run(["bcftools", "index", "-t", "-f", beside])
        try:
            # Refuses the first record whose REF is not the reference's.
            run(["bcftools", "norm", "--check-ref", "e", "-f", fasta, "-Ou", beside], ["cat"],
                stdout="/dev/null")  # fmt: skip
        except StageError as error:
            raise fail(
                "gwas-vcf-reference",
                table,
                f"other_allele is not what {fasta} has there: {error}",
                "Put the table on this reference first: genopheno harmonise --fasta",
            ) from None
        Path(f"{beside}.tbi").replace(f"{out}.tbi")
    told = {"table": str(table), "fasta": str(fasta), "study": study, "rows": dict(counts)}
    write_json(Path(f"{out}.json"), told)
    return told


def _write(file, path: Path, keys: list[str], lengths, fasta: Path, study: str, counts) -> None:
    import pysam

    columns = ["chromosome", "base_pair_location", "effect_allele", "other_allele", "rsid"]
    columns += [KEYS[key][0] for key in keys]
    with pysam.BGZFile(str(path), "w") as text:
        text.write(_header(keys, lengths, fasta, study).encode())
        for batch in file.iter_batches(ROWS, columns=columns):
            lines = _lines(pa.Table.from_batches([batch]), keys, lengths, counts)
            if len(lines):
                text.write(("\n".join(lines.to_pylist()) + "\n").encode())


def _header(keys: list[str], lengths: dict[str, int], fasta: Path, study: str) -> str:
    lines = ["##fileformat=VCFv4.2", "##gwasformat=GWAS-VCFv1.1", f"##reference={fasta.name}"]
    lines += [f"##contig=<ID={name},length={length}>" for name, length in lengths.items()]
    lines.append('##FILTER=<ID=PASS,Description="All filters passed">')
    lines.append('##INFO=<ID=RSID,Number=1,Type=String,Description="dbSNP identifier">')
    lines += [
        f'##FORMAT=<ID={key},Number=A,Type=Float,Description="{KEYS[key][1]}">' for key in keys
    ]
    fixed = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", study)
    return "\n".join([*lines, "\t".join(fixed)]) + "\n"


def _lines(table: pa.Table, keys: list[str], lengths: dict[str, int], counts: Counter):
    contigs = pc.unique(table["chromosome"]).to_pylist()
    spelled = {contig: _spelling(contig, lengths) for contig in contigs}
    known = pc.is_in(table["chromosome"], pa.array([c for c in contigs if spelled[c]], pa.string()))
    full = pc.is_valid(table[KEYS[REQUIRED[0]][0]])
    for key in REQUIRED[1:]:
        full = pc.and_(full, pc.is_valid(table[KEYS[key][0]]))
    keep = pc.and_(known, full)
    for reason, rows in (
        (NO_CONTIG, pc.invert(known)),
        (NO_NUMBERS, pc.and_(known, pc.invert(full))),
        ("written", keep),
    ):
        if n := pc.sum(rows).as_py():
            counts[reason] += n
    table = table.filter(keep)
    names = pa.array([spelled[contig] for contig in contigs], pa.string())
    chromosome = names.take(pc.index_in(table["chromosome"], pa.array(contigs, pa.string())))
    rsid = pc.fill_null(
        pc.binary_join_element_wise(pa.scalar("RSID"), pc.cast(table["rsid"], pa.string()), "="),
        pa.scalar("."),
    )
    numbers = [
        pc.fill_null(pc.cast(table[KEYS[key][0]], pa.string()), pa.scalar(".")) for key in keys
    ]
    return pc.binary_join_element_wise(
        chromosome,
        pc.cast(table["base_pair_location"], pa.string()),
        pa.scalar("."),
        table["other_allele"],
        table["effect_allele"],
        pa.scalar("."),
        pa.scalar("PASS"),
        rsid,
        pa.scalar(":".join(keys)),
        pc.binary_join_element_wise(*numbers, ":"),
        "\t",
    )


def _spelling(contig: str, lengths: dict[str, int]) -> str | None:
    """The reference's name of a contig; None where it has none."""
    if contig in lengths:
        return contig
    alike = other_spelling(contig) | other_spelling(chromosomes.name(contig))
    return next((name for name in lengths if name in alike), None)
