"""Compare the calls of one sample with a truth set, and write what was found."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pysam

from genopheno.files import write_json, write_text
from genopheno.problems import Problems, fail
from genopheno.truth import outputs, vcfeval
from genopheno.truth.match import match
from genopheno.truth.read import normalise, read_contig, sample_of
from genopheno.truth.regions import read_regions
from genopheno.truth.score import KINDS, Tally, add, curve, summary

ENGINES = ("auto", "haplotypes", "alleles", "vcfeval")


def benchmark(
    calls: Path,
    truth: Path,
    *,
    regions: Path,
    reference: Path,
    out_dir: Path | None = None,
    name: str | None = None,
    sample: str | None = None,
    truth_sample: str | None = None,
    engine: str = "auto",
) -> dict[str, Any]:
    """Count true, false and missed variants of one sample in the confident regions.

    Both files are left-aligned and split (bcftools norm); calls count that PASS or have no
    filter. A variant belongs to the regions if its position, after normalisation, does (the
    base before an indel); those outside are never counted, but may be the other half of a
    match of one inside.

    Parameters
    ----------
    calls, truth : VCF or BCF.
    regions : BED of the confident regions.
    reference : FASTA, indexed (.fai), that both belong to.
    out_dir : gets ``{name}.json``, ``{name}.tsv``, ``{name}.curve.tsv``,
        ``{name}.errors.vcf.gz`` and ``{name}.html``; None: nothing is written.
    name : of these files; None: the sample.
    sample, truth_sample : whom to compare; None: the only one of the file.
    engine : see docs/truth.md; auto is vcfeval where it is installed, else haplotypes.

    Returns
    -------
    The content of ``{name}.json``.

    Raises
    ------
    StageError : files that do not fit the reference, no truth in the regions, no calls there.
    """
    if engine == "auto":
        engine = "vcfeval" if vcfeval.installed() else "haplotypes"
    sample, truth_sample = sample_of(calls, sample), sample_of(truth, truth_sample)
    if not reference.with_name(reference.name + ".fai").exists():
        mend = "Run: samtools faidx (a FASTA packed with bgzip can be indexed, one with gzip not)"
        raise fail("reference-index", reference, "it has no index (.fai)", mend)
    fasta = pysam.FastaFile(str(reference))
    lengths = dict(zip(fasta.references, fasta.lengths, strict=True))
    confident, problems = read_regions(regions, lengths)
    Problems(problems).raise_if_any()
    tallies = {kind: Tally() for kind in KINDS}
    wrong: list[str] = []
    by_haplotype = too_large = 0
    with tempfile.TemporaryDirectory(prefix="genopheno-truth-") as temporary:
        folder = Path(temporary)
        common = {"reference": reference, "regions": confident}
        ours = normalise(calls, folder / "calls.bcf", sample=sample, **common)
        theirs = normalise(truth, folder / "truth.bcf", sample=truth_sample, **common)
        peer = (
            vcfeval.Vcfeval(ours, theirs, bed=regions, folder=folder, **common)
            if engine == "vcfeval"
            else None
        )
        for contig in confident.intervals:
            sides = [read_contig(side, contig, confident) for side in (ours, theirs)]
            if peer:
                matched = peer.match(*sides, contig)
            else:
                bases = fasta.fetch(contig).upper()
                matched = match(*sides, bases, haplotypes=engine == "haplotypes")
            add(tallies, matched)
            by_haplotype += matched.by_haplotype
            too_large += matched.too_large
            wrong += [line for _, line in sorted(outputs.errors(matched))]
    types = {kind: summary(tally) for kind, tally in tallies.items()}
    for side, path, who in (("truth", truth, truth_sample), ("calls", calls, sample)):
        if not sum(found[side] for found in types.values()):
            raise fail(
                f"benchmark-no-{side}",
                path,
                f"sample {who} has no variant that counts in the regions of {regions}",
                "Check that calls, truth set and regions are of one genome build and one sample",
            )
    report = {
        "engine": engine,
        "calls": {"file": str(calls), "sample": sample, "left_out": ours.counts},
        "truth": {"file": str(truth), "sample": truth_sample, "left_out": theirs.counts},
        "regions": {"file": str(regions), "bases": confident.bases},
        "matched_by_haplotype": by_haplotype,
        "clusters_too_large": too_large,
        "types": types,
        "curves": {kind: curve(tally) for kind, tally in tallies.items()},
    }
    if out_dir is not None:
        _write(report, wrong, lengths, out_dir, name or sample)
    return report


def _write(report: dict, wrong: list[str], lengths: dict[str, int], out_dir: Path, name: str):
    rows = [{"type": kind, **report["types"][kind]} for kind in KINDS]
    points = [{"type": kind, **row} for kind in KINDS for row in report["curves"][kind]]
    write_text(out_dir / f"{name}.tsv", outputs.table(rows, outputs.COLUMNS))
    write_text(out_dir / f"{name}.curve.tsv", outputs.table(points, outputs.CURVE_COLUMNS))
    outputs.write_errors(out_dir / f"{name}.errors.vcf.gz", wrong, lengths)
    outputs.write_page(out_dir / f"{name}.html", f"{name} against its truth set", report)
    write_json(out_dir / f"{name}.json", report)
