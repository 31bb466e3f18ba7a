"""p-values of the tests: those of the ground floor."""

from genopheno.pvalues import (
    FAR,
    LN10,
    chi2_from_neg_log10,
    from_chi2,
    from_normal,
    from_t,
    lambda_gc,
)

__all__ = ["FAR", "LN10", "chi2_from_neg_log10", "from_chi2", "from_normal", "from_t", "lambda_gc"]
