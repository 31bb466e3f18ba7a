"""Samples unlike the rest of their batch, by robust z scores."""

from __future__ import annotations

import numpy as np

# Measures whose spread within a batch says something of the sample, and the side that does:
# nobody is blamed for more coverage than the others.
LOW, HIGH = (-1,), (1,)
MEASURES = {
    "q30_fraction": LOW,
    "mapped_fraction": LOW,
    "properly_paired_fraction": LOW,
    "duplicate_fraction": HIGH,
    "mismatch_rate": HIGH,
    "insert_size_mean": LOW + HIGH,
    "mean_coverage": LOW,
    "call_rate": LOW,
    "het_hom_ratio": LOW + HIGH,
    "ti_tv": LOW + HIGH,
    "n_singletons": LOW + HIGH,
    "n_het": LOW + HIGH,
}
SCALE = 1.4826  # MAD times this is the standard deviation of a normal distribution
SMALLEST = 0.01  # of the median: a spread below it is no spread worth telling


def robust_z(values: np.ndarray) -> np.ndarray:
    """(value − median) / (1.4826 × median absolute deviation), NaN where a value is missing.

    Where most values are nearly equal the deviation is taken as 1 % of the median, so that a
    batch without spread makes nobody an outlier for a rounding; all 0 where that is 0, too.
    """
    values = np.asarray(values, dtype=float)
    known = values[np.isfinite(values)]
    if not len(known):
        return np.full(values.shape, np.nan)
    median = np.median(known)
    spread = max(SCALE * np.median(np.abs(known - median)), SMALLEST * abs(median))
    return (values - median) / spread if spread else np.where(np.isfinite(values), 0.0, np.nan)
