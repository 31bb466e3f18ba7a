"""Which variants and samples a cut keeps.

Frequencies and counts are those of the whole cohort, also where samples are cut: a variant is
rare because the cohort says so. Consequence and impact are those of the variant's most severe
consequence; where genes are asked for, of its most severe consequence on one of these genes.
A variant lies in a region where any base of its reference allele does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genopheno.matrices.store import Part

if TYPE_CHECKING:
    import pyarrow as pa

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
    consequences : Sequence Ontology terms. impacts : HIGH, MODERATE, LOW, MODIFIER.
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
