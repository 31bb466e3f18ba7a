"""What a model says about the variants of a block."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

LINEAR, SCORE, FIRTH_APPROXIMATE, FIRTH, LMM, SPA, *COX_TESTS = TESTS = (
    "linear",
    "score",
    "firth-approximate",
    "firth",
    "lmm",
    "spa",
    "cox-score",
    "cox-firth-approximate",
    "cox-firth",
)
COX_SCORE, COX_FIRTH_APPROXIMATE, COX_FIRTH = COX_TESTS


@dataclass
class Estimates:
    """Estimates of a block of variants, (variants,) each; NaN where there is none.

    Attributes
    ----------
    beta, standard_error : effect of one more effect allele.
    neg_log10_p : -log10 of the two-sided p-value.
    converged : the fit is good; False where covariates and genotype cannot be told apart
        or an iteration did not end.
    test : index into `TESTS`.
    """

    beta: np.ndarray
    standard_error: np.ndarray
    neg_log10_p: np.ndarray
    converged: np.ndarray
    test: np.ndarray = field(default=None)

    def __post_init__(self):
        if self.test is None:
            self.test = np.full(len(self.beta), TESTS.index(LINEAR), dtype=np.int8)

    @classmethod
    def none(cls, size: int) -> Estimates:
        """Of variants that are not tested."""
        nothing = np.full(size, np.nan)
        return cls(nothing, nothing, nothing, np.zeros(size, dtype=bool))
