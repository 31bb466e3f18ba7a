"""Parts of the store in Hail: combined from gVCFs, written without some samples, joined."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pysam

from genopheno.cohort.exchange import uri
from genopheno.files import remove, write_text
from genopheno.problems import fail

BRANCH_FACTOR = 100
# Hail's own size for genomes, over every contig that has records. Calling intervals would be
# too small, and its ready-made list leaves out what is neither chromosome nor mitochondrion.
INTERVAL_SIZE = 1_200_000
# What every part keeps of a gVCF. GT of blocks: without it they would all be diploid.
REFERENCE_FIELDS = ("DP", "GQ", "GT")
OPTIONS = {
    "reference_fields": ",".join(REFERENCE_FIELDS),
    "save_filters": "true",
    "interval_size": str(INTERVAL_SIZE),
}
# One header for all gVCFs: Hail reads every file by the header of one, whatever wrote it.
HEADER = """\
##fileformat=VCFv4.2
##ALT=<ID=NON_REF,Description="Any other allele">
##INFO=<ID=END,Number=1,Type=Integer,Description="Last base of the block">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Reads per allele">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Reads">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Genotype quality">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Phred likelihoods">
"""


def combine(
    hl: ModuleType,
    gvcfs: dict[str, Path],
    out: Path,
    *,
    work: Path,
    genome: Any,
    branch_factor: int = BRANCH_FACTOR,
) -> list[str]:
    """Combine gVCFs into one VDS; a plan that `work` holds of the same job is gone on with.

    Returns
    -------
    The contigs on which it has records.

    Raises
    ------
    StageError : the gVCFs have no record.
    """
    contigs = sorted({c for path in gvcfs.values() for c in _contigs_with_records(path)})
    if not contigs:
        raise fail("combine-nothing", out, "the gVCFs have no record", "Check their samples")
    header = work / "header.vcf"
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tsample"
    lengths = "".join(f"##contig=<ID={c},length={genome.lengths[c]}>\n" for c in genome.contigs)
    write_text(header, HEADER + lengths + columns + "\n")
    combiner = hl.vds.new_combiner(
        save_path=uri(work / "plan.json"),
        output_path=uri(out),
        temp_path=uri(work / "steps"),
        gvcf_paths=[uri(path) for path in gvcfs.values()],
        gvcf_sample_names=list(gvcfs),
        gvcf_external_header=uri(header),
        gvcf_reference_entry_fields_to_keep=set(REFERENCE_FIELDS),
        gvcf_save_filters=True,
        intervals=loci(hl, genome, contigs),
        call_fields=[],
        reference_genome=genome,
        branch_factor=branch_factor,
    )
    # Hail 0.2.139 leaves this one option out of a saved plan; a resumed one would forget it.
    combiner._gvcf_save_filters = True
    combiner.run()
    return contigs


def without(hl: ModuleType, part: Path, gone: set[str], out: Path) -> None:
    """Write a part without some samples, and without the alleles that only they have."""
    vds = hl.vds.read_vds(uri(part), _drop_end=True)
    vds = hl.vds.filter_samples(vds, sorted(gone), keep=False, remove_dead_alleles=True)
    _write(vds, out)


def join(hl: ModuleType, parts: Sequence[Path], contigs: Sequence[str], out: Path) -> None:
    """Write several parts as one."""
    _write(together(hl, parts, contigs), out)


def together(hl: ModuleType, parts: Sequence[Path], contigs: Sequence[str]) -> Any:
    """Several parts, with records on these contigs, as one VDS that is joined as it is read."""
    from hail.vds.combiner.combine import combine_variant_datasets

    if len(parts) == 1:
        return hl.vds.read_vds(uri(parts[0]), _drop_end=True)
    genome = hl.read_matrix_table(uri(parts[0] / "variant_data")).locus.dtype.reference_genome
    # One set of intervals, so that the parts meet without a shuffle.
    intervals = [
        hl.Interval(
            hl.Struct(locus=interval.start),
            hl.Struct(locus=interval.end),
            includes_start=True,
            includes_end=True,
            point_type=hl.tstruct(locus=hl.tlocus(genome)),
        )
        for interval in loci(hl, genome, contigs)
    ]
    return combine_variant_datasets(
        [hl.vds.read_vds(uri(part), intervals=intervals, _drop_end=True) for part in parts]
    )


def loci(hl: ModuleType, genome: Any, contigs: Sequence[str]) -> list[Any]:
    """Intervals of at most `INTERVAL_SIZE` bases that cover these contigs, in genome order."""
    found = []
    for contig in (c for c in genome.contigs if c in set(contigs)):
        length = genome.lengths[contig]
        size = math.ceil(length / math.ceil(length / INTERVAL_SIZE))
        for start in range(1, length + 1, size):
            found.append(
                hl.Interval(
                    hl.Locus(contig, start, genome),
                    hl.Locus(contig, min(start + size - 1, length), genome),
                    includes_start=True,
                    includes_end=True,
                )
            )
    return found


def _write(vds: Any, out: Path) -> None:
    remove(out)
    vds.write(uri(out))


def _contigs_with_records(path: Path) -> list[str]:
    with pysam.TabixFile(str(path)) as index:
        return list(index.contigs)
