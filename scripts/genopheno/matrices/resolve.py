"""What was asked for, checked against the matrices: all that they lack is told at once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

import numpy as np

from genopheno import bed, fields
from genopheno.matrices.select import EVERYWHERE, Cut, Request
from genopheno.matrices.store import Store
from genopheno.problems import Problems

IMPACTS = ("HIGH", "MODERATE", "LOW", "MODIFIER")


def resolve(store: Store, request: Request, terms: Sequence[str]) -> Cut:
    """Check a request against the matrices.

    Parameters
    ----------
    terms : consequence terms that engines use, whether the matrices hold them or not.

    Raises
    ------
    StageError : everything that they do not have, each with names that are like it.
    """
    problems = Problems()
    cut = Cut(request, traits=list(request.traits) if request.traits is not None else None)
    cut.spans = _spans(store, request, problems)
    if request.genes:
        cut.genes, cut.gene_spans = _genes(store, request.genes, problems)
    for option, given, known in (
        ("--consequence", request.consequences, _known_terms(store, request.consequences, terms)),
        ("--impact", request.impacts, IMPACTS),
    ):
        _check(problems, option, given, known, "unknown" + option[1:])
    for option, value in (("--max-af", request.max_frequency), ("--min-af", request.min_frequency)):
        if value is not None and not 0 <= value <= 1:
            problems.add(
                "frequency-range", option, f"{value} is no frequency", "Give a number from 0 to 1"
            )
    cut.keep = _samples(store, request, problems)
    if request.traits is not None:
        own = fields.names("phenotypes")
        known = [name for name in store.read("phenotypes").column_names if name not in own]
        _check(problems, "--traits", request.traits, known, "unknown-trait")
    problems.raise_if_any()
    return cut


def near(name: str, known: Iterable[str]) -> str:
    """Names like one that is not known, in words."""
    by_fold = {k.casefold(): k for k in known}
    found = difflib.get_close_matches(name.casefold(), by_fold, n=3, cutoff=0.6)
    stem = name.casefold().removeprefix("chr")
    found += [k for k in by_fold if k.removeprefix("chr") == stem and k not in found]
    return ", ".join(by_fold[k] for k in found)


def _check(
    problems: Problems, option: str, given: Iterable[str], known: Sequence[str], code: str
) -> None:
    there = set(known)
    for name in given:
        if name not in there:
            like = near(name, known)
            shown = ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
            problems.add(
                code,
                option,
                f"the matrices have no {name!r}",
                f"Like it: {like}" if like else f"There are: {shown or 'none'}",
            )


def _known_terms(store: Store, given: Sequence[str], ranked: Sequence[str]) -> Sequence[str]:
    """Terms that exist: those of the ranking, and what the consequences hold besides."""
    if set(given) <= set(ranked):
        return ranked
    found: set[str] = set()
    for contig in store.contigs:
        part = store.part("consequences", contig, ["position", "consequence"])
        for number in range(part.file.num_row_groups if part else 0):
            found.update(part.group(number)["consequence"].unique().to_pylist())
    return [*ranked, *sorted(found - set(ranked) - {None})]


def parse_region(text: str, contigs: Iterable[str]) -> tuple[str, int, int] | None:
    """Contig, start and end (from 1, both included) of a region; None: it is none.

    >>> parse_region("7:1,000-2,000", ["7"])
    ('7', 1000, 2000)
    """
    if text in set(contigs):  # names may hold colons
        return text, 1, EVERYWHERE
    found = re.fullmatch(r"(.+?)(?::([\d,]+)(?:(-)([\d,]+)?)?)?", text)
    if not found:
        return None
    contig, start, dash, end = found.groups()
    first = int(start.replace(",", "")) if start else 1
    last = int(end.replace(",", "")) if end else EVERYWHERE if dash or not start else first
    return (contig, first, last) if 1 <= first <= last else None


def _spans(
    store: Store, request: Request, problems: Problems
) -> dict[str, list[tuple[int, int]]] | None:
    if not request.regions and request.regions_file is None:
        return None
    found: list[tuple[str, int, int]] = []
    unknown: list[str] = []
    for text in request.regions:
        region = parse_region(text, store.contigs)
        if region is None:
            problems.add(
                "region-malformed",
                "--region",
                f"{text!r} is not contig, contig:position or contig:start-end",
                "Positions count from 1 and the end is included, as in 7:126,300,000-126,400,000",
            )
        elif region[0] not in store.contigs:
            unknown.append(region[0])
        else:
            found.append((region[0], region[1] - 1, region[2]))
    if request.regions_file is not None:
        lengths = {contig: length or EVERYWHERE for contig, length in store.contigs.items()}
        regions, elsewhere, faults = bed.read(
            request.regions_file, lengths, mend_empty="Give a BED file of regions"
        )
        found += regions
        unknown += [contig for _, contig in elsewhere]
        problems.extend(bed.shortened(faults))
    _check(problems, "--region", dict.fromkeys(unknown), list(store.contigs), "unknown-contig")
    return _merged(found)


def _merged(found: list[tuple[str, int, int]]) -> dict[str, list[tuple[int, int]]]:
    """Half-open regions, made spans from 1 by contig."""
    spans: dict[str, list[tuple[int, int]]] = {}
    for contig, start, end in bed.merge(sorted(found)):
        spans.setdefault(contig, []).append((start + 1, end))
    return spans


def _genes(
    store: Store, asked: Sequence[str], problems: Problems
) -> tuple[list[str], dict[str, list[tuple[int, int]]]]:
    """Ids of genes given by id or symbol, and where their variants are."""
    table = store.read("genes").select(["gene_id", "gene_symbol", "contig", "start", "end"])
    rows = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
    ids = {row[0] for row in rows}
    of_symbol: dict[str, set[str]] = {}
    for gene_id, symbol, *_ in rows:
        if symbol:
            of_symbol.setdefault(symbol, set()).add(gene_id)
    _check(problems, "--gene", dict.fromkeys(asked), sorted({*ids, *of_symbol}), "unknown-gene")
    wanted = {i for name in asked for i in ({name} if name in ids else of_symbol.get(name, ()))}
    places = [(c, start - 1, end) for i, _, c, start, end in rows if i in wanted]
    return sorted(wanted), _merged(places)


def _samples(store: Store, request: Request, problems: Problems) -> np.ndarray:
    keep = np.ones(len(store.samples), bool)
    if request.samples is not None:
        _check(problems, "--samples", request.samples, store.samples, "unknown-sample")
        keep &= np.isin(store.samples, list(request.samples))
    if request.groups:
        table = store.read("samples")
        order = {name: row for row, name in enumerate(table["sample"].to_pylist())}
        rows = [order[name] for name in store.samples]
        wanted: dict[str, set[str]] = {}
        for text in request.groups:
            column, equals, value = text.partition("=")
            if not equals or column not in table.column_names:
                _check(problems, "--group", [column], table.column_names, "unknown-group")
                continue
            levels = sorted({str(v) for v in table[column].to_pylist() if v is not None})
            _check(problems, f"--group {column}", [value], levels, "unknown-group")
            wanted.setdefault(column, set()).add(value)
        for column, values in wanted.items():
            has = np.array([str(v) in values for v in table[column].to_pylist()])
            keep &= has[rows]
    if not problems and not keep.any():
        problems.add(
            "samples-none", "--samples", "no sample fits all of it", "Ask for fewer groups at once"
        )
    return np.flatnonzero(keep)
