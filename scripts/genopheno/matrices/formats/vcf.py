"""VCF and BCF: every column of the sites as INFO, all transcripts as CSQ, calls as they were.

AC, AN and AF are counted over the samples that are written, as ``bcftools view -s`` does;
the other counts are those of the whole cohort, as their descriptions say.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genopheno import calls, fields
from genopheno.fields.vcf_header import FIXED, info_id, info_lines, number_and_type
from genopheno.matrices.formats import bcf
from genopheno.matrices.formats.plan import Block, Plan
from genopheno.matrices.tables import ENTRY_COLUMNS
from genopheno.problems import fail
from genopheno.tools import run

if TYPE_CHECKING:
    import pyarrow as pa

# Columns that the stage counted.
COUNTS = {f.name for f in fields.TABLES["matrix_sites"]} - {f.name for f in fields.TABLES["sites"]}
# Of each code: alternate alleles and called alleles; './1' has one of each.
N_ALTERNATE = ((calls.FIRST == 1).astype(np.int8) + (calls.SECOND == 1)).astype(np.int8)
N_CALLED = ((calls.FIRST < 2).astype(np.int8) + (calls.SECOND < 2)).astype(np.int8)
COUNTED = (
    ("AC", "A", "Integer", "Alternate alleles among the called genotypes of these samples"),
    ("AN", "1", "Integer", "Alleles among the called genotypes of these samples"),
    ("AF", "A", "Float", "AC / AN"),
)
FORMAT = {
    "GT": ("1", "String", "Genotype"),
    "DP": ("1", "Integer", "Reads"),
    "GQ": ("1", "Integer", "Genotype quality (Phred)"),
    "DS": ("A", "Float", "Expected alternate alleles"),
}
# VEP's layout, which bcftools +split-vep reads, and the columns of the consequences in it.
CSQ = {
    "Allele": "alternate",
    "Consequence": "terms",
    "IMPACT": "impact",
    "SYMBOL": "gene_symbol",
    "Gene": "gene_id",
    "Feature_type": None,
    "Feature": "transcript_id",
    "BIOTYPE": "biotype",
    "HGVSc": "coding_change",
    "HGVSp": "protein_change",
    "CANONICAL": "canonical",
    "MANE_SELECT": "mane_select",
}
CSQ_ESCAPES = bcf.ESCAPES | str.maketrans({"|": "%7C"})


class Header:
    """Header text, and the number of each name in BCF's dictionary."""

    def __init__(self, plan: Plan, annotated: bool = True):
        self.numbers: dict[str, int] = {"PASS": 0}
        self.contigs = {name: number for number, name in enumerate(plan.contigs)}
        columns = fields.fields_of(plan.schemas["sites"]) if annotated else []
        self.columns = [_told_of_whom(f) for f in columns if f.name not in FIXED]
        there = plan.schemas["genotypes"].names
        self.entries = [name for name, (column, _) in ENTRY_COLUMNS.items() if column in there]
        lines = [
            "##fileformat=VCFv4.3",
            '##FILTER=<ID=PASS,Description="All filters passed",IDX=0>',
        ]
        lines += [
            f"##contig=<ID={name}{f',length={length}' if length else ''},IDX={number}>"
            for number, (name, length) in enumerate(plan.contigs.items())
        ]
        lines += [
            self._line("FILTER", name, 'Description="Filter of the calls"') for name in plan.filters
        ]
        for name, number, kind, meaning in COUNTED:
            lines.append(self._line("INFO", name, _told(number, kind, meaning)))
        for field, line in zip(self.columns, info_lines(self.columns, "matrix_sites"), strict=True):
            name = info_id(field.name, "matrix_sites")
            rest = line.split(",", 1)[1].removesuffix(">")
            lines.append(self._line("INFO", name, rest))
        self.csq = annotated and "consequences" in plan.schemas
        if self.csq:
            meaning = f"Consequences on all transcripts. Format: {'|'.join(CSQ)}"
            lines.append(self._line("INFO", "CSQ", _told(".", "String", meaning)))
        for name in ["GT", *self.entries]:
            lines.append(self._line("FORMAT", name, _told(*FORMAT[name])))
        names = "\t".join(plan.sample_names)
        lines.append(f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{names}")
        self.text = "\n".join(lines) + "\n"

    def _line(self, kind: str, name: str, rest: str) -> str:
        number = self.numbers.setdefault(name, len(self.numbers))
        return f"##{kind}=<ID={name},{rest},IDX={number}>"


def _told_of_whom(field: fields.Field) -> fields.Field:
    """Counts are those of the whole cohort, and say so beside AC, AN and AF."""
    groups = ("allele_count_", "allele_number_", "allele_frequency_", "n_hom_alt_")
    if field.name in COUNTS or field.name.startswith(groups):
        return replace(field, description=f"{field.description}; of the whole cohort")
    return field


def _told(number: str, kind: str, meaning: str) -> str:
    return f'Number={number},Type={kind},Description="{meaning}"'


def write(folder: Path, name: str, plan: Plan, blocks: Iterable[Block]) -> list[Path]:
    """Write ``name`` (VCF, bgzip, or BCF by its ending) and its index."""
    path = folder / name
    write_file(path, plan, blocks)
    packed = name.endswith(".vcf.gz")
    ending = ".tbi" if packed and _short(plan) else ".csi"
    run(["bcftools", "index", "-t" if ending == ".tbi" else "-c", path])
    return [path, Path(f"{path}{ending}")]


def _short(plan: Plan) -> bool:
    """Contigs that a tabix index can hold (below 2^29 bp)."""
    return all((length or 0) < 1 << 29 for length in plan.contigs.values())


def write_file(path: Path, plan: Plan, blocks: Iterable[Block], *, annotated: bool = True) -> None:
    """Write a VCF or BCF; not `annotated`: without INFO other than AC, AN and AF.

    Raises
    ------
    StageError : bcftools refuses what it is given.
    """
    header = Header(plan, annotated)
    kind = "z" if path.name.endswith(".gz") else "b"
    command = ["bcftools", "view", "--no-version", f"-O{kind}", "-o", str(path)]
    command += ["--threads", str(plan.threads - 1)] if plan.threads > 1 else []
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    with process:
        try:
            head = header.text.encode() + b"\0"
            process.stdin.write(b"BCF\2\2" + len(head).to_bytes(4, "little") + head)
            for block in blocks:
                for record in block_records(block, header, len(plan.samples)):
                    process.stdin.write(record)
            process.stdin.close()
        except BrokenPipeError:
            pass  # it says why on its standard error
        except BaseException:
            process.kill()
            raise
        said = process.stderr.read().decode(errors="replace").strip()
    if process.returncode:
        raise fail(
            "tool-failed",
            "bcftools",
            f"{' '.join(command)} ended with {process.returncode}: {said[-500:]}",
            "Check free disk space, then run again",
        )


def block_records(block: Block, header: Header, n_samples: int) -> Iterable[bytes]:
    """BCF records of a block."""
    keys = header.numbers
    ac = N_ALTERNATE[block.codes].sum(axis=1, dtype=np.int64).tolist()
    an = N_CALLED[block.codes].sum(axis=1, dtype=np.int64).tolist()
    af = [count / number if number else None for count, number in zip(ac, an, strict=True)]
    info = [
        bcf.info_cells(keys["AC"], ac, bcf.encoder("Integer")),
        bcf.info_cells(keys["AN"], an, bcf.encoder("Integer")),
        bcf.info_cells(keys["AF"], af, bcf.encoder("Float")),
    ]
    for field in header.columns:
        kind = number_and_type(field.type)[1]
        values = block.sites[field.name].to_pylist()
        key = keys[info_id(field.name, "matrix_sites")]
        info.append(bcf.info_cells(key, values, bcf.encoder(kind)))
    if header.csq:
        info.append(bcf.info_cells(keys["CSQ"], csq(block), bcf.encoder("String", escape=False)))
    entries = {name: block.entries[name] for name in header.entries}
    samples = bcf.sample_bytes(block.codes, entries, keys)
    yield from bcf.records(
        block.sites,
        header.contigs[block.contig],
        keys,
        info,
        samples,
        n_samples,
        1 + len(entries),
    )


def csq(block: Block) -> list[str | None]:
    """VEP's CSQ of each variant; None: no consequences."""
    rows = block.consequences()
    of_variant: dict[str, list[str]] = {}
    columns = [_csq_cells(rows, name, column) for name, column in CSQ.items()]
    for variant, *cells in zip(rows["variant_id"].to_pylist(), *columns, strict=True):
        of_variant.setdefault(variant, []).append("|".join(cells))
    texts = (of_variant.get(variant) for variant in block.sites["variant_id"].to_pylist())
    return [",".join(lines) if lines else None for lines in texts]


def _csq_cells(rows: pa.Table, name: str, column: str | None) -> list[str]:
    if column is None:  # Feature_type
        return ["Transcript" if t else "" for t in rows["transcript_id"].to_pylist()]
    values = rows[column].to_pylist()
    if name in ("CANONICAL", "MANE_SELECT"):
        return ["YES" if value else "" for value in values]
    return [(value or "").translate(CSQ_ESCAPES) for value in values]
