"""Cohort summaries: counts, allele frequencies and trait distributions, overall and per group.

Two passes over the genotypes: one along the variants (frequencies), one along the people.
Only variants that pass are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from genopheno import fields
from genopheno.cohort import exchange
from genopheno.cohort.session import SMALL, hail_session
from genopheno.files import write_json
from genopheno.problems import fail

if TYPE_CHECKING:
    import hail as hl

EVERYONE = ("all", "all")
UNKNOWN = "unknown"


def summarise(
    cohort_mt: str | Path,
    out_dir: str | Path,
    *,
    groups: Sequence[str] = (),
    threads: int = 1,
    memory_mb: int = 4000,
    spark_conf: dict[str, str] | None = None,
) -> None:
    """Write ``summaries.json`` and the tables frequencies, groups and phenotypes (Parquet).

    Parameters
    ----------
    cohort_mt : matrix that `join` wrote.
    groups : columns of the phenotype table, or sex, whose values make the groups. A missing
        value is the level ``unknown``.

    Raises
    ------
    StageError : a column of `groups` is not there, or no variant passes.
    """
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    tmp_dir = out_dir / ".hail-summarise"
    size = sum(file.stat().st_size for file in Path(cohort_mt).rglob("*") if file.is_file())
    with hail_session(
        tmp_dir,
        memory_mb=memory_mb,
        threads=threads,
        small=size < SMALL,
        spark_conf=spark_conf,
    ) as hl:
        mt = hl.read_matrix_table(exchange.uri(cohort_mt))
        if unknown := [g for g in groups if g != "sex" and g not in mt.phenotypes]:
            raise fail(
                "groups-unknown",
                cohort_mt,
                f"it has no participant columns {', '.join(unknown)}",
                f"Set summaries.groups to columns among sex, {', '.join(mt.phenotypes)}",
            )
        # The keys of both axes stay; whatever else is not read costs nothing.
        mt = mt.filter_rows(mt.passes).select_entries("GT")
        mt = mt.annotate_cols(
            levels=hl.struct(**{group: _level(mt, group) for group in ("sex", *groups)})
        )
        exchange.write_table(
            frequencies(mt, groups),
            out_dir / "frequencies.parquet",
            "group_frequencies",
            tmp_dir,
        )
        people = _people(mt)
        traits = [dict(trait) for trait in hl.eval(mt.traits)]
    seen = variants_seen(out_dir / "frequencies.parquet")
    members = memberships(people, groups)
    by_group = group_table(people, members, seen)
    distributions = trait_table(people, members, traits)
    fields.write(out_dir / "groups.parquet", by_group, "groups")
    fields.write(out_dir / "phenotypes.parquet", distributions, "trait_distributions")
    overall = distributions[distributions["group"] == "all"]
    write_json(
        out_dir / "summaries.json",
        {
            "people": len(people),
            "variants": int(people["n_variants"].iloc[0]),
            "genotype_missingness": float(1 - people["call_rate"].mean()),
            "groups": {
                group: {
                    level: len(rows) for (name, level), rows in members.items() if name == group
                }
                for group in groups
            },
            "traits": {
                row["trait"]: {
                    name: None if pd.isna(row[name]) else row[name]
                    for name in ("type", "n", "missing", "n_cases", "n_controls")
                }
                for row in overall.to_dict("records")
            },
        },
    )


def _level(mt: hl.MatrixTable, group: str) -> hl.Expression:
    import hail as hl

    value = mt.sex if group == "sex" else mt.phenotypes[group]
    return hl.or_else(value if value.dtype == hl.tstr else hl.str(value), UNKNOWN)


def frequencies(mt: hl.MatrixTable, groups: Sequence[str]) -> hl.Table:
    """One row per variant and group level, of a matrix with column field `levels`."""
    import hail as hl

    def count(condition: hl.Expression) -> hl.Expression:
        return hl.int32(hl.agg.count_where(condition))

    def counts() -> hl.Expression:
        return hl.struct(
            people=hl.int32(hl.agg.count()),
            allele_count=hl.int32(hl.agg.sum(mt.GT.n_alt_alleles())),
            allele_number=hl.int32(hl.agg.sum(mt.GT.ploidy)),
            n_het=count(mt.GT.is_het()),
            n_hom_alt=count(mt.GT.is_hom_var()),
        )

    # One aggregator for all groups: each person counts in 'all' and in one level per group.
    labels = [hl.struct(group=EVERYONE[0], level=EVERYONE[1])]
    labels += [hl.struct(group=group, level=mt.levels[group]) for group in groups]
    counted = hl.agg.explode(lambda label: hl.agg.group_by(label, counts()), hl.array(labels))
    table = mt.select_rows(counted=hl.array(counted)).rows()
    table = table.explode("counted").key_by()
    label, values = table.counted[0], table.counted[1]
    return table.select(
        variant_id=exchange.variant_columns(table)["variant_id"],
        group=label.group,
        level=label.level,
        **values,
        allele_frequency=hl.or_missing(
            values.allele_number > 0, values.allele_count / values.allele_number
        ),
    )


def _people(mt: hl.MatrixTable) -> pd.DataFrame:
    """One row per sample: Hail's sample QC over the matrix, levels and phenotypes."""
    import hail as hl

    cols = hl.sample_qc(mt).cols().key_by()
    qc = cols.sample_qc
    cols = cols.select(
        "s",
        "levels",
        "phenotypes",
        call_rate=qc.call_rate,
        n_variants=qc.n_called + qc.n_not_called + qc.n_filtered,
        n_het=qc.n_het,
        n_hom_alt=qc.n_hom_var,
        ti_tv=qc.r_ti_tv,
        het_hom_ratio=qc.r_het_hom_var,
    )
    rows = [
        {name: value for name, value in row.items() if name not in ("levels", "phenotypes")}
        | {f"level:{name}": value for name, value in row.levels.items()}
        | {f"value:{name}": value for name, value in row.phenotypes.items()}
        for row in cols.collect()
    ]
    return pd.DataFrame(rows).replace([np.inf, -np.inf], np.nan)


