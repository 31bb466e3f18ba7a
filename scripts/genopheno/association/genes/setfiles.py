"""Sets of variants from the files of other programs.

REGENIE: three files. Annotations, ``variant set category`` (or four columns, ``variant set
domain category``, whose domain is not used); set list, ``set chromosome position
variant,variant,...``; masks, ``mask category,category``. A variant of a set without an
annotation in it is in no mask.

SAIGE: one group file, two lines or three per set: ``set var …``, ``set anno …`` and ``set weight
…``. Each category is a mask of its own, and so is each list of categories that is asked
for. The weights are not used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from genopheno.association.genes.sets import Names, write
from genopheno.genotypes import Genotypes
from genopheno.problems import Problems, fail

UNKNOWN = "not among the genotypes"
Members = dict[str, dict[str, str]]  # set -> variant -> category


def read_regenie(
    annotations: str | Path, set_list: str | Path, masks: str | Path
) -> tuple[Members, dict[str, list[str]], Counter]:
    """Sets, categories by mask, and how many variants were left out, by reason.

    Raises
    ------
    StageError : a line has too few columns, a set or mask is there twice, or a variant has two
        categories in a set. All that is found is told at once.
    """
    problems, reasons = Problems(), Counter()
    categories: dict[tuple[str, str], str] = {}
    for row, cells in _lines(annotations, 3, problems):
        key, category = (cells[1], cells[0]), cells[3] if len(cells) > 3 else cells[2]
        if categories.setdefault(key, category) != category:
            problems.add(
                "annotation-duplicate",
                annotations,
                f"{cells[0]} in {cells[1]} is {categories[key]} and {category}",
                "Give each variant one category in a set",
                row=row,
            )
    sets: Members = {}
    for row, cells in _lines(set_list, 4, problems):
        if cells[0] in sets:
            problems.add("set-duplicate", set_list, cells[0], "Give every set once", row=row)
            continue
        found = sets[cells[0]] = {}
        for variant in cells[3].split(","):
            category = categories.get((cells[0], variant))
            if category is None:
                reasons["without annotation in its set"] += 1
            else:
                found[variant] = category
    named: dict[str, list[str]] = {}
    for row, cells in _lines(masks, 2, problems):
        if cells[0] in named:
            problems.add("mask-duplicate", masks, cells[0], "Give every mask once", row=row)
        named[cells[0]] = cells[1].split(",")
    problems.raise_if_any()
    return sets, named, reasons


def read_saige(path: str | Path) -> tuple[Members, dict[str, list[str]], Counter]:
    """Sets, categories by mask (each its own), and what was left out.

    Raises
    ------
    StageError : a line is of no known kind, ``var`` and ``anno`` do not go together, or a set is
        there twice.
    """
    problems, told = Problems(), {}
    for row, cells in _lines(path, 3, problems):
        name, kind, values = cells[0], cells[1], cells[2:]
        if kind not in ("var", "anno", "weight"):
            problems.add(
                "group-file-line",
                path,
                f"{kind!r}, where var, anno or weight is expected",
                "Write it as SAIGE's group files are",
                row=row,
                column="2",
            )
            continue
        if kind in told.setdefault(name, {}):
            problems.add("set-duplicate", path, f"{name} {kind}", "Give every set once", row=row)
        told[name][kind] = values
    for name, kinds in told.items():
        n, m = len(kinds.get("var", [])), len(kinds.get("anno", []))
        if n != m:
            problems.add(
                "group-file-lengths",
                path,
                f"{name} has {n} variants and {m} annotations",
                "Give each variant its annotation",
            )
    problems.raise_if_any()
    sets = {name: dict(zip(k["var"], k["anno"], strict=True)) for name, k in told.items()}
    reasons = Counter()
    if any("weight" in kinds for kinds in told.values()):
        reasons["weights of the file, which are not used"] = sum(
            len(kinds.get("weight", [])) for kinds in told.values()
        )
    known = list(dict.fromkeys(c for variants in sets.values() for c in variants.values()))
    return sets, {category: [category] for category in known}, reasons


def run(
    genotypes_prefix: str | Path,
    out: str | Path,
    *,
    regenie: tuple[Path, Path, Path] | None = None,
    saige: Path | None = None,
    masks: Iterable[str] = (),
    min_match: float = 0.1,
) -> None:
    """Make the table ``gene_sets`` from files.

    Parameters
    ----------
    regenie : annotations, set list, masks. saige : group file. One of them.
    masks : more masks, each a list of categories with ',' between, which are its name, too.
    min_match : least share of the annotated variants that the genotypes must have.

    Raises
    ------
    StageError : a file is faulty, or too few of its variants are among the genotypes.
    """
    sets, named, reasons = read_regenie(*regenie) if regenie else read_saige(saige)
    source = str(regenie[1] if regenie else saige)
    named |= {mask: mask.split(",") for mask in masks}
    missing: dict[str, list[str]] = {}
    categories = Counter(c for variants in sets.values() for c in variants.values())
    for mask, wanted in named.items():
        absent = [c for c in wanted if c not in categories]
        if absent:
            missing[mask] = absent
    genotypes = Genotypes.open(genotypes_prefix)
    pairs = [(gene, v, c) for gene, variants in sets.items() for v, c in variants.items()]
    rows = Names(genotypes).rows(pa.array([v for _, v, _ in pairs], pa.string())).to_pylist()
    matched = sum(row is not None for row in rows)
    if matched < min_match * len(pairs) or not matched:
        some = [v for (_, v, _), row in zip(pairs, rows, strict=True) if row is None][:5]
        raise fail(
            "gene-sets-unmatched",
            source,
            f"{matched} of {len(pairs)} variants are among the genotypes; not, for example, "
            f"{', '.join(some)}",
            "Name them as the genotypes do, or contig:position:reference:alternate",
        )
    reasons[UNKNOWN] = len(pairs) - matched
    masks_of = {c: [m for m, wanted in named.items() if c in wanted] for c in categories}
    kept: dict[tuple[str, int], list[str]] = {}
    for (gene, _, category), row in zip(pairs, rows, strict=True):
        if row is None:
            continue
        if not masks_of[category]:
            reasons["category in no mask"] += 1
        elif (gene, row) in kept:
            reasons["same variant under two names"] += 1
        else:
            kept[gene, row] = masks_of[category]
    without = sorted(sets.keys() - {gene for gene, _ in kept})
    table = pa.table(
        {
            "gene_id": pa.array([gene for gene, _ in kept], pa.string()),
            "gene_symbol": pa.nulls(len(kept), pa.string()),
            "row": pa.array([row for _, row in kept], pa.int32()),
            "masks": pa.array(list(kept.values()), pa.list_(pa.string())),
        }
    )
    if not kept:
        raise fail(
            "gene-sets-empty",
            source,
            "no variant that the genotypes have is in any mask",
            "Look at the categories of masks and annotations",
        )
    info = {
        "source": source,
        "declared": named,
        "left_out": {why: n for why, n in reasons.items() if n},
        "sets_without_variants": without,
        "categories_that_nothing_has": missing,
    }
    write(out, genotypes, table, list(named), info)


def _lines(path: str | Path, least: int, problems: Problems):
    """Number and cells of each line that is not empty; shorter ones become problems."""
    with open(path, encoding="utf-8") as handle:
        for row, line in enumerate(handle, 1):
            cells = line.split()
            if not cells:
                continue
            if len(cells) < least:
                problems.add(
                    "set-file-malformed",
                    path,
                    f"{len(cells)} columns where at least {least} are expected",
                    "See the documentation of its format",
                    row=row,
                )
                continue
            yield row, cells
