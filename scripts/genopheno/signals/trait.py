"""A trait as the scan tested it: people, values, covariates and what step 1 predicts.

Read from the files of ``genopheno design`` and ``genopheno loco``, so that conditional tests are
those of the scan with more covariates.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genopheno.files import read_json
from genopheno.problems import fail

BINARY = "binary"


@dataclass(frozen=True)
class Trait:
    """One trait on the samples of the genotypes.

    Attributes
    ----------
    name : its name.
    type : 'quantitative', 'binary' or 'time-to-event'.
    model : 'regression', 'wgr' or 'lmm'.
    y : (samples,) float64, NaN where the sample is not used.
    x : (samples, k) float64 covariates, the intercept first; NaN where not used.
    reason : why it was not tested; None: it was.
    predicted : (samples,) prediction of step 1, by contig that was left out ('': none was);
        {}: there is none.
    """

    name: str
    type: str
    model: str
    y: np.ndarray
    x: np.ndarray
    reason: str | None
    predicted: dict[str, np.ndarray]

    @property
    def used(self) -> np.ndarray:
        """(samples,) bool."""
        return ~np.isnan(self.y)

    def given(self, contig: str) -> np.ndarray | None:
        """(samples,) what step 1 predicts for variants of a contig; None: nothing."""
        return self.predicted.get(contig, self.predicted.get(""))

    @property
    def no_conditions(self) -> str | None:
        """Why variants cannot be conditioned on each other; None: they can."""
        if self.model == "wgr" and not self.predicted:
            return "the predictions of step 1 are absent: nothing was conditioned on"
        if self.type == "time-to-event":
            return "time-to-event traits have no conditional tests"
        if self.model == "lmm":
            return "the linear mixed model has no conditional tests"
        return None


def read(
    design: str | Path, name: str, samples: list[str], loco: str | Path | None = None
) -> Trait:
    """Read one trait.

    Parameters
    ----------
    design : ``design.parquet``, its JSON beside.
    samples : those of the genotypes, in their order.
    loco : ``loco.parquet``, for traits of whole-genome regression.

    Raises
    ------
    StageError : the design has no such trait, or it names people without genotypes.
    """
    import pyarrow.parquet as pq

    design = Path(design)
    told = {t["name"]: t for t in read_json(design.with_suffix(".json"))["traits"]}
    if name not in told:
        raise fail(
            "signals-trait-unknown",
            design,
            f"there is no trait {name}: it has {', '.join(told)}",
            "Give the design of the scan",
        )
    entry = told[name]
    columns = [f"y:{name}", *(f"x:{name}:{c}" for c in entry["covariates"])]
    table = pq.read_table(design, columns=["sample", *columns])
    place = {sample: i for i, sample in enumerate(samples)}
    rows = np.array([place.get(s, -1) for s in table["sample"].to_pylist()])
    if (rows < 0).any():
        raise fail(
            "signals-sample-unknown", design,
            f"{int((rows < 0).sum())} of its samples have no genotypes",
            "Give the design and the genotypes of the scan",
        )  # fmt: skip
    values = np.full((len(columns), len(samples)), np.nan)
    for i, column in enumerate(columns):
        values[i, rows] = table[column].to_numpy()
    x = np.column_stack([np.where(np.isnan(values[0]), np.nan, 1.0), *values[1:]])
    model = entry.get("model", "regression")
    predicted = _predictions(loco, name, place) if loco and model == "wgr" else {}
    return Trait(name, entry["type"], model, values[0], x, entry["reason"], predicted)


def _predictions(loco: str | Path, name: str, place: dict[str, int]) -> dict[str, np.ndarray]:
    import pandas as pd

    frame = pd.read_parquet(loco, filters=[("trait", "==", name)]).fillna({"chromosome": ""})
    out = {}
    for contig, part in frame.groupby("chromosome"):
        out[str(contig)] = np.full(len(place), np.nan)
        out[str(contig)][[place[s] for s in part["sample"]]] = part["prediction"]
    return out
