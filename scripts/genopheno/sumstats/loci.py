"""Lead variants of a meta-analysis, and what each study says of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from genopheno import pvalues
from genopheno.sumstats import chromosomes
from genopheno.sumstats.combine import Combined

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
        self._found: list[pd.DataFrame] = []

    def add(self, combined: Combined) -> None:
        tail = combined.main.neg_log10_p
        rows = np.flatnonzero(tail >= self._at_least)
        if rows.size:
            self._found.append(self._long(combined, rows))

    def table(self, factor: float = 1.0) -> pd.DataFrame:
        """Rows of the table ``meta_loci``: leads in the order of the genome, studies as given.

        Parameters
        ----------
        factor : genomic control after combining: z-scores of the studies together are divided
            by it.
        """
        if not self._found:
            return pd.DataFrame(columns=COLUMNS)
        frame = pd.concat(self._found, ignore_index=True)
        if factor > 1:
            together = ~frame["row"].isin(self._studies)
            z = np.sqrt(pvalues.chi2_from_neg_log10(frame["neg_log10_p_value"])) / factor
            frame.loc[together, "neg_log10_p_value"] = pvalues.from_normal(z)[together]
            frame.loc[together, "standard_error"] *= factor
        of_all = frame[frame["main"] & (frame["neg_log10_p_value"] >= self._at_least)]
        of_all = of_all.sort_values("neg_log10_p_value", ascending=False, kind="stable")
        leads = _leads(of_all)
        place = {v: (chromosomes.order(c), p) for v, c, p in leads}
        frame = frame[frame["variant_id"].isin(place)]
        frame = frame.assign(place=[place[v] for v in frame["variant_id"]])
        return frame.sort_values(["place"], kind="stable")[COLUMNS].reset_index(drop=True)

    def _long(self, combined: Combined, rows: np.ndarray) -> pd.DataFrame:
        """A row per variant and study, then one per way of combining."""
        base = combined.table.select(IDENTITY).take(rows).to_pandas()
        values = {name: value[rows] for name, value in combined.studies.items()}
        there = ~np.isnan(values["z_score"])
        parts = []
        for index, study in enumerate(self._studies):
            without = combined.without[index]
            part = base.assign(
                row=study,
                main=False,
                beta=values["beta"][:, index],
                standard_error=values["standard_error"][:, index],
                neg_log10_p_value=pvalues.from_normal(values["z_score"][:, index]),
                effect_allele_frequency=values["frequency"][:, index],
                n=values["n"][:, index],
                without_beta=_taken(without.beta, rows),
                without_standard_error=_taken(without.standard_error, rows),
                without_neg_log10_p_value=without.neg_log10_p[rows],
            )
            parts.append(part[there[:, index]].assign(variant=np.flatnonzero(there[:, index])))
        people = combined.table["n"].take(rows).to_numpy()
        for name, estimate in combined.others.items():
            parts.append(
                base.assign(
                    row=name,
                    main=estimate is combined.main,
                    beta=_taken(estimate.beta, rows),
                    standard_error=_taken(estimate.standard_error, rows),
                    neg_log10_p_value=estimate.neg_log10_p[rows],
                    n=people,
                    variant=np.arange(rows.size),
                )
            )
        return (
            pd.concat([p.dropna(axis=1, how="all") for p in parts], ignore_index=True)
            .reindex(columns=[*COLUMNS, "main", "variant"])
            .sort_values("variant", kind="stable")
        )


def _taken(values: np.ndarray | None, rows: np.ndarray) -> np.ndarray:
    return np.full(rows.size, np.nan) if values is None else values[rows]


def _leads(strongest_first: pd.DataFrame) -> list[tuple[str, str, int]]:
    """Variants of which none is within `DISTANCE` of a stronger one; `MOST` at most."""
    leads: list[tuple[str, str, int]] = []
    for row in strongest_first.itertuples():
        near = any(
            row.chromosome == contig and abs(row.base_pair_location - place) <= DISTANCE
            for _, contig, place in leads
        )
        if not near:
            leads.append((row.variant_id, row.chromosome, row.base_pair_location))
            if len(leads) == MOST:
                break
    return leads
