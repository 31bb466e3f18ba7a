"""The verdict of a sample from its measures: pass, warn or fail, with reasons in words."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from genopheno.problems import Problem, StageError

Limits = Mapping[str, Mapping[str, float]]
# Each bound, the verdict it gives, and whether it is crossed from below.
BOUNDS = {
    "fail_below": ("fail", True),
    "fail_above": ("fail", False),
    "warn_below": ("warn", True),
    "warn_above": ("warn", False),
}


@dataclass(frozen=True)
class Reason:
    """Why a sample does not pass.

    Attributes
    ----------
    outcome : fail or warn.
    measure : column of table ``sample_qc`` that it is about.
    text : in words, with the numbers.
    value, bound, limit : the number, the bound it crosses (``fail_below`` and so on) and where
        that lies; None where the reason is none of a bound.
    """

    outcome: str
    measure: str
    text: str
    value: float | None = None
    bound: str | None = None
    limit: float | None = None


def crossed(
    metrics: Mapping[str, float | None], limits: Limits, optional: Collection[str] = ()
) -> list[Reason]:
    """The measures of a sample that are not within their bounds, in the order of `limits`.

    Parameters
    ----------
    metrics : measures by name; None: there is none.
    limits : bounds by measure: fail_below, warn_below, warn_above, fail_above. A bound is
        crossed by a value strictly beyond it.
    optional : measures whose absence says nothing. Any other that has bounds but no value
        warns.

    Returns
    -------
    Of one measure only the worst reason.
    """
    reasons = []
    for measure, bounds in limits.items():
        name, value = measure.replace("_", " "), metrics.get(measure)
        if value is None:
            if bounds and measure not in optional:
                reasons.append(Reason("warn", measure, f"{name} could not be measured"))
            continue
        for bound, (outcome, below) in BOUNDS.items():
            limit = bounds.get(bound)
            if limit is not None and (value < limit if below else value > limit):
                shown, at = _numbers(value, limit)
                text = f"{name} {shown} is {bound.split('_')[1]} {at}"
                reasons.append(Reason(outcome, measure, text, value, bound, limit))
                break  # fail bounds come first
    return reasons


def verdict(reasons: Sequence[Reason]) -> tuple[str, list[Reason]]:
    """The worst outcome of any reason, and the reasons with failures first."""
    ordered = sorted(reasons, key=lambda reason: reason.outcome != "fail")
    return ordered[0].outcome if ordered else "pass", ordered


def _numbers(value: float, limit: float) -> tuple[str, str]:
    """Both numbers with as few decimals (two or more, if any) as tell them apart."""
    if float(value).is_integer() and float(limit).is_integer():
        return f"{value:,.0f}", f"{limit:,.0f}"
    for decimals in range(2, 12):
        pair = f"{value:,.{decimals}f}", f"{limit:,.{decimals}f}"
        # A bound is shown whole, as it was set.
        if pair[0] != pair[1] and abs(float(pair[1].replace(",", "")) - limit) < 1e-12:
            break
    return pair


def check_limits(limits: Limits, measures: Iterable[str], file: str = "sample_qc.limits") -> None:
    """Refuse bounds of measures that do not exist, and bounds of an unknown name.

    Raises
    ------
    StageError : one problem for each, naming those that exist.
    """
    known = list(measures)
    problems = [
        Problem(
            "limit-unknown",
            file,
            None,
            measure,
            f"there is no measure {measure!r}",
            f"Use one of: {', '.join(known)}",
        )
        for measure in limits
        if measure not in known
    ]
    problems += [
        Problem(
            "limit-unknown",
            file,
            None,
            f"{measure}.{bound}",
            f"there is no bound {bound!r}",
            f"Use one of: {', '.join(BOUNDS)}",
        )
        for measure, bounds in limits.items()
        for bound in bounds
        if bound not in BOUNDS
    ]
    if problems:
        raise StageError(*problems)
