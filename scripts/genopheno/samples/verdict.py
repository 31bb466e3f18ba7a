"""The verdict of a sample from its measures: pass, warn or fail, with reasons in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from genopheno.problems import Problem, StageError

Limits = Mapping[str, Mapping[str, float]]
# Each bound, the verdict it gives, and whether it is crossed from below.
BOUNDS = {
    "fail_below": ("fail", True),
    "fail_above": ("fail", False),
    "warn_below": ("warn", True),
    "warn_above": ("warn", False),
}


def verdict(metrics: Mapping[str, float | None], limits: Limits) -> tuple[str, list[str]]:
    """Judge one sample.

    Parameters
    ----------
    metrics : measures by name; None: it could not be measured.
    limits : bounds by measure: fail_below, warn_below, warn_above, fail_above. A bound is
        crossed by a value strictly beyond it.

    Returns
    -------
    The worst verdict of any measure, and a reason for each measure that is not within its
    bounds: failures first, then warnings, each in the order of `limits`. Of one measure
    only the worst reason is given. A measure that has bounds but no value warns.
    """
    reasons: dict[str, list[str]] = {"fail": [], "warn": []}
    for measure, bounds in limits.items():
        name, value = measure.replace("_", " "), metrics.get(measure)
        if value is None:
            if bounds:
                reasons["warn"].append(f"{name} could not be measured")
            continue
        for bound, (outcome, below) in BOUNDS.items():
            limit = bounds.get(bound)
            if limit is not None and (value < limit if below else value > limit):
                shown, at = _numbers(value, limit)
                reasons[outcome].append(f"{name} {shown} is {bound.split('_')[1]} {at}")
                break  # fail bounds come first
    worst = "fail" if reasons["fail"] else "warn" if reasons["warn"] else "pass"
    return worst, reasons["fail"] + reasons["warn"]


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
