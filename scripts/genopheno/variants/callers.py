"""Callers of short variants behind one interface: from alignments to a stream of split records.

Each caller is a pipe of commands that writes uncompressed BCF to standard output: records of
the shard, left-aligned, one alternate allele each, FORMAT GT:AD:DP:GQ:PL. What else INFO holds
is the caller's own; `filters` knows how to read it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from genopheno.tools import Command
from genopheno.variants.ploidy import Copies, bcftools_ploidy, freebayes_cnv_map

DIPLOID = 2
# Prior of `bcftools call`: its default, 1.1e-3, is one human genome's share of differing bases.
# At a few reads a person it costs alleles that few people carry: of 175 array sites that vary
# in 38 people at 5x, 164 are found with it and 167 with this one; 31x HG002 is the same.
PRIOR = 0.005

# Alleles that freebayes considers at a place: memory grows with the genotypes of all of them.
BEST_ALLELES = 4
INFO_OF_FREEBAYES = ("DP", "MQM", "SAP", "SRP", "RPP", "EPP", "AO", "RO", "SAF", "SAR")


@dataclass(frozen=True)
class Shard:
    """What a caller needs to know.

    Attributes
    ----------
    samples : names, in the order of the alignments.
    listing : file with one alignment a line. reference : FASTA (.fai beside it).
    regions : BED whose records are wanted. padded : BED that is looked at.
    folder : for files of the caller's own.
    copies : regions of other than two copies, by sex; empty: all is diploid.
    sexes : sample → female, male or unknown.
    min_mapping_quality, min_base_quality : reads and bases below are not used (Phred).
    max_depth : reads per sample and position that are looked at.
    """

    samples: Sequence[str]
    listing: Path
    reference: Path
    regions: Path
    padded: Path
    folder: Path
    min_mapping_quality: int
    min_base_quality: int
    max_depth: int
    copies: Mapping[str, Sequence[Copies]] = field(default_factory=dict)
    sexes: Mapping[str, str] = field(default_factory=dict)

    @property
    def mine(self) -> Command:
        """Options of bcftools norm: take the records that begin in the shard."""
        return ["-T", self.regions, "--targets-overlap", "0"]


def bcftools(shard: Shard) -> list[Command]:
    """bcftools mpileup, then its multi-allelic model (Li 2011, Danecek 2021)."""
    ploidy: Command = ["--ploidy", str(DIPLOID)]
    if shard.copies:
        people, table = shard.folder / "sexes.txt", shard.folder / "ploidy.txt"
        people.write_text("".join(f"{name} {shard.sexes[name]}\n" for name in shard.samples))
        table.write_text(bcftools_ploidy(shard.copies))
        ploidy = ["--ploidy-file", table, "-S", people]
    return [
        [
            *("bcftools", "mpileup", "-Ou", "-f", shard.reference, "-b", shard.listing),
            *("-R", shard.padded, "-q", str(shard.min_mapping_quality)),
            *("-Q", str(shard.min_base_quality)),
            *("-d", str(shard.max_depth), "-L", str(shard.max_depth)),
            # Indel candidates by the share of gapped reads in a sample, not in the cohort:
            # the share of a rare indel's carriers falls as samples are added.
            "-p",
            *("-a", "FORMAT/AD,FORMAT/DP,INFO/AD"),
        ],
        ["bcftools", "call", "-m", "-v", "-P", str(PRIOR), *ploidy, "-a", "GQ", "-Ou"],
        ["bcftools", "norm", "-f", shard.reference, "-m", "-any", *shard.mine, "-Ou"],
    ]


def freebayes(shard: Shard) -> list[Command]:
    """freebayes (Garrison 2012) over all samples, its haplotypes taken apart.

    An allele that spans another one's base is a star after that; stars are left out, as the
    deletion that they stand for is a record of its own.
    """
    options: list[str | Path] = []
    if shard.copies:
        table = shard.folder / "copies.bed"
        table.write_text(freebayes_cnv_map(shard.copies, shard.sexes))
        options = ["--cnv-map", table]
    order = shard.folder / "samples.txt"
    order.write_text("".join(f"{name}\n" for name in shard.samples))
    kept = [f"INFO/{name}" for name in INFO_OF_FREEBAYES]
    kept += [f"FORMAT/{name}" for name in ("GT", "AD", "DP", "GQ", "GL")]
    return [
        [
            *("freebayes", "-f", shard.reference, "-L", shard.listing, "-t", shard.padded),
            *("--min-mapping-quality", str(shard.min_mapping_quality)),
            *("--min-base-quality", str(shard.min_base_quality)),
            *("--limit-coverage", str(shard.max_depth)),
            *("--use-best-n-alleles", str(BEST_ALLELES)),
            *("--genotype-qualities", "--strict-vcf", *options),
        ],
        # freebayes orders the samples by its own mind.
        ["bcftools", "view", "-S", order, "-Ou", "-"],
        ["bcftools", "annotate", "-x", _only(kept), "-Ou", "-"],
        ["bcftools", "+tag2tag", "-Ou", "-", "--", "-r", "--GL-to-PL"],
        ["bcftools", "norm", "-f", shard.reference, "--atomize", *shard.mine, "-Ou", "-"],
        ["bcftools", "norm", "-f", shard.reference, "-m", "-any", "-Ou", "-"],
        ["bcftools", "view", "-e", 'ALT="*"', "-Ou", "-"],
    ]


def _only(kept: Sequence[str]) -> str:
    """Option value of bcftools annotate -x: everything but these."""
    return ",".join(f"^{name}" for name in kept)


CALLERS: dict[str, Callable[[Shard], list[Command]]] = {
    "bcftools": bcftools,
    "freebayes": freebayes,
}
