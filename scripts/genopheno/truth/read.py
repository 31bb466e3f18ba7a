"""Variants of one sample from a VCF or BCF file: normalised by bcftools, then read by contig."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pysam

from genopheno.problems import fail
from genopheno.tools import run
from genopheno.truth.regions import Regions
from genopheno.truth.variants import Variant, single_bases

# Variants this far outside the regions are read too: they may be the other half of a match.
PADDING = 1000
BASES = frozenset("ACGTN")


@dataclass
class Side:
    """One of the two files of a comparison, ready to be read.

    Attributes
    ----------
    path : indexed BCF of one sample: left-aligned, one alternate allele per record.
    source, sample : where it comes from.
    contigs : those that its header names.
    counts : records left out, by reason; filled while contigs are read.
    """

    path: Path
    source: Path
    sample: str
    contigs: frozenset[str]
    counts: dict[str, int] = field(default_factory=dict)

    def drop(self, why: str) -> None:
        self.counts[why] = self.counts.get(why, 0) + 1


@dataclass(frozen=True)
class Header:
    """What the header of a VCF or BCF names; contigs with their lengths (bp; None: not told)."""

    samples: list[str]
    formats: list[str]
    contigs: dict[str, int | None]


def read_header(path: Path) -> Header:
    """Read a header.

    Raises
    ------
    StageError : the file is no VCF or BCF.
    """
    loud = pysam.set_verbosity(0)  # it comments on types that do not matter here
    try:
        with pysam.VariantFile(str(path)) as handle:
            header = handle.header
            contigs = {name: contig.length for name, contig in header.contigs.items()}
            return Header(list(header.samples), list(header.formats), contigs)
    except (OSError, ValueError) as error:
        mend = "Give VCF or BCF (bgzip for a compressed VCF)"
        raise fail("vcf-unreadable", path, f"it cannot be read: {error}", mend) from None
    finally:
        pysam.set_verbosity(loud)


def sample_of(path: Path, sample: str | None) -> str:
    """The sample to compare: the one named, or the only one of the file.

    Raises
    ------
    StageError : the file cannot be read, has no genotypes, no such sample, or several
        samples and none was named.
    """
    header = read_header(path)
    names = header.samples
    if not names or "GT" not in header.formats:
        mend = "Give calls with genotypes (FORMAT GT)"
        raise fail("genotypes-absent", path, "it has no genotypes", mend)
    shown = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
    if sample is None and len(names) > 1:
        raise fail("sample-open", path, f"it has several samples: {shown}", "Name one of them")
    if sample is not None and sample not in names:
        found = f"it has no sample {sample}, but {shown}"
        raise fail("sample-unknown", path, found, "Name one of its samples")
    return sample or names[0]


def normalise(
    source: Path, out: Path, *, sample: str, reference: Path, regions: Regions, join: str = "-any"
) -> Side:
    """Write the variants of one sample in and near the regions, left-aligned and split.

    Parameters
    ----------
    out : BCF (or, where it ends so, .vcf.gz) to write; its index goes beside it.
    join : what `bcftools norm -m` does: ``-any`` one allele per record, ``+any`` the alleles
        of a position in one record.

    Raises
    ------
    StageError : a tool failed; a REF allele that is not that of the reference makes it fail.
    """
    bed = out.with_name(f"{out.name}.bed")
    bed.write_text("".join(f"{c}\t{s}\t{e}\n" for c, s, e in regions.padded(PADDING)))
    run(
        ["bcftools", "view", "-s", sample, "-T", bed, "-Ou", source],
        ["bcftools", "annotate", "-x", "INFO,^FORMAT/GT", "-Ou", "-"],
        ["bcftools", "norm", "-f", reference.absolute(), "-c", "e", "-m", join, "-Ou", "-"],
        ["bcftools", "sort", "-T", out.with_name(f"{out.name}.sort"), "-Ou", "-"],
        ["bcftools", "view", "-Oz" if out.suffix == ".gz" else "-Ob", "-o", out, "-"],
    )
    run(["bcftools", "index", "-f", *(["-t"] if out.suffix == ".gz" else []), out])
    return Side(out, source, sample, frozenset(read_header(out).contigs))


def read_contig(side: Side, contig: str, regions: Regions) -> list[Variant]:
    """Variants of a contig that PASS or have no filter and that the sample carries.

    Neighbouring substitutions in one record become single ones. An allele that is there
    twice counts once. A genotype with a missing half counts as far as it goes (``./1`` is
    one copy), a haploid one as homozygous. Phase is not looked at.
    """
    if contig not in side.contigs:
        return []
    text = run(
        [
            *("bcftools", "query", "-r", contig, "-f"),
            *("%POS\t%REF\t%ALT\t%QUAL\t%FILTER[\t%GT]\n", side.path),
        ]
    )
    found: dict[tuple[int, str, str], Variant] = {}
    for line in text.splitlines():
        position, ref, alt, quality, filters, genotype = line.split("\t")
        ref, alt = ref.upper(), alt.upper()
        alleles = genotype.replace("|", "/").split("/")
        copies = 2 if alleles == ["1"] else alleles.count("1")
        if not copies:
            continue  # another sample's allele, or the other one of a split record
        if filters not in ("PASS", "."):
            side.drop("not PASS")
            continue
        if not (BASES.issuperset(ref) and BASES.issuperset(alt)):
            side.drop("symbolic allele or spanning deletion")
            continue
        known = None if quality == "." else float(quality)
        whole = Variant(contig, int(position) - 1, ref, alt, min(copies, 2), known)
        for variant in single_bases(whole):
            key = (variant.position, variant.ref, variant.alt)
            if key in found:
                side.drop("allele given twice")
            found.setdefault(key, variant)
    variants = list(found.values())
    inside = regions.hold(contig, np.array([v.position for v in variants], dtype=np.int64))
    return [
        variant if held else Variant(*_but_counted(variant))
        for variant, held in zip(variants, inside.tolist(), strict=True)
    ]


def _but_counted(v: Variant) -> tuple:
    return v.contig, v.position, v.ref, v.alt, v.copies, v.quality, False
