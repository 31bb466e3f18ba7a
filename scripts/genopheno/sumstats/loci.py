"""Lead variants of a meta-analysis, and what each study says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from genopheno import pvalues
from genopheno.sumstats.combine import Combined
from genopheno.sumstats.estimates import Estimate

DISTANCE = 500_000  # bases to each side that belong to a lead variant
MOST = 50
IDENTITY = [
    "chromosome", "base_pair_location", "variant_id", "rsid", "effect_allele", "other_allele",
]  # fmt: skip
COLUMNS = [
    *IDENTITY[:4], "row", *IDENTITY[4:], "beta", "standard_error", "neg_log10_p_value",
    "effect_allele_frequency", "n", "without_beta", "without_standard_error",
    "without_neg_log10_p_value",
]  # fmt: skip


class Loci:
    """Collects variants at or above a -log10 p while windows pass by; picks the leads at the end.

    Parameters
    ----------
    studies : names. at_least : -log10 p of a lead variant.
    """

    def __init__(self, studies: Sequence[str], at_least: float):
        self._studies, self._at_least = list(studies), at_least
        self._found: list[_Kept] = []

    def add(self, combined: Combined) -> None:
        rows = np.flatnonzero(combined.main.neg_log10_p >= self._at_least)
        if rows.size:
            self._found.append(_kept(combined, rows))

    def table(self, factor: float = 1.0) -> pd.DataFrame:
        """Rows of the table ``meta_loci``: leads in the order of the genome, studies as given.

        Parameters
        ----------
        factor : genomic control after combining: z-scores of the studies together are divided
            by it.
        """
        if not self._found:
            return pd.DataFrame(columns=COLUMNS)
        names = pa.concat_tables([kept.names for kept in self._found]).to_pandas()
        tail = np.concatenate([kept.tail for kept in self._found])
        tail = pvalues.from_normal(np.sqrt(pvalues.chi2_from_neg_log10(tail)) / factor)
        leads = _leads(names, tail, self._at_least)
        starts = np.cumsum([0, *(len(kept.tail) for kept in self._found)])
        frames = []
        for lead in leads:
            piece = int(np.searchsorted(starts, lead, side="right")) - 1
            kept, row = self._found[piece], lead - int(starts[piece])
            frames.append(self._of_lead(names.iloc[lead], kept, row, factor))
        if not frames:
            return pd.DataFrame(columns=COLUMNS)
        return pd.DataFrame([line for frame in frames for line in frame], columns=COLUMNS)

    def _of_lead(self, name: pd.Series, kept: _Kept, row: int, factor: float) -> list[dict]:
        """A line per study that has the variant, then one per way of combining."""
        lines = []
        for index, study in enumerate(self._studies):
            value = {key: numbers[index, row] for key, numbers in kept.studies.items()}
            if not np.isnan(value["z_score"]):
                lines.append(
                    {
                        **name,
                        "row": study,
                        "beta": value["beta"],
                        "standard_error": value["standard_error"],
                        "neg_log10_p_value": float(pvalues.from_normal(value["z_score"])),
                        "effect_allele_frequency": value["frequency"],
                        "n": value["n"],
                        **_numbers(kept.without[index], row, "without_"),
                    }
                )
        for way, estimate in kept.others.items():
            one = _numbers(estimate, row, "", factor)
            lines.append({**name, "row": way, **one, "n": kept.n[row]})
        return lines


@dataclass
class _Kept:
    """Variants of one window that may be leads; numbers as in `Combined`."""

    names: pa.Table
    tail: np.ndarray
    n: np.ndarray
    studies: dict[str, np.ndarray]
    others: dict[str, Estimate]
    without: list[Estimate]


def _kept(combined: Combined, rows: np.ndarray) -> _Kept:
    def some(estimate: Estimate) -> Estimate:
        beta, error = estimate.beta, estimate.standard_error
        if beta is None or error is None:
            return Estimate(None, None, estimate.z_score[rows])
        return Estimate(beta[rows], error[rows], estimate.z_score[rows])

    return _Kept(
        combined.table.select(IDENTITY).take(pa.array(rows)),
        combined.main.neg_log10_p[rows],
        combined.table["n"].take(pa.array(rows)).to_numpy(),
        {name: numbers[:, rows] for name, numbers in combined.studies.items()},
        {way: some(estimate) for way, estimate in combined.others.items()},
        [some(estimate) for estimate in combined.without],
    )


def _numbers(estimate: Estimate, row: int, prefix: str, factor: float = 1.0) -> dict:
    z = estimate.z_score[row] / factor
    numbers = {f"{prefix}neg_log10_p_value": float(pvalues.from_normal(z))}
    if estimate.beta is not None and estimate.standard_error is not None:
        numbers[f"{prefix}beta"] = estimate.beta[row]
        numbers[f"{prefix}standard_error"] = estimate.standard_error[row] * factor
    return numbers


def _leads(names: pd.DataFrame, tail: np.ndarray, at_least: float) -> list[int]:
    """Rows of which none is within `DISTANCE` of a stronger one; `MOST` at most, in their order."""
    contig, place = names["chromosome"].to_numpy(), names["base_pair_location"].to_numpy()
    free, leads = tail >= at_least, []
    while free.any() and len(leads) < MOST:
        lead = int(np.argmax(np.where(free, tail, -np.inf)))
        leads.append(lead)
        free &= (contig != contig[lead]) | (np.abs(place - place[lead]) > DISTANCE)
    return sorted(leads)
