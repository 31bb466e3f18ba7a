"""Masks from our own annotation: by consequence, impact and score of each variant in each gene.

A variant is in a mask of a gene by the consequence that it has *in that gene*, the most
severe of the gene's transcripts, so that a variant between two genes counts for each by itself.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from genopheno.association.genes.sets import Names, write
from genopheno.genotypes import Genotypes
from genopheno.problems import Problems

IMPACTS = ("HIGH", "MODERATE", "LOW", "MODIFIER")
COLUMNS = ("variant_id", "gene_id", "gene_symbol", "consequence", "impact", "most_severe_of_gene")


@dataclass(frozen=True)
class Mask:
    """Which variants a mask takes.

    A variant is in if its consequence or its impact is listed and it has every score. The
    variants of the masks in `also` are in, too, whatever their scores.

    Attributes
    ----------
    consequences : Sequence Ontology terms. impacts : such as HIGH.
    min_score : least value by column of the annotated sites; a missing score is not enough.
    also : names of other masks.
    """

    consequences: tuple[str, ...] = ()
    impacts: tuple[str, ...] = ()
    min_score: tuple[tuple[str, float], ...] = ()
    also: tuple[str, ...] = ()

    @classmethod
    def of(cls, told: dict) -> Mask:
        """From the configuration's names and values."""
        return cls(
            tuple(told.get("consequences") or ()),
            tuple(told.get("impacts") or ()),
            tuple((told.get("min_score") or {}).items()),
            tuple(told.get("also") or ()),
        )


def checked(masks: dict[str, Mask], columns: list[str], source: str | Path) -> None:
    """Refuse masks that cannot be meant.

    Raises
    ------
    StageError : a mask names another one that is not there (or itself), takes nothing, or
        wants a score that the annotated sites have no column of. All at once.
    """
    problems = Problems()
    for name, mask in masks.items():
        where = f"association.genes.masks.{name}"
        for other in mask.also:
            if other not in masks or other == name:
                problems.add("mask-unknown", where, f"also: {other}", "Name one of the other masks")
        if not (mask.consequences or mask.impacts or mask.also):
            problems.add(
                "mask-empty", where, "it takes nothing", "Give consequences, impacts or also"
            )
        for column, _ in mask.min_score:
            if column not in columns:
                scores = ", ".join(c for c in columns if "_" in c)[:200]
                problems.add(
                    "mask-score-unknown",
                    source,
                    f"mask {name} asks for {column}, and there is no such column",
                    f"Give a field of a database, as database_field; there are: {scores}",
                )
    problems.raise_if_any()


def run(
    genotypes_prefix: str | Path,
    consequences: str | Path,
    masks: dict[str, Mask],
    out: str | Path,
    sites: str | Path | None = None,
) -> None:
    """Make the table ``gene_sets`` of annotated variants.

    Parameters
    ----------
    consequences : table ``consequences``. sites : table ``sites``, for scores; None: no mask
        may ask for one.
    out : Parquet; JSON of the same name is written beside.

    Raises
    ------
    StageError : a mask is faulty, or no variant is in any.
    """
    held = pq.read_schema(sites).names if sites else []
    checked(masks, held, sites or "annotated sites")
    genotypes = Genotypes.open(genotypes_prefix)
    names = Names(genotypes)
    wanted = {column for mask in masks.values() for column, _ in mask.min_score}
    scores = _scores(sites, names, genotypes.n_variants, wanted) if wanted else {}
    reasons: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    parts = []
    for batch in pq.ParquetFile(consequences).iter_batches(1 << 17, columns=list(COLUMNS)):
        some = pa.Table.from_batches([batch])
        some = some.filter(pc.field("most_severe_of_gene"))  # null is no
        reasons["in no gene"] += pc.sum(pc.is_null(some["gene_id"])).as_py() or 0
        some = some.filter(pc.is_valid(some["gene_id"]))
        rows = names.rows(some["variant_id"].combine_chunks())
        reasons["not among the genotypes"] += rows.null_count
        some = some.append_column("row", rows).filter(pc.is_valid(rows))
        if not some.num_rows:
            continue
        inside = _members(masks, some, scores)
        within = np.any(list(inside.values()), axis=0)
        reasons["in no mask"] += int((~within).sum())
        for entry in pc.value_counts(some["consequence"].filter(pa.array(~within))).to_pylist():
            kinds[str(entry["values"])] += entry["counts"]
        parts.append(_entries(some, inside, within))
    empty = pa.table(
        {
            "gene_id": pa.array([], pa.string()),
            "gene_symbol": pa.array([], pa.string()),
            "row": pa.array([], pa.int32()),
            "masks": pa.array([], pa.list_(pa.string())),
        }
    )
    info = {
        "source": "annotation",
        "declared": {name: _told(mask) for name, mask in masks.items()},
        "left_out": {why: n for why, n in reasons.items() if n},
        "consequences_in_no_mask": dict(kinds.most_common()),
    }
    write(out, genotypes, pa.concat_tables([empty, *parts]), list(masks), info)


