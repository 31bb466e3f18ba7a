"""Rows of summary statistics, from whatever columns say them; none is dropped without a reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from genopheno.sumstats import alleles, chromosomes, numbers
from genopheno.sumstats.layouts import Columns
from genopheno.sumstats.studies import Study

# Reasons for which a row is dropped. The first that holds is counted.
FAULTS = {
    "place": "no chromosome, or a position that is no whole number above 0",
    "alleles-missing": "an allele is missing",
    "alleles-no-bases": "an allele is not made of A, C, G and T",
    "alleles-equal": "both alleles are the same",
    "not-a-number": "a text where a number is needed",
    "effect-missing": "no effect, or an infinite one",
    "odds-ratio": "an odds ratio that is not above 0",
    "standard-error": "a standard error or confidence interval that is not above 0",
    "p-value": "a p-value outside 0 to 1",
    "p-zero": "a p-value of 0, and no standard error to compute it from",
    "frequency": "an allele frequency outside 0 to 1",
    "n": "a number of people that is not above 0",
    "error-missing": "neither a standard error nor a p-value to derive one from",
}
# Reasons that are no fault of the file.
CHOICES = {
    "other-test": "the row of a covariate or of another test than the additive one",
    "frequency-below": "rarer than min_frequency",
    "info-below": "imputed worse than min_info",
}
ADDITIVE = "ADD"
HAS_OTHER_TESTS = ("plink2", "regenie")
PLACE = r"^(?:chr)?(?P<c>[0-9]{1,2}|[XxYyMm][Tt]?)[:_](?P<p>[0-9]+)(?:[:_].*)?$"
SCHEMA = pa.schema(
    [
        ("contig", pa.string()),
        ("position", pa.int32()),
        ("effect_allele", pa.string()),
        ("other_allele", pa.string()),
        ("beta", pa.float64()),
        ("standard_error", pa.float64()),
        ("z_score", pa.float64()),
        ("frequency", pa.float64()),
        ("n", pa.float64()),
        ("weight", pa.float64()),
        ("rsid", pa.string()),
    ]
)


@dataclass
class Counts:
    """What happened to the rows of a study.

    Attributes
    ----------
    rows : read, with those of a wrong number of cells.
    dropped : reason → rows. mended : what was derived → rows.
    examples : reason → the first row of that kind (1: the first below the header).
    compared, discordant : rows whose effect, error and p-value were all given and whose z-score is
        above 1; and of those, the ones in which effect / error is not within a factor of 2 of it.
    """

    rows: int = 0
    dropped: Counter = field(default_factory=Counter)
    mended: Counter = field(default_factory=Counter)
    examples: dict[str, int] = field(default_factory=dict)
    compared: int = 0
    discordant: int = 0


def read(table: pa.Table, columns: Columns, study: Study, counts: Counts, before: int) -> pa.Table:
    """Rows of one piece of a file in the form of `SCHEMA`.

    `z_score` is that of the p-value with the sign of the effect (+ where the effect is 0); where
    there is no p-value, effect over error. `weight` is `n`, or the effective number where cases
    and controls are known.

    Parameters
    ----------
    table : the columns that `columns` names. before : rows of the file before these.
    counts : added to.
    """
    rows = table.num_rows
    column = {role: table[name] for role, name in columns.of.items()}
    refuse = _Refusals(rows, counts, before)
    if columns.layout.name in HAS_OTHER_TESTS and "test" in column:
        additive = pc.fill_null(pc.equal(column["test"], ADDITIVE), False).to_numpy()
        refuse("other-test", ~additive)
    contig, names, position = _places(column, columns.layout.chromosome_25)
    whole = (position == np.floor(position)) & (position > 0) & (position < 2**31)
    refuse("place", (contig < 0) | ~whole)
    effect, other = _alleles(table, column, columns, study.numbered_alleles)
    refuse("alleles-missing", _is_null(effect) | _is_null(other))
    refuse("alleles-no-bases", ~(alleles.are_bases(effect) & alleles.are_bases(other)))
    refuse("alleles-equal", pc.fill_null(pc.equal(effect, other), False).to_numpy())
    value, given = _numbers(column, rows, refuse)
    _constants(value, study)
    mended, compared, apart = _effects(value, given, refuse)
    refuse("frequency", ~_within(value["effect_allele_frequency"], 0, 1))
    refuse("n", _any(value, ("n", "n_cases", "n_controls"), lambda v: v <= 0))
    frequency = value["effect_allele_frequency"]
    with np.errstate(invalid="ignore"):
        refuse("frequency-below", np.minimum(frequency, 1 - frequency) < study.min_frequency)
        refuse("info-below", value["info"] < study.min_info)
    kept = refuse.kept()
    counts.rows += rows
    for what, which in mended.items():
        counts.mended[what] += int((which & kept).sum())
    counts.compared += int((compared & kept).sum())
    counts.discordant += int((compared & apart & kept).sum())
    both = numbers.effective_n(value["n_cases"], value["n_controls"])
    weight = np.where(np.isnan(both), value["n"], both)
    out = {
        "contig": pa.array(names, pa.string()).take(pa.array(contig, mask=contig < 0)),
        "position": pa.array(np.where(whole, position, 0).astype(np.int32)),
        "effect_allele": effect,
        "other_allele": other,
        "beta": pa.array(value["beta"]),
        "standard_error": pa.array(value["standard_error"]),
        "z_score": pa.array(value["z_score"]),
        "frequency": pa.array(frequency),
        "n": pa.array(value["n"]),
        "weight": pa.array(weight),
        "rsid": _rsids(column, rows),
    }
    return _shortened(pa.table(out, schema=SCHEMA).filter(pa.array(kept)), counts)


class _Refusals:
    """Which rows are dropped, and why; the first reason of a row stays."""

    def __init__(self, rows: int, counts: Counts, before: int):
        self._dropped, self._counts, self._before = np.zeros(rows, bool), counts, before

    def __call__(self, reason: str, rows: np.ndarray) -> None:
        new = rows & ~self._dropped
        if new.any():
            self._counts.dropped[reason] += int(new.sum())
            self._counts.examples.setdefault(reason, self._before + int(np.argmax(new)) + 1)
            self._dropped |= new

    def kept(self) -> np.ndarray:
        return ~self._dropped


def _places(column: dict, chromosome_25: str) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Codes of contigs and their names, and positions as numbers (NaN where none)."""
    if {"chromosome", "base_pair_location"} <= column.keys():
        contig, position = column["chromosome"], column["base_pair_location"]
    else:
        text = column["variant_id" if "variant_id" in column else "rsid"]
        parts = pc.extract_regex(text, PLACE)
        contig, position = (pc.struct_field(parts, name) for name in ("c", "p"))
    codes, names = chromosomes.names(contig, chromosome_25)
    where, _ = numbers.parse(position, len(position))
    return codes, names, where


