"""A study read to its end: its rows in a scratch file, what was dropped of them, its lambda."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import special

from genopheno.problems import Problem, Problems, StageError
from genopheno.sumstats import rows
from genopheno.sumstats.layouts import Columns, understand
from genopheno.sumstats.store import Store
from genopheno.sumstats.studies import Study
from genopheno.sumstats.tables import batches, open_source

MAX_DISCORDANT = 0.5  # of the rows whose effect, error and p-value can be compared
MIN_COMPARED = 20
MISSHAPEN = "cells"


@dataclass
class Read:
    """A study that was read.

    Attributes
    ----------
    store : its rows. kept : how many.
    lambda_gc : median chi-squared over its expectation, of effect over error (`wald`) or of the
        p-values; None: no row has it.
    """

    study: Study
    columns: Columns
    store: Store
    counts: rows.Counts
    kept: int
    lambda_gc: float | None

    def summary(self) -> dict:
        """What the JSON beside the output says of it."""
        return {
            "name": self.study.name,
            "path": str(self.study.path),
            "layout": self.columns.layout.name,
            "columns": dict(self.columns.of),
            "rows": self.counts.rows,
            "rows_kept": self.kept,
            "rows_dropped": dict(sorted(self.counts.dropped.items())),
            "rows_mended": {k: v for k, v in sorted(self.counts.mended.items()) if v},
            "lambda_gc": self.lambda_gc,
        }


def read_study(study: Study, scratch: Path, *, max_dropped: float, wald: bool = True) -> Read:
    """Read a study.

    Parameters
    ----------
    scratch : folder for its rows.
    max_dropped : share of its rows that may be dropped for faults.
    wald : whether lambda is that of effect over error.

    Raises
    ------
    StageError : the file cannot be understood, more rows than that are faulty, none is left, or
        effects, errors and p-values do not belong together.
    """
    source = open_source(study.path)
    columns = understand(source.header, study.path, study.columns)
    store = Store(scratch / f"{study.name}.arrow", rows.SCHEMA)
    counts, squares, kept = rows.Counts(), [], 0
    with store:
        for before, piece in batches(source, columns.names):
            table = rows.read(piece, columns, study, counts, before)
            store.add(table)
            kept += table.num_rows
            z = table["z_score"].to_numpy()
            if wald:
                z = table["beta"].to_numpy() / table["standard_error"].to_numpy()
            squares.append(z[~np.isnan(z)] ** 2)
    if source.misshapen:
        counts.rows += source.misshapen
        counts.dropped[MISSHAPEN] += source.misshapen
    assert counts.rows == kept + sum(counts.dropped.values())
    _judge(study, source, counts, kept, max_dropped).raise_if_any()
    chi2 = np.concatenate(squares)
    lambda_gc = float(np.median(chi2) / special.chdtri(1, 0.5)) if chi2.size else None
    return Read(study, columns, store, counts, kept, lambda_gc)


def read_studies(studies: list[Study], scratch: Path, **options) -> list[Read]:
    """Read each; the problems of all of them are told at once."""
    found, done = Problems(), []
    for study in studies:
        try:
            done.append(read_study(study, scratch, **options))
        except StageError as error:
            found.extend(error.problems)
    found.raise_if_any()
    return done


def _judge(study: Study, source, counts: rows.Counts, kept: int, max_dropped: float) -> Problems:
    found = Problems()
    path = study.path
    if not counts.rows:
        found.add("sumstats-empty", path, "it has a header and no row", "Give the whole file")
        return found
    faulty = {k: n for k, n in counts.dropped.items() if k not in rows.CHOICES}
    if sum(faulty.values()) > max_dropped * counts.rows:
        found.items.append(_too_many(study, source, counts, faulty, max_dropped))
    elif not kept:
        what = f"none of its {counts.rows} rows is left: {dict(counts.dropped)}"
        mend = "Lower min_frequency or min_info of the study"
        found.add("sumstats-empty", path, what, mend)
    if counts.compared >= MIN_COMPARED and counts.discordant > MAX_DISCORDANT * counts.compared:
        found.add(
            "sumstats-inconsistent",
            path,
            f"in {counts.discordant} of {counts.compared} rows with effect, standard error and "
            "p-value, effect / error is not within a factor of 2 of the p-value's z-score",
            "Say in the study's columns which column is which; the error of an odds ratio must be "
            "that of its logarithm (or leave it out: standard_error: '')",
        )
    return found


def _too_many(
    study: Study, source, counts: rows.Counts, faulty: dict[str, int], max_dropped: float
) -> Problem:
    told = []
    for reason, n in sorted(faulty.items(), key=lambda item: -item[1]):
        if reason == MISSHAPEN:
            _, text = source.example
            told.append(f"{n} with another number of cells than the header (such as {text[:60]!r})")
        else:
            told.append(f"{n} with {rows.FAULTS[reason]} (first: row {counts.examples[reason]})")
    number = f"{sum(faulty.values())} of its {counts.rows} rows are faulty: "
    mend = f"Mend the file or the study's columns; --max-dropped allows more than {max_dropped:g}"
    if "alleles-no-bases" in faulty:
        mend += "; numbered_alleles: true reads 1 to 4 as A, C, G, T"
    return Problem("sumstats-dropped", str(study.path), None, None, number + "; ".join(told), mend)
