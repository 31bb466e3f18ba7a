"""Who is tested for which trait, with which numbers: the design of the association.

A trait's people are those with genotypes, a phenotype and all of the trait's covariates.
Transforms and category codings are made on exactly these people, trait by trait, so no
trait's missing values change another trait's numbers. What cannot be fitted is set aside
with its reason and does not stop the rest.

On disk a design is ``design.parquet``, one row per sample, and ``design.json`` beside it:

=======================  ==================================================================
``sample``               sequenced library pool, as in the genotype files
``y:{trait}``            the transformed trait (binary: 1 case, 0 control; time-to-event: 1
                         event, 0 censored); null: not used
``time:{trait}``         time-to-event: end of follow-up; null: not used
``entry:{trait}``        time-to-event with delayed entry: start of follow-up
``x:{trait}:{name}``     a covariate of that trait; null: the sample cannot be used. The
                         intercept is not written. Columns have full rank with it.
``complete:{trait}``     the sample could be used: it has genotypes and all covariates,
                         whether or not the trait is known
=======================  ==================================================================

Any engine that fits these columns, people with a null left out, fits the same model.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from genopheno import fields
from genopheno.files import read_json, write_json, writing
from genopheno.problems import fail

MODELS = REGRESSION, WGR, LMM = "regression", "wgr", "lmm"


@dataclass
class TraitDesign:
    """One trait, ready to be fitted.

    Attributes
    ----------
    name : name of the trait.
    type : 'quantitative', 'binary' or 'time-to-event'.
    y : (samples,) float64, transformed; NaN where the sample is not used.
    x : (samples, k) float64 covariates without the intercept; NaN where not `complete`.
    covariates : names of the columns of x; a category is 'name=level'.
    reason : why it is not fitted; None: it is.
    info : what else is published: unit, transform, reference levels, notices, counts of
        samples left out by reason, the model and why.
    time, entry : (samples,) float64 end and start of follow-up of a time-to-event trait, NaN
        where not used; None: of another type, or everybody starts at 0.
    complete : (samples,) bool, those that could be used: with genotypes and all covariates,
        whether or not the trait is known. None: those used.
    """

    name: str
    type: str
    y: np.ndarray
    x: np.ndarray
    covariates: list[str]
    reason: str | None = None
    info: dict = field(default_factory=dict)
    time: np.ndarray | None = None
    entry: np.ndarray | None = None
    complete: np.ndarray | None = None

    def __post_init__(self):
        if self.complete is None:
            self.complete = self.used

    @property
    def used(self) -> np.ndarray:
        """(samples,) bool."""
        return ~np.isnan(self.y)

    @property
    def n(self) -> int:
        return int(self.used.sum())

    @property
    def model(self) -> str:
        """How it is tested: 'regression', 'wgr' or 'lmm'."""
        return self.info.get("model", REGRESSION)

    @property
    def n_cases(self) -> int | None:
        """People with 1: cases, or events."""
        return int(np.nansum(self.y)) if self.type != "quantitative" else None

    @property
    def n_controls(self) -> int | None:
        """People with 0: controls, or censored."""
        return self.n - int(np.nansum(self.y)) if self.type != "quantitative" else None


@dataclass
class Design:
    """Samples and traits.

    Attributes
    ----------
    samples : names, in the order of every array of the traits.
    traits : in the order in which they were declared.
    info : counts of samples left out of every trait, by reason; components used; notices.
    """

    samples: list[str]
    traits: list[TraitDesign]
    info: dict = field(default_factory=dict)

    @property
    def fitted(self) -> list[TraitDesign]:
        """Traits that can be fitted."""
        return [trait for trait in self.traits if trait.reason is None]

    def aligned(self, samples: list[str]) -> Design:
        """The same design in the order of `samples`; those it does not know are not used.

        Raises
        ------
        StageError : a sample of the design is not among `samples`.
        """
        if samples == self.samples:
            return self
        place = {sample: i for i, sample in enumerate(self.samples)}
        absent = sorted(place.keys() - set(samples))
        if absent:
            raise fail(
                "design-sample-unknown",
                "design",
                f"{len(absent)} samples have no genotypes, such as {', '.join(absent[:5])}",
                "Make the design from the sample table of the same join",
            )
        index = np.array([place.get(sample, -1) for sample in samples])

        def move(values: np.ndarray | None) -> np.ndarray | None:
            if values is None:
                return None
            out = values[index]
            out[index < 0] = np.nan
            return out

        traits = [
            replace(
                t,
                **{part: move(getattr(t, part)) for part in ("y", "x", "time", "entry")},
                complete=t.complete[index] & (index >= 0),
            )
            for t in self.traits
        ]
        return Design(list(samples), traits, self.info)

    def write(self, path: str | Path) -> None:
        """Write `path` (Parquet) and the JSON of the same name beside it."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = Path(path)
        columns, extra = [pa.array(self.samples, pa.string())], []
        for trait in self.traits:
            unit = trait.info.get("unit", "") if trait.info.get("transform") == "none" else ""
            for family, values in (("y", trait.y), ("time", trait.time), ("entry", trait.entry)):
                if values is None:
                    continue
                told = fields.member("design", f"{family}:{{trait}}", trait=trait.name)
                # The unit of a time-to-event trait is that of its times.
                plain = family == "y" and trait.time is not None
                extra.append(replace(told, unit="" if plain else unit))
                columns.append(pa.array(values, from_pandas=True))
            extra.append(fields.member("design", "complete:{trait}", trait=trait.name))
            columns.append(pa.array(trait.complete))
            for name, values in zip(trait.covariates, trait.x.T, strict=True):
                extra.append(
                    fields.member(
                        "design", "x:{trait}:{covariate}", trait=trait.name, covariate=name
                    )
                )
                columns.append(pa.array(values, from_pandas=True))
        table = pa.Table.from_arrays(columns, schema=fields.schema("design", extra=extra))
        with writing(path) as beside:
            pq.write_table(table, beside, compression="zstd")
        write_json(
            path.with_suffix(".json"),
            {
                **self.info,
                "traits": [
                    {
                        **trait.info,
                        "name": trait.name,
                        "type": trait.type,
                        "covariates": trait.covariates,
                        "n": trait.n,
                        "n_cases": trait.n_cases,
                        "n_controls": trait.n_controls,
                        "reason": trait.reason,
                    }
                    for trait in self.traits
                ],
            },
        )


def read(path: str | Path) -> Design:
    """Read what `Design.write` wrote."""
    import pyarrow.parquet as pq

    path = Path(path)
    table = pq.ParquetFile(path).read()  # read_table would import pandas
    info = read_json(path.with_suffix(".json"))
    samples = table["sample"].to_pylist()

    def column(name: str) -> np.ndarray:
        return np.array(fields.numbers(table[name]), dtype=float)

    def optional(name: str) -> np.ndarray | None:
        return column(name) if name in table.column_names else None

    derived = {"name", "type", "covariates", "n", "n_cases", "n_controls", "reason"}
    traits = []
    for entry in info.pop("traits"):
        name, covariates = entry["name"], entry["covariates"]
        x = [column(f"x:{name}:{covariate}") for covariate in covariates]
        traits.append(
            TraitDesign(
                name,
                entry["type"],
                column(f"y:{name}"),
                np.column_stack(x) if x else np.empty((len(samples), 0)),
                covariates,
                entry["reason"],
                {key: value for key, value in entry.items() if key not in derived},
                optional(f"time:{name}"),
                optional(f"entry:{name}"),
                fields.numbers(table[f"complete:{name}"]),
            )
        )
    return Design(samples, traits, info)