def _alleles(table: pa.Table, column: dict, columns: Columns, numbered: bool):
    effect = alleles.spelled(column["effect_allele"], numbered)
    if "other_allele" in column:
        return effect, alleles.spelled(column["other_allele"], numbered)
    reference = alleles.spelled(table[columns.reference], numbered)
    alternate = alleles.spelled(table[columns.alternate], numbered)
    return effect, pc.if_else(pc.equal(effect, reference), alternate, reference)


NUMERIC = (
    "beta", "odds_ratio", "standard_error", "ci_lower", "ci_upper", "z_score", "p_value",
    "neg_log10_p_value", "effect_allele_frequency", "n", "n_cases", "n_controls", "info",
)  # fmt: skip


def _numbers(column: dict, rows: int, refuse: _Refusals) -> tuple[dict, dict]:
    """Numbers of every role, and the column of the p-value as it was."""
    value, malformed = {}, np.zeros(rows, bool)
    for role in NUMERIC:
        value[role], bad = numbers.parse(column.get(role), rows)
        malformed |= bad
    refuse("not-a-number", malformed)
    return value, {"p_value": column.get("p_value")}


def _constants(value: dict, study: Study) -> None:
    """Fill in numbers of people that the study says and the file does not."""
    for role in ("n", "n_cases", "n_controls"):
        if getattr(study, role) is not None:
            value[role] = np.where(np.isnan(value[role]), getattr(study, role), value[role])
    both = value["n_cases"] + value["n_controls"]
    value["n"] = np.where(np.isnan(value["n"]), both, value["n"])


