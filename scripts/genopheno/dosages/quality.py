"""Quality of an imputation, from the dosages alone: MaCH's r² (Li, Willer, Ding et al. 2010)."""

from __future__ import annotations

import numpy as np


def mach_r2(dosage: np.ndarray, copies: np.ndarray) -> float | None:
    """Variance of the dosages over that of genotypes in Hardy-Weinberg equilibrium, 2p(1 - p).

    A person with one copy, whose dosage is 0 or 2, adds 4p(1 - p) to the expectation. The
    information measure of IMPUTE needs genotype probabilities, which dosages have not.

    Parameters
    ----------
    dosage : (n,) from 0 to 2, none missing.
    copies : (n,) chromosome copies; people with none are passed over.

    Returns
    -------
    About 0 to 1, above 1 where there are more homozygotes than expected; None where nobody
    or only one allele is left.
    """
    has = copies > 0
    dosage, copies = dosage[has].astype(np.float64), copies[has].astype(np.float64)
    if not len(dosage):
        return None
    p = (dosage * copies).sum() / (2 * copies.sum())
    expected = (p * (1 - p) * 4 / copies).sum()
    if expected <= 0:
        return None
    return float(np.square(dosage - 2 * p).sum() / expected)
