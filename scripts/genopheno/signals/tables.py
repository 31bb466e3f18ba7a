"""What was found, as the tables that are published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from genopheno.signals.clump import Clump
from genopheno.signals.finemap import Found
from genopheno.signals.genes import Genes
from genopheno.signals.select import Locus
from genopheno.signals.tested import Tested

PLACE = ["variant_id", "chromosome", "base_pair_location"]
RESULT = [
    "rsid", "effect_allele", "other_allele", "effect_allele_frequency", "beta",
    "standard_error", "neg_log10_p_value",
]  # fmt: skip
P_CLASSES = (0.05, 0.01, 0.001, 0.0001)


class Annotation:
    """Gene and consequence of variants, and the nearest gene.

    Parameters
    ----------
    sites : ``sites.parquet``; None: nothing is known.
    genes : gene models; None: no nearest gene.
    """

    def __init__(self, sites: str | Path | None, genes: Genes | None):
        self._sites, self._genes = sites, genes

    def hit(self, variant_ids: pd.Series) -> pd.DataFrame:
        """gene_symbol and consequence, null where unknown; a row per variant."""
        names = ["gene_symbol", "consequence"]
        if self._sites is None or variant_ids.empty:
            return pd.DataFrame(None, index=range(len(variant_ids)), columns=names, dtype=object)
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        wanted = pc.field("variant_id").isin(variant_ids.drop_duplicates().tolist())
        known = pq.read_table(self._sites, columns=["variant_id", *names], filters=wanted)
        known = known.to_pandas().drop_duplicates("variant_id").set_index("variant_id")
        return known.reindex(variant_ids)[names].reset_index(drop=True)

    def complete(self, frame: pd.DataFrame) -> pd.DataFrame:
        """A table of variants with the gene that each hits and the nearest one."""
        frame = frame.reset_index(drop=True)
        places = zip(frame["chromosome"], frame["base_pair_location"], strict=True)
        near = [self._genes.nearest(*place) if self._genes else None for place in places]
        frame = pd.concat([frame, self.hit(frame["variant_id"])], axis=1)
        frame["nearest_gene"] = pd.Series([n and n[0] for n in near], dtype=object)
        frame["nearest_gene_distance"] = pd.array([n and n[1] for n in near], dtype="Int32")
        return frame


def clumps(
    found: list[Clump], tested: Tested, loci: list[Locus], annotation: Annotation
) -> pd.DataFrame:
    """Table ``clumps``."""
    index = np.array([c.index for c in found], dtype=int)
    frame = _results(tested, index)
    frame.insert(0, "clump", np.arange(1, len(found) + 1))
    frame.insert(1, "locus", _loci_of(index, loci))
    p, position = 10**-tested.neg_log10_p, tested.position
    frame["n_members"] = [len(c.members) for c in found]
    above = np.array([[(p[c.members] > t).sum() for t in P_CLASSES] for c in found], dtype=int)
    above = above.reshape(len(found), len(P_CLASSES))
    classes = np.diff(above, axis=1, append=frame["n_members"].to_numpy(int)[:, None])
    frame["n_not_significant"] = above[:, 0]
    for name, counts in zip(
        ("n_below_0_05", "n_below_0_01", "n_below_0_001", "n_below_0_0001"), classes.T, strict=True
    ):
        frame[name] = counts
    whole = [position[np.append(c.members, c.index)] for c in found]
    frame["start"] = [int(w.min()) for w in whole]
    frame["end"] = [int(w.max()) for w in whole]
    return annotation.complete(frame)


def members(found: list[Clump], tested: Tested) -> pd.DataFrame:
    """Table ``clump_members``."""
    rows = np.concatenate([c.members for c in found]) if found else np.empty(0)
    sizes = [len(c.members) for c in found]
    frame = _places(tested, rows.astype(int))
    frame.insert(0, "clump", np.repeat(np.arange(1, len(found) + 1), sizes))
    frame["r2"] = np.concatenate([c.r2 for c in found]) if found else np.empty(0)
    frame["neg_log10_p_value"] = tested.neg_log10_p[rows.astype(int)]
    return frame


def signals(
    found: list[Found], loci: list[Locus], tested: Tested, annotation: Annotation
) -> pd.DataFrame:
    """Table ``signals`` without what is known of them already."""
    parts, more = [], []
    for number, (one, locus) in enumerate(zip(found, loci, strict=True), 1):
        for i, signal in enumerate(one.signals):
            row = locus.rows[signal.lead]
            span = tested.position[locus.rows[signal.members]]
            joint = one.joint
            told: dict[str, Any] = {
                "locus": number,
                "signal": i + 1,
                "method": "marginal" if joint is None else "conditional",
                "n": tested.numbers("n", [row])[0] if joint is None else one.n,
                "neg_log10_p_value_conditional": np.nan,
                "beta_joint": np.nan,
                "standard_error_joint": np.nan,
                "neg_log10_p_value_joint": np.nan,
                "credible_size": len(signal.members),
                "credible_probability": signal.posterior[signal.members].sum(),
                "credible_start": int(span.min()) if len(span) else None,
                "credible_end": int(span.max()) if len(span) else None,
                "n_not_tested": int(np.isnan(signal.estimates.neg_log10_p).sum()),
            }
            if joint is not None:
                told["neg_log10_p_value_conditional"] = signal.estimates.neg_log10_p[signal.lead]
                told["beta_joint"] = joint.beta[i]
                told["standard_error_joint"] = joint.standard_error[i]
                told["neg_log10_p_value_joint"] = joint.neg_log10_p[i]
            more.append(told)
            parts.append(row)
    names = [
        "locus", "signal", "method", "n", "neg_log10_p_value_conditional", "beta_joint",
        "standard_error_joint", "neg_log10_p_value_joint", "credible_size",
        "credible_probability", "credible_start", "credible_end", "n_not_tested",
    ]  # fmt: skip
    frame = _results(tested, np.array(parts, dtype=int))
    frame = pd.concat([frame, pd.DataFrame(more, columns=names)], axis=1)
    return annotation.complete(frame)


def credible(
    found: list[Found],
    loci: list[Locus],
    tested: Tested,
    r2: list[list[np.ndarray]],
    annotation: Annotation,
) -> pd.DataFrame:
    """Table ``credible``; `r2` of the members of each signal with its variant, by locus."""
    parts = [pd.DataFrame()]
    for number, (one, locus) in enumerate(zip(found, loci, strict=True), 1):
        for i, signal in enumerate(one.signals):
            frame = _places(tested, locus.rows[signal.members])
            frame.insert(0, "locus", number)
            frame.insert(1, "signal", i + 1)
            frame["posterior"] = signal.posterior[signal.members]
            frame["beta"] = signal.estimates.beta[signal.members]
            frame["standard_error"] = signal.estimates.standard_error[signal.members]
            frame["neg_log10_p_value"] = signal.estimates.neg_log10_p[signal.members]
            frame["r2"] = r2[number - 1][i]
            parts.append(frame)
    frame = pd.concat(parts, ignore_index=True)
    if frame.empty:
        frame = pd.DataFrame(columns=[
            "locus", "signal", "variant_id", "chromosome", "base_pair_location", "posterior",
            "beta", "standard_error", "neg_log10_p_value", "r2",
        ])  # fmt: skip
    hit = annotation.hit(frame["variant_id"])
    return pd.concat([frame, hit], axis=1)


def locus_variants(loci: list[Locus], tested: Tested, r2: list[np.ndarray]) -> pd.DataFrame:
    """Table ``locus_variants``, of the variants that were tested."""
    rows = np.concatenate([locus.rows for locus in loci]) if loci else np.empty(0, int)
    frame = _places(tested, rows)
    sizes = [len(locus.rows) for locus in loci]
    frame.insert(0, "locus", np.repeat(np.arange(1, len(loci) + 1), sizes))
    frame["neg_log10_p_value"] = tested.neg_log10_p[rows]
    frame["r2"] = np.concatenate(r2) if loci else np.empty(0)
    return frame[frame["neg_log10_p_value"].notna()].reset_index(drop=True)


def _places(tested: Tested, rows: np.ndarray) -> pd.DataFrame:
    return tested.rows(rows)[PLACE]


def _results(tested: Tested, rows: np.ndarray) -> pd.DataFrame:
    return tested.rows(rows)[[*PLACE, *RESULT]]


def _loci_of(index: np.ndarray, loci: list[Locus]) -> np.ndarray:
    out = np.zeros(len(index), dtype=int)
    for number, locus in enumerate(loci, 1):
        out[np.isin(index, locus.rows)] = number
    return out