def _effects(
    value: dict, given: dict, refuse: _Refusals
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Effect, error and z-score of each row, each derived from the others where it lacks.

    Returns
    -------
    mended : what was derived → [rows] bool.
    compared, apart : [rows] bool, as in `Counts`.
    """
    beta, error, z = value["beta"], value["standard_error"], value["z_score"]
    ratio, low, high = value["odds_ratio"], value["ci_lower"], value["ci_upper"]
    refuse("odds-ratio", np.isnan(beta) & (ratio <= 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        of_ratio = np.isnan(beta) & (ratio > 0)
        beta = np.where(of_ratio, np.log(ratio), beta)
        width = np.where(of_ratio, np.log(high) - np.log(low), high - low)
        of_interval = np.isnan(error) & ~np.isnan(high - low)
        error = np.where(of_interval, width / numbers.CI_WIDTH, error)
    refuse("effect-missing", (np.isnan(beta) & np.isnan(z)) | np.isinf(beta) | np.isinf(z))
    faulty = ~np.isnan(error) & ~((error > 0) & np.isfinite(error))
    refuse("standard-error", faulty | (of_interval & np.isnan(error)))
    p, said = value["p_value"], value["neg_log10_p_value"]
    refuse("p-value", ~_within(p, 0, 1) | (said < 0))
    exact, from_text = numbers.neg_log10(given["p_value"], p)
    tail = np.where(np.isnan(said), exact, said)
    # An effect that was rounded to 0 counts as positive, to -0 as negative, as in METAL.
    sign = np.where(np.signbit(np.where(np.isnan(beta), z, beta)), -1.0, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        wald = beta / error
    zero = np.isinf(tail)
    refuse("p-zero", zero & np.isnan(wald) & np.isnan(z))
    z_of_p = np.where(zero, np.nan, numbers.z_from_p(np.where(zero, np.nan, tail), sign))
    derived = np.isnan(error) & ~np.isnan(beta)
    of_z = np.isnan(z_of_p) & derived & np.isfinite(z) & (z != 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        from_z = np.abs(beta / z)
    error = np.where(derived, np.where(of_z, from_z, numbers.error_from_p(beta, tail)), error)
    error = np.where(error > 0, error, np.nan)
    score = np.where(np.isnan(z_of_p), np.where(np.isnan(z), wald, z), z_of_p)
    refuse("error-missing", np.isnan(score))
    mended = {
        "effect from odds ratio": of_ratio,
        "standard error from confidence interval": of_interval,
        "standard error from effect and p-value": derived & ~np.isnan(error),
        "p-value from effect and standard error": np.isnan(tail),
        "p-value of 0 computed from effect and standard error": zero,
        "p-value below 1e-290 read digit by digit": from_text,
    }
    with np.errstate(invalid="ignore", divide="ignore"):
        compared = ~derived & (np.abs(z_of_p) > 1) & ~np.isnan(wald)
        apart = np.abs(np.log2(np.abs(wald / z_of_p))) > 1
    value.update(beta=beta, standard_error=error, z_score=score)
    return mended, compared, apart


def _rsids(column: dict, rows: int) -> pa.Array | pa.ChunkedArray:
    """dbSNP names where there are any."""
    names = pa.nulls(rows, pa.string())
    for role in ("variant_id", "rsid"):
        if role in column and pa.types.is_string(column[role].type):
            known = pc.fill_null(pc.starts_with(column[role], "rs"), False)
            names = pc.if_else(known, column[role], names)
    return names


def _shortened(table: pa.Table, counts: Counts) -> pa.Table:
    """Pairs of alleles of several bases in their shortest form, with the position moved along."""
    effect, other = table["effect_allele"], table["other_allele"]
    long = pc.and_(pc.greater(pc.binary_length(effect), 1), pc.greater(pc.binary_length(other), 1))
    rows = np.flatnonzero(long.to_numpy())
    if not rows.size:
        return table
    position = table["position"].to_numpy().copy()
    a, b = effect.to_pylist(), other.to_pylist()
    for row in rows:
        short = alleles.shortest(int(position[row]), a[row], b[row])
        counts.mended["alleles put in their shortest form"] += short[1] != a[row]
        position[row], a[row], b[row] = short
    for name, values in (("position", position), ("effect_allele", a), ("other_allele", b)):
        index = SCHEMA.get_field_index(name)
        table = table.set_column(index, SCHEMA.field(name), pa.array(values, SCHEMA.types[index]))
    return table


def _is_null(column: pa.ChunkedArray) -> np.ndarray:
    return pc.is_null(column).to_numpy()


def _within(value: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.isnan(value) | ((value >= low) & (value <= high))


def _any(value: dict, roles: tuple[str, ...], test) -> np.ndarray:
    return np.any([test(value[role]) for role in roles], axis=0)
