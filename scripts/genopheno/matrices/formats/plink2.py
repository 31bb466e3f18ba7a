"""PLINK 2: pgen, pvar and psam.

Phase is kept of heterozygous calls, the only ones whose phase PLINK stores. PLINK has no
haploid calls: they are written as homozygous, and sex and contig say which those are. A call
of which one allele is missing is missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from genopheno import calls
from genopheno.matrices.formats.plan import Block, Plan

CELLS = 8_000_000  # calls that are handed over at once, 9 bytes each
LONGEST_ID = 16_000  # characters; plink2 refuses more

_second = np.where(calls.SECOND == calls.HAPLOID, calls.FIRST, calls.SECOND)
_missing = (calls.FIRST == 2) | (_second == 2)
# Of each code, the two alleles as pgenlib takes them; and whether it has phase.
ALLELES = np.where(_missing[:, None], -9, np.stack([calls.FIRST, _second], axis=1)).astype(np.int32)
PHASED = calls.PHASED & (_second != calls.FIRST) & ~_missing
SEX = {"male": "1", "female": "2"}


def write(folder: Path, name: str, plan: Plan, blocks: Iterable[Block]) -> list[Path]:
    """Write ``name`` (.pgen), and .pvar and .psam of the same name."""
    import pgenlib

    pgen = folder / name
    pvar, psam = pgen.with_suffix(".pvar"), pgen.with_suffix(".psam")
    _write_psam(psam, plan)
    n_samples = len(plan.samples)
    step = max(1, CELLS // n_samples)
    writer = pgenlib.PgenWriter(
        bytes(pgen),
        n_samples,
        variant_ct=plan.n_variants,
        nonref_flags=False,
        hardcall_phase_present=True,
    )
    with writer, open(pvar, "w", encoding="utf-8") as handle:
        for contig, length in plan.contigs.items():
            handle.write(f"##contig=<ID={contig}{f',length={length}' if length else ''}>\n")
        for filter_ in plan.filters:
            handle.write(f'##FILTER=<ID={filter_},Description="Filter of the calls">\n')
        handle.write("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\n")
        for block in blocks:
            _write_sites(handle, block)
            for start in range(0, len(block.codes), step):
                codes = block.codes[start : start + step]
                alleles = ALLELES[codes].reshape(len(codes), -1)
                writer.append_partially_phased_batch(alleles, PHASED[codes])
    # The genotypes last: where they are, sites and samples are those beside them.
    return [pvar, psam, pgen]


def _write_sites(handle, block: Block) -> None:
    columns = ("contig", "position", "variant_id", "reference", "alternate", "quality", "filters")
    for contig, position, name, ref, alt, quality, filters in zip(
        *(block.sites[column].to_pylist() for column in columns), strict=True
    ):
        name = name if len(name) <= LONGEST_ID else "."
        shown = "." if quality is None else f"{quality:.6g}"
        handle.write(f"{contig}\t{position}\t{name}\t{ref}\t{alt}\t{shown}\t{filters or '.'}\n")


def _write_psam(path: Path, plan: Plan) -> None:
    """Samples with sex and the traits of their participants; cases are 2, controls 1."""
    people = {row["participant"]: row for row in plan.phenotypes.to_pylist()}
    traits = [name for name in plan.phenotypes.column_names if name not in ("participant", "sex")]
    with open(path, "w", encoding="utf-8") as handle:
        handle.write("\t".join(["#IID", "SEX", *traits]) + "\n")
        for sample, participant, sex in zip(
            *(plan.samples[c].to_pylist() for c in ("sample", "participant", "sex")), strict=True
        ):
            own = people.get(participant, {})
            cells = [_cell(own.get(trait)) for trait in traits]
            handle.write("\t".join([sample, SEX.get(sex, "NA"), *cells]) + "\n")


def _cell(value: object) -> str:
    if value is None or value != value or value == "":
        return "NA"
    if isinstance(value, bool):
        return "2" if value else "1"
    return repr(value) if isinstance(value, float) else "_".join(str(value).split())
