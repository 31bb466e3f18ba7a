"""The comparison by RTG Tools' vcfeval (Cleary 2015), where `rtg` is installed."""

from __future__ import annotations

import shutil
from bisect import bisect_left
from collections.abc import Callable, Sequence
from pathlib import Path

from genopheno.tools import run
from genopheno.truth.match import Level, Matched
from genopheno.truth.read import Side, normalise, read_contig
from genopheno.truth.regions import Regions
from genopheno.truth.variants import Variant

# Our level, and the run of vcfeval that finds it: with genotypes, then without.
RUNS = ((Level.GENOTYPE, ()), (Level.ALLELE, ("--squash-ploidy",)))


def installed() -> bool:
    return shutil.which("rtg") is not None


class Vcfeval:
    """Two runs of vcfeval over whole files, whose answers are then read contig by contig.

    Parameters
    ----------
    calls, truth : the two files, as `genopheno.truth.read.normalise` left them.
    bed : the confident regions, where it counts.
    folder : for temporary files.
    """

    def __init__(
        self,
        calls: Side,
        truth: Side,
        *,
        reference: Path,
        bed: Path,
        regions: Regions,
        folder: Path,
    ):
        self.regions = regions
        template = folder / "reference.sdf"
        run(["rtg", "format", "-o", template, reference])
        # It wants the alleles of a genotype in one record.
        joined = {
            name: normalise(
                side.source,
                folder / f"{name}.vcf.gz",
                sample=side.sample,
                reference=reference,
                regions=regions,
                join="+any",
            )
            for name, side in (("calls", calls), ("truth", truth))
        }
        self.answers: dict[tuple[str, Level], Side] = {}
        for level, options in RUNS:
            out = folder / f"vcfeval.{level.name}"
            run(
                [
                    *("rtg", "vcfeval", "-t", template, "-o", out, "-e", bed),
                    *("-b", joined["truth"].path, "-c", joined["calls"].path),
                    *("--sample", f"{truth.sample},{calls.sample}"),
                    *("--vcf-score-field", "QUAL", *options),
                ]
            )
            for name, file, side in (("calls", "tp", calls), ("truth", "tp-baseline", truth)):
                self.answers[name, level] = normalise(
                    out / f"{file}.vcf.gz",
                    folder / f"{file}.{level.name}.bcf",
                    sample=side.sample,
                    reference=reference,
                    regions=regions,
                )

    def match(self, calls: Sequence[Variant], truth: Sequence[Variant], contig: str) -> Matched:
        """Levels of the variants of a contig, by what vcfeval took for true."""
        matched = Matched(list(calls), list(truth))
        for level, _ in reversed(RUNS):
            found = {
                name: {
                    v.edit: v for v in read_contig(self.answers[name, level], contig, self.regions)
                }
                for name in ("calls", "truth")
            }
            for i, variant in enumerate(matched.calls):
                if variant.edit in found["calls"]:
                    matched.call_levels[i] = level
            quality = _nearest(list(found["calls"].values()))
            for j, variant in enumerate(matched.truth):
                if variant.edit in found["truth"]:
                    matched.truth_levels[j] = level
                    matched.truth_quality[j] = quality(variant.position)
        return matched


def _nearest(calls: list[Variant]) -> Callable[[int], float | None]:
    """QUAL of the true call nearest to a position: vcfeval does not say which makes a truth."""
    calls = sorted(calls, key=lambda call: call.position)
    places = [call.position for call in calls]

    def quality(position: int) -> float | None:
        at = bisect_left(places, position)
        near = calls[max(0, at - 1) : at + 1]
        best = min(near, key=lambda call: abs(call.position - position), default=None)
        return best.quality if best else None

    return quality
