"""What is measured of each sample by itself: contamination, and the evidence of its sex."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genopheno.chromosomes import SexChromosomes
from genopheno.files import read_json
from genopheno.samples import contamination
from genopheno.samples.calls import Genotypes
from genopheno.samples.likelihood import frequencies, likelihoods
from genopheno.samples.sex import SexEvidence, check_sex, depth_ratios, x_heterozygosity


@dataclass(frozen=True)
class Options:
    """Bounds of the stage, as in the settings under ``identity``."""

    max_sites: int = 10_000
    min_frequency: float = 0.05
    min_call_rate: float = 0.5
    min_sites: int = 100
    min_independent_sites: int = 1000


@dataclass(frozen=True)
class Person:
    """What the sheet says of a sample."""

    participant: str
    sex: str


def measure_contamination(
    rows: Mapping[str, dict[str, Any]],
    calls: Genotypes,
    likelihood: np.ndarray,
    options: Options,
    threads: int,
) -> None:
    """Fill in contamination; each sample against the frequencies of the others.

    Parameters
    ----------
    rows : of table ``identity_measures``, in the order of the calls.
    likelihood : (m, n, 3) of the genotypes of `calls`.
    """
    _, expected = frequencies(likelihood)
    known = np.isfinite(expected)
    expected = np.nan_to_num(expected)
    total, number = expected.sum(axis=1), known.sum(axis=1)

    def one(i: int) -> contamination.Estimate | None:
        # Frequencies of the other samples: nobody is foreign to their own alleles.
        others = (total - expected[:, i] + 0.5) / (2 * (number - known[:, i]) + 1)
        return contamination.estimate(calls.depth[:, i], others, min_sites=options.min_sites)

    with ThreadPoolExecutor(threads) as pool:
        estimates = list(pool.map(one, range(len(rows))))
    for i, (row, told) in enumerate(zip(rows.values(), estimates, strict=True)):
        row["identity_sites"] = int(known[:, i].sum())
        if told is not None:
            row.update(
                contamination=told.fraction,
                contamination_low=told.low,
                contamination_high=told.high,
                contamination_sites=told.sites,
                contamination_reads=told.reads,
                error_rate=told.error,
            )


def measure_sex(
    rows: Mapping[str, dict[str, Any]],
    calls: Genotypes,
    people: Mapping[str, Person],
    qc_dir: Path | None,
    sex: SexChromosomes,
    options: Options,
) -> None:
    """Fill in what X and Y show, and the check of sex.

    Parameters
    ----------
    rows : of table ``identity_measures``, in the order of the calls.
    calls : SNPs of X outside the pseudoautosomal regions.
    qc_dir : ``{sample}/contigs.json`` in it gives depth by contig, where there is one.
    """
    likelihood = likelihoods(calls)
    # A haploid genotype without reads cannot show a second X.
    likelihood[calls.haploid & (calls.depth.sum(axis=-1) == 0)] = 1
    frequency, _ = frequencies(likelihood)
    for i, (sample, row) in enumerate(rows.items()):
        contigs = qc_dir / sample / "contigs.json" if qc_dir else None
        depths = read_json(contigs) if contigs and contigs.exists() else None
        ratios = depth_ratios(depths, sex)
        share, sites = x_heterozygosity(likelihood[:, i], frequency)
        evidence = SexEvidence(*ratios, share, sites)
        inferred, check, reason = check_sex(people[sample].sex, evidence, options.min_sites)
        row.update(
            x_coverage_ratio=ratios[0],
            y_coverage_ratio=ratios[1],
            x_heterozygosity=share if sites >= options.min_sites else None,
            x_sites=sites,
            inferred_sex=inferred,
            sex_check=check,
            sex_reasons=reason,
        )