def variants_seen(frequencies_parquet: str | Path) -> dict[tuple[str, str], tuple[int, int]]:
    """Per group and level: variants with an alternate allele in it, and those only in it."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    columns = ["variant_id", "group", "level"]
    table = pq.read_table(frequencies_parquet, columns=[*columns, "allele_count"])
    table = table.filter(pc.greater(table["allele_count"], 0))
    spread = table.group_by(["variant_id", "group"]).aggregate([("level", "count")])
    alone = spread.filter(pc.equal(spread["level_count"], 1))
    private = table.join(alone, ["variant_id", "group"], join_type="left semi")

    def per_level(rows: Any) -> dict[tuple[str, str], int]:
        counted = rows.group_by(["group", "level"]).aggregate([("variant_id", "count")])
        return {(r["group"], r["level"]): r["variant_id_count"] for r in counted.to_pylist()}

    seen, only = per_level(table), per_level(private)
    return {key: (n, only.get(key, 0)) for key, n in seen.items()}


def memberships(people: pd.DataFrame, groups: Sequence[str]) -> dict[tuple[str, str], np.ndarray]:
    """Rows of `people` in each group level, 'all' first, levels by name."""
    members = {EVERYONE: np.arange(len(people))}
    for group in groups:
        levels = people[f"level:{group}"].to_numpy()
        for level in sorted(set(levels)):
            members[group, level] = np.flatnonzero(levels == level)
    return members


def group_table(
    people: pd.DataFrame,
    members: dict[tuple[str, str], np.ndarray],
    seen: dict[tuple[str, str], tuple[int, int]],
) -> pd.DataFrame:
    """Table `groups`."""
    rows = []
    for key, index in members.items():
        part = people.iloc[index]
        rows.append(
            {
                "group": key[0],
                "level": key[1],
                "people": len(part),
                "n_variants": seen.get(key, (0, 0))[0],
                "n_private": seen.get(key, (0, 0))[1],
                "call_rate_mean": part["call_rate"].mean(),
                "call_rate_min": part["call_rate"].min(),
                "n_het_mean": part["n_het"].mean(),
                "n_hom_alt_mean": part["n_hom_alt"].mean(),
                "ti_tv_mean": part["ti_tv"].mean(),
                "het_hom_ratio_mean": part["het_hom_ratio"].mean(),
            }
        )
    return pd.DataFrame(rows)


def trait_table(
    people: pd.DataFrame,
    members: dict[tuple[str, str], np.ndarray],
    traits: Sequence[dict[str, Any]],
) -> pd.DataFrame:
    """Table `trait_distributions`, in raw units; the spread of follow-up of times to an event."""
    rows = []
    for trait in traits:
        values = people[f"value:{trait['name']}"].astype(float)
        counted = trait["type"] != "quantitative"
        seen = None if counted else values
        if trait["type"] == "time-to-event":
            seen = people[f"value:time:{trait['name']}"].astype(float)
            if (entry := f"value:entry:{trait['name']}") in people:
                seen = seen - people[entry].astype(float)
            values, seen = values.where(seen.notna()), seen.where(values.notna())
        for (group, level), index in members.items():
            part = values.iloc[index]
            row: dict[str, Any] = dict.fromkeys(fields.names("trait_distributions"))
            row |= {"trait": trait["name"], "type": trait["type"], "unit": trait["unit"] or None}
            row |= {"group": group, "level": level, "people": len(part)}
            row |= {"n": int(part.notna().sum()), "missing": int(part.isna().sum())}
            if counted:
                row |= {"n_cases": int((part == 1).sum()), "n_controls": int((part == 0).sum())}
            if seen is not None and row["n"]:
                part = seen.iloc[index]
                names = ["minimum", "quartile_1", "median", "quartile_3", "maximum"]
                row |= dict(zip(names, part.quantile([0, 0.25, 0.5, 0.75, 1]), strict=True))
                row |= {"mean": part.mean(), "sd": part.std()}
            rows.append(row)
    return pd.DataFrame(rows)
