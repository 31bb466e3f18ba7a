"""One window of a meta-analysis: matched variants in, rows of the table ``meta`` out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from genopheno import fields
from genopheno.sumstats import estimates
from genopheno.sumstats.estimates import Estimate
from genopheno.sumstats.match import Matched

Method = Literal["inverse-variance", "random-effects", "sample-size"]


@dataclass(frozen=True)
class Options:
    """How studies are combined.

    Attributes
    ----------
    method : what `beta`, `standard_error` and `neg_log10_p_value` are of.
    min_studies : variants of fewer studies are left out.
    per_study, leave_one_out : columns of every study, and of all studies but one.
    """

    method: Method = "inverse-variance"
    min_studies: int = 1
    per_study: bool = False
    leave_one_out: bool = False


BY_VARIANCE = Options()


@dataclass
class Combined:
    """Variants of one window, combined.

    Attributes
    ----------
    table : rows of the table ``meta``, columns by `schema`.
    studies : numbers of theirs, [studies × variants], after genomic control.
    main : the chosen estimate. others : row of ``meta_loci`` → estimate, for the same variants.
    without : estimate without each study.
    too_few : variants left out, for they are of fewer than `min_studies` studies.
    unusable : rows of each study that lack what the method needs.
    """

    table: pa.Table
    studies: dict[str, np.ndarray]
    main: Estimate
    others: dict[str, Estimate]
    without: list[Estimate]
    too_few: int
    unusable: np.ndarray


def extra(studies: Sequence[str], options: Options) -> list[fields.Field]:
    """Columns of the table ``meta`` that depend on the options."""
    kinds = []
    if options.per_study:
        kinds += ["{study}_beta", "{study}_standard_error"]
    if options.leave_one_out:
        kinds += [f"without_{{study}}_{name}" for name in (
            "beta", "standard_error", "neg_log10_p_value"
        )]  # fmt: skip
    return [fields.member("meta", kind, study=study) for study in studies for kind in kinds]


def combine(
    contig: str,
    matched: Matched,
    studies: Sequence[str],
    lambdas: np.ndarray,
    options: Options,
    schema: pa.Schema,
) -> Combined:
    """Combine the studies.

    Parameters
    ----------
    studies : their names, in order. lambdas : [studies] genomic control of each; 1: none.
    schema : of the table.
    """
    values = estimates.controlled(matched.numbers, lambdas)
    by_z = options.method == "sample-size"
    needed = ("z_score", "weight") if by_z else ("beta", "standard_error")
    usable = matched.present & ~np.any([np.isnan(values[name]) for name in needed], axis=0)
    unusable = (matched.present & ~usable).sum(axis=1)
    values = {name: np.where(usable, value, np.nan) for name, value in values.items()}
    enough = usable.sum(axis=0) >= max(options.min_studies, 1)
    too_few = int((~enough).sum())
    values, usable = {k: v[:, enough] for k, v in values.items()}, usable[:, enough]
    beta, error = values["beta"], values["standard_error"]
    if by_z:
        apart = estimates.heterogeneity_of_z(values["z_score"], values["weight"])
        main = estimates.sample_size(values["z_score"], values["weight"])
        others = {"sample-size": main}
        without = estimates.leave_one_out(
            estimates.sample_size, values["z_score"], values["weight"]
        )
    else:
        apart = estimates.heterogeneity(beta, error)
        others = {
            "fixed": estimates.fixed(beta, error),
            "random": estimates.random(beta, error, apart.tau2),
        }
        fixed = options.method == "inverse-variance"
        main = others["fixed" if fixed else "random"]
        alone = estimates.fixed if fixed else estimates.random_alone
        without = estimates.leave_one_out(alone, beta, error)
    columns = {
        **_names(contig, matched, enough),
        **_estimate(main, ""),
        "z_score": main.z_score,
        **_people(values, usable),
        "direction": direction(values["z_score"] if by_z else beta, usable),
        "heterogeneity_q": apart.q,
        "heterogeneity_df": apart.df.astype(np.int32),
        "heterogeneity_i2": apart.i2,
        "heterogeneity_neg_log10_p_value": apart.neg_log10_p,
        "tau2": apart.tau2,
        **_estimate(others.get("random"), "random_", beta.shape[1]),
        **_weakest(without, studies, beta.shape[1]),
    }
    for index, study in enumerate(studies):
        columns |= {f"{study}_{name}": values[name][index] for name in SHOWN}
        columns |= _estimate(without[index], f"without_{study}_")
    table = pa.table([_array(columns[field.name], field) for field in schema], schema=schema)
    return Combined(table, values, main, others, without, too_few, unusable)


SHOWN = ("beta", "standard_error")


def direction(effects: np.ndarray, there: np.ndarray) -> pa.Array:
    """A text a variant: + - 0 by the sign of each study's effect, ? where it is absent.

    Parameters
    ----------
    effects : [studies × variants]. there : [studies × variants] bool.
    """
    signs = np.where(effects > 0, b"+", np.where(effects < 0, b"-", b"0"))
    signs = np.ascontiguousarray(np.where(there, signs, b"?").astype("S1").T)
    if not len(signs):
        return pa.array([], pa.string())
    return pa.array(signs.view(f"S{signs.shape[1]}")[:, 0]).cast(pa.string())


def _names(contig: str, matched: Matched, enough: np.ndarray) -> dict:
    keep = pa.array(enough)
    position = pa.array(matched.position[enough])
    effect, other = matched.effect_allele.filter(keep), matched.other_allele.filter(keep)
    variant = pc.binary_join_element_wise(
        pa.scalar(contig), position.cast(pa.string()), other, effect, ":"
    )
    return {
        "chromosome": pa.repeat(contig, len(position)),
        "base_pair_location": position,
        "effect_allele": effect,
        "other_allele": other,
        "variant_id": variant,
        "rsid": matched.rsid.filter(keep),
    }


def _estimate(estimate: Estimate | None, prefix: str, variants: int = 0) -> dict:
    nothing = np.full(variants, np.nan)
    if estimate is None:
        return {f"{prefix}{name}": nothing for name in (*SHOWN, "neg_log10_p_value")}
    missing = np.full(len(estimate.z_score), np.nan)
    return {
        f"{prefix}beta": missing if estimate.beta is None else estimate.beta,
        f"{prefix}standard_error": (
            missing if estimate.standard_error is None else estimate.standard_error
        ),
        f"{prefix}neg_log10_p_value": estimate.neg_log10_p,
    }


def _people(values: dict[str, np.ndarray], there: np.ndarray) -> dict:
    frequency, n = values["frequency"], values["n"]
    known = ~np.isnan(frequency)
    all_known = (known <= ~np.isnan(n)).all(axis=0)
    weight = np.where(known, np.where(all_known, np.nan_to_num(n), 1.0), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (weight * np.nan_to_num(frequency)).sum(axis=0) / weight.sum(axis=0)
    any_known = known.any(axis=0)
    low = np.where(known, frequency, np.inf).min(axis=0, initial=np.inf)
    high = np.where(known, frequency, -np.inf).max(axis=0, initial=-np.inf)
    return {
        "effect_allele_frequency": mean,
        "min_effect_allele_frequency": np.where(any_known, low, np.nan),
        "max_effect_allele_frequency": np.where(any_known, high, np.nan),
        "n": np.where((there <= ~np.isnan(n)).all(axis=0), np.nansum(n, axis=0), np.nan),
        "n_studies": there.sum(axis=0).astype(np.int32),
    }


def _weakest(without: list[Estimate], studies: Sequence[str], variants: int) -> dict:
    """Least -log10 p without one study, and the study; only where two or more have the variant."""
    tails = np.array([estimate.neg_log10_p for estimate in without]).reshape(len(studies), variants)
    several = ~np.isnan(tails).any(axis=0)
    least = np.argmin(np.where(np.isnan(tails), np.inf, tails), axis=0)
    names = pa.array(list(studies)).take(pa.array(least))
    return {
        "leave_one_out_neg_log10_p_value": np.where(
            several, tails[least, np.arange(variants)], np.nan
        ),
        "leave_one_out_study": pc.if_else(pa.array(several), names, pa.scalar(None, pa.string())),
    }


def _array(values, field: pa.Field) -> pa.Array:
    if isinstance(values, np.ndarray) and values.dtype == float:
        return pa.array(values, field.type, from_pandas=True)  # NaN is null
    return values if isinstance(values, pa.Array) else pa.array(values, field.type)