def _told(mask: Mask) -> dict:
    return {
        "consequences": list(mask.consequences),
        "impacts": list(mask.impacts),
        "min_score": dict(mask.min_score),
        "also": list(mask.also),
    }


def _scores(
    sites: str | Path, names: Names, n_variants: int, wanted: set[str]
) -> dict[str, np.ndarray]:
    """Scores (variants of the genotypes,) by column; NaN where there is none."""
    out = {column: np.full(n_variants, np.nan) for column in wanted}
    reading = pq.ParquetFile(sites).iter_batches(1 << 17, columns=["variant_id", *wanted])
    for batch in reading:
        rows = names.rows(batch["variant_id"])
        known = np.asarray(pc.is_valid(rows))
        at = rows.drop_null().to_numpy()
        for column, values in out.items():
            text = batch[column]
            numbers = pc.cast(text, pa.float64(), safe=False)
            values[at] = np.asarray(numbers.to_numpy(zero_copy_only=False), float)[known]
    return out


def _members(
    masks: dict[str, Mask], table: pa.Table, scores: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """By mask, which rows (n,) are in it."""
    rows = table["row"].to_numpy()
    own = {}
    for name, mask in masks.items():
        chosen = np.asarray(
            pc.or_(
                pc.is_in(table["consequence"], pa.array(mask.consequences, pa.string())),
                pc.is_in(table["impact"], pa.array(mask.impacts, pa.string())),
            )
        )
        for column, least in mask.min_score:
            with np.errstate(invalid="ignore"):
                chosen = chosen & (scores[column][rows] >= least)
        own[name] = chosen
    out = {}
    for name in masks:
        reached, waiting = {name}, [name]
        while waiting:
            for other in masks[waiting.pop()].also:
                if other not in reached:
                    reached.add(other)
                    waiting.append(other)
        out[name] = np.any([own[other] for other in reached], axis=0)
    return out


def _entries(table: pa.Table, inside: dict[str, np.ndarray], within: np.ndarray) -> pa.Table:
    names = list(inside)
    at = np.flatnonzero(within)
    member = np.stack([inside[name][at] for name in names], axis=1)
    mask = np.nonzero(member)[1]
    offsets = np.r_[0, np.cumsum(member.sum(1))]
    lists = pa.ListArray.from_arrays(
        pa.array(offsets, pa.int32()), pa.array([names[i] for i in mask], pa.string())
    )
    some = table.select(["gene_id", "gene_symbol", "row"]).take(pa.array(at))
    return some.append_column("masks", lists).cast(
        pa.schema(
            [
                ("gene_id", pa.string()),
                ("gene_symbol", pa.string()),
                ("row", pa.int32()),
                ("masks", pa.list_(pa.string())),
            ]
        )
    )
