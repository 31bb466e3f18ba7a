"""Which variants and samples a cut keeps: what was asked for, checked against the matrices.

Frequencies and counts are those of the whole cohort, also where samples are cut: a variant is
rare because the cohort says so. Consequence and impact are those of the variant's most severe
consequence; where genes are asked for, of its most severe consequence on one of these genes.
A variant lies in a region where any base of its reference allele does.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genopheno import bed
from genopheno.matrices.store import Part, Store
from genopheno.problems import Problems

if TYPE_CHECKING:
    import pyarrow as pa

IMPACTS = ("HIGH", "MODERATE", "LOW", "MODIFIER")
FILTER_COLUMNS = [
    *("variant_id", "position", "reference", "filters"),
    *("consequence", "impact", "allele_count", "allele_frequency"),
]
GENE_COLUMNS = ["variant_id", "position", "gene_id", "consequence", "impact", "most_severe_of_gene"]
EVERYWHERE = 2**31 - 1


@dataclass(frozen=True)
class Request:
    """What was asked for; empty and None ask for nothing, that is, keep all.

    Attributes
    ----------
    regions : ``contig``, ``contig:position`` or ``contig:start-end`` (from 1, both included).
    regions_file : BED. genes : identifiers or symbols.
    consequences : Sequence Ontology terms. impacts : of `IMPACTS`.
    max_frequency, min_frequency : of the alternate allele, bounds included.
    min_count : alternate alleles. samples : names. groups : ``column=value`` of the samples.
    traits : columns of the phenotypes.
    """

    regions: Sequence[str] = ()
    regions_file: Path | None = None
    genes: Sequence[str] = ()
    consequences: Sequence[str] = ()
    impacts: Sequence[str] = ()
    max_frequency: float | None = None
    min_frequency: float | None = None
    min_count: int | None = None
    samples: Sequence[str] | None = None
    groups: Sequence[str] = ()
    traits: Sequence[str] | None = None


@dataclass
class Cut:
    """A request that fits the matrices.

    Attributes
    ----------
    spans : contig → (start, end), from 1, both included, sorted; None: everywhere.
    genes : gene ids; None: any. gene_spans : contig → (start, end) of their variants.
    keep : numbers of the samples to keep, ascending. traits : None: all.
    """

    request: Request
    spans: dict[str, list[tuple[int, int]]] | None = None
    genes: list[str] | None = None
    gene_spans: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    keep: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    traits: list[str] | None = None

    def criteria(self) -> list[str]:
        """Criteria of variants that were given, in the order in which they are applied."""
        asked = self.request
        given = {
            "region": self.spans is not None,
            "gene": self.genes is not None,
            "consequence": bool(asked.consequences),
            "impact": bool(asked.impacts),
            "max_frequency": asked.max_frequency is not None,
            "min_frequency": asked.min_frequency is not None,
            "min_count": asked.min_count is not None,
        }
        return [name for name, there in given.items() if there]


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
        known = [name for name in store.read("phenotypes").column_names if name != "participant"]
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


def kept(cut: Cut, contig: str, sites: pa.Table, consequences: Part | None) -> list[np.ndarray]:
    """Which rows are left after each criterion.

    Parameters
    ----------
    sites : rows of the table, columns `FILTER_COLUMNS`.
    consequences : those on the contig; None: there are none.

    Returns
    -------
    (rows,) bool for each of ``cut.criteria()``, each within the one before it.
    """
    asked = cut.request
    steps: dict[str, np.ndarray] = {}
    if cut.spans is not None:
        steps["region"] = _overlaps(sites, cut.spans.get(contig, []))
    if cut.genes is not None:
        steps |= _on_genes(cut, contig, sites, consequences)
    else:
        if asked.consequences:
            steps["consequence"] = _is_in(sites["consequence"], asked.consequences)
        if asked.impacts:
            steps["impact"] = _is_in(sites["impact"], asked.impacts)
    frequency = sites["allele_frequency"].to_numpy()  # missing is NaN, which no bound takes
    if asked.max_frequency is not None:
        steps["max_frequency"] = frequency <= asked.max_frequency
    if asked.min_frequency is not None:
        steps["min_frequency"] = frequency >= asked.min_frequency
    if asked.min_count is not None:
        steps["min_count"] = sites["allele_count"].to_numpy() >= asked.min_count
    left, masks = np.ones(len(sites), bool), []
    for name in cut.criteria():
        left = left & steps[name]
        masks.append(left)
    return masks


def _overlaps(sites: pa.Table, spans: list[tuple[int, int]]) -> np.ndarray:
    """Rows whose reference allele overlaps a span; spans are sorted and apart."""
    import pyarrow.compute as pc

    if not spans:
        return np.zeros(len(sites), bool)
    first = sites["position"].to_numpy().astype(np.int64)
    last = first + pc.binary_length(sites["reference"]).to_numpy() - 1
    starts, ends = np.array(spans, np.int64).T
    # The first span that ends at or after the variant's start is the only one to look at.
    at = np.searchsorted(ends, first)
    reaches = np.append(starts, np.iinfo(np.int64).max)[at]
    return reaches <= last


def _on_genes(
    cut: Cut, contig: str, sites: pa.Table, consequences: Part | None
) -> dict[str, np.ndarray]:
    """Criteria by gene: a consequence on one of them, and what the most severe of it is."""
    import pyarrow.compute as pc

    asked = cut.request
    nowhere = np.zeros(len(sites), bool)
    positions = sites["position"].to_numpy()
    starts, ends = np.array(cut.gene_spans.get(contig, [(EVERYWHERE, 0)]), np.int64).T
    at = np.searchsorted(ends, positions)
    near_by = np.append(starts, np.iinfo(np.int64).max)[at] <= positions
    if consequences is None or not near_by.any():
        return dict.fromkeys(("gene", "consequence", "impact"), nowhere)
    rows = consequences.between(int(positions[near_by][0]), int(positions[near_by][-1]))
    on = _is_in(rows["gene_id"], cut.genes)
    steps = {"gene": on}
    if asked.consequences or asked.impacts:
        on = on & rows["most_severe_of_gene"].to_numpy(zero_copy_only=False).astype(bool)
    if asked.consequences:
        on = on & _is_in(rows["consequence"], asked.consequences)
        steps["consequence"] = on
    if asked.impacts:
        steps["impact"] = on & _is_in(rows["impact"], asked.impacts)
    return {
        name: pc.is_in(
            sites["variant_id"], value_set=rows["variant_id"].filter(mask).combine_chunks()
        ).to_numpy()
        for name, mask in steps.items()
    }


def _is_in(column: pa.ChunkedArray, values: Sequence[str]) -> np.ndarray:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.is_in(column, value_set=pa.array(list(values), column.type)).to_numpy()
