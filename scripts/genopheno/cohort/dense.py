"""The store as one dense matrix of split alleles, with qualities, and contamination from it."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import hail as hl

# Phred of the prior that a position differs: heterozygosity of people, as GATK takes it
# (HomoSapiensConstants: 1/1,000 for SNPs, 1/8,000 for indels).
SNP_PRIOR, INDEL_PRIOR = 30.0, 39.03
# Bounds of CHARR (Lu 2023, and Hail's compute_charr): frequency of the reference allele,
# depth and quality of the homozygous calls that are looked at.
CHARR_FREQUENCY, CHARR_DEPTHS, CHARR_QUALITY = (0.05, 0.95), (10, 100), 20


def matrix(hl: ModuleType, vds: Any, samples: list[str]) -> hl.MatrixTable:
    """All positions at which someone has an allele, for all samples, one allele a row.

    Where a sample has no variant, its reference block is asked: its genotype is the block's,
    or missing where no block covers the position. Genotypes with another alternate allele
    count that one as reference (as `bcftools norm -m -` does). PL is of the row's allele;
    where a sample's gVCF does not know that allele, PL is missing and GQ is that of
    'reference and nothing else' (the combiner's RGQ, or the block's).

    Row fields added: `quality` is the sum over carriers of PL of the reference genotype, less
    the prior (GATK's QUALapprox as GnarlyGenotyper compares it), at least 0; a carrier whose
    caller filtered it adds nothing; one without PL adds its GQ. `n_carriers`, `n_filtered`.

    Parameters
    ----------
    vds : dataset with fields LGT, LA, GQ, DP and, of variants, LAD, LPL, RGQ, gvcf_filters.
    samples : in the order of the columns of the result.
    """
    vds = hl.vds.split_multi(vds, filter_changed_loci=True)
    mt = hl.vds.to_dense_mt(vds)
    order = {name: i for i, name in enumerate(mt.s.collect())}
    mt = mt.choose_cols([order[name] for name in samples])
    known = hl.is_defined(mt.PL) | mt.GT.is_non_ref()
    depths = hl.or_missing(hl.is_defined(mt.AD), hl.sum(mt.AD))
    mt = mt.select_entries(
        GT=mt.GT.unphase(),
        AD=mt.AD,
        DP=hl.or_else(mt.DP, depths),
        GQ=hl.if_else(hl.is_defined(mt.RGQ) & ~known, hl.min(99, mt.RGQ), mt.GQ),
        PL=mt.PL,
        filtered=hl.or_else(hl.len(mt.gvcf_filters) > 0, False),
    )
    carrier = mt.GT.is_non_ref()
    evidence = hl.coalesce(hl.float64(mt.PL[0]), hl.float64(mt.GQ), 0.0)
    prior = hl.if_else(hl.is_snp(mt.alleles[0], mt.alleles[1]), SNP_PRIOR, INDEL_PRIOR)
    mt = mt.select_rows(
        quality=hl.max(0.0, hl.agg.filter(carrier & ~mt.filtered, hl.agg.sum(evidence)) - prior),
        n_carriers=hl.agg.count_where(carrier),
        n_filtered=hl.agg.count_where(carrier & mt.filtered),
        calls=hl.agg.call_stats(mt.GT, 2),
        was_split=mt.was_split,
    )
    return mt.drop("filtered")


def rows_changed_by_splitting(hl: ModuleType, vds: Any) -> int:
    """Alleles of multi-allelic rows that `matrix` leaves out: trimmed, they lie elsewhere."""
    rows = vds.variant_data.rows()
    rows = rows.filter(hl.len(rows.alleles) > 2)
    moved = rows.alleles[1:].filter(
        lambda alt: hl.min_rep(rows.locus, [rows.alleles[0], alt]).locus != rows.locus
    )
    return int(rows.aggregate(hl.agg.sum(hl.len(moved))))


def contamination(hl: ModuleType, mt: hl.MatrixTable, autosomes: set[str]) -> hl.Table:
    """CHARR per sample: reads of the reference allele among homozygous alternate calls.

    The mean, over a sample's homozygous alternate biallelic SNPs on autosomes, of the share of
    reference reads, divided by the frequency of the reference allele (Lu 2023, as Hail's
    `compute_charr`).
    The frequencies are those of this cohort: with few samples they are coarse, and CHARR with
    them.

    Returns
    -------
    Table of sample, charr (missing: no site), n_sites.
    """
    frequency = mt.calls.AF[0]
    low, high = CHARR_FREQUENCY
    fewest, most = CHARR_DEPTHS
    mt = mt.filter_rows(
        hl.literal(autosomes or {""}).contains(mt.locus.contig)
        & ~mt.was_split
        & hl.is_snp(mt.alleles[0], mt.alleles[1])
        & (frequency > low)
        & (frequency < high)
    )
    used = (
        mt.GT.is_hom_var()
        & (mt.GQ >= CHARR_QUALITY)
        & (fewest <= mt.DP)
        & (most >= mt.DP)
        & (hl.sum(mt.AD) > 0)
    )
    share = mt.AD[0] / hl.sum(mt.AD) / mt.calls.AF[0]
    columns = mt.select_cols(
        charr=hl.agg.filter(used, hl.agg.mean(share)), n_sites=hl.agg.count_where(used)
    ).cols()
    columns = columns.key_by()
    return columns.select(
        sample=columns.s,
        charr=hl.or_missing(columns.n_sites > 0, columns.charr),
        n_sites=hl.int32(columns.n_sites),
    )


def export(hl: ModuleType, mt: hl.MatrixTable, folder: Path) -> list[Path]:
    """Write the matrix as VCF shards, each with its header; QUAL is `quality`.

    Parameters
    ----------
    folder : to make; Hail compresses as its name ends (.vcf.bgz).

    Returns
    -------
    The shards, in order.
    """
    from genopheno.cohort.exchange import uri

    out = mt.select_rows(qual=mt.quality, info=hl.struct()).select_cols()
    hl.export_vcf(out, uri(folder), parallel="header_per_shard", metadata=METADATA)
    manifest = (folder / "shard-manifest.txt").read_text().split()
    return [folder / name for name in manifest]


METADATA = {
    "format": {
        "GT": {"Description": "Genotype", "Number": "1", "Type": "String"},
        "AD": {"Description": "Reads of each allele", "Number": "R", "Type": "Integer"},
        "DP": {"Description": "Reads", "Number": "1", "Type": "Integer"},
        "GQ": {"Description": "Genotype quality (Phred)", "Number": "1", "Type": "Integer"},
        "PL": {"Description": "Genotype likelihoods (Phred)", "Number": "G", "Type": "Integer"},
    }
}
