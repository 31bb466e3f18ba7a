"""A locus becomes signals, each with a credible set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genopheno.signals import credible
from genopheno.signals.conditional import Estimates, Joint
from genopheno.signals.select import Locus, Region, select
from genopheno.signals.trait import BINARY, Trait


@dataclass(frozen=True)
class Signal:
    """One independent signal.

    Attributes
    ----------
    lead : index of its variant among the rows of the locus.
    estimates : every variant of the locus, given the other signals.
    members : indices of the credible set, most probable first.
    posterior : (variants,) probability to be the cause.
    """

    lead: int
    estimates: Estimates
    members: np.ndarray
    posterior: np.ndarray


@dataclass(frozen=True)
class Found:
    """The signals of a locus.

    Attributes
    ----------
    joint : all of them in one model; None: nothing was conditioned on.
    n : people in that model; None likewise.
    notice : what there is to say; None: nothing.
    """

    signals: list[Signal]
    joint: Joint | None
    n: int | None
    notice: str | None = None


def conditional(region: Region, locus: Locus, trait: Trait, *, above: float, coverage: float):
    """Signals by selection, each fine-mapped given the others -> `Found`.

    Parameters
    ----------
    above : −log10 p that a further variant needs.
    coverage : probability that a credible set has to reach.
    """
    chosen = select(region, locus.lead, above=above)
    joint, notice = region.joint(chosen), None
    if not joint.converged:
        notice = f"{locus.contig}:{locus.start}-{locus.stop}: the joint model has no fit"
    signals = []
    for one in chosen:
        estimates = region.test([c for c in chosen if c != one])
        if estimates is None:  # the others alone have no fit: as if there were none
            estimates = region.test([])
        signals.append(_signal(one, estimates, trait, coverage))
    return Found(signals, joint, region.n(chosen), notice)


def marginal(locus: Locus, scanned: Estimates, trait: Trait | None, coverage: float) -> Found:
    """The strongest variant of the locus as its one signal, with the scan's own numbers."""
    return Found([_signal(locus.lead, scanned, trait, coverage)], None, None)


def _signal(lead: int, estimates: Estimates, trait: Trait | None, coverage: float) -> Signal:
    # Without the trait its spread is not known: the prior is then that of log odds.
    prior = credible.PRIOR_BINARY
    if trait is not None and trait.type not in (BINARY, "time-to-event"):
        prior = credible.PRIOR_QUANTITATIVE * float(np.nanstd(trait.y))
    factors = credible.log_bayes_factors(estimates.neg_log10_p, estimates.standard_error, prior)
    posterior = credible.posteriors(factors)
    return Signal(lead, estimates, credible.credible_set(posterior, coverage), posterior)
