"""Genes and their masks: which variants of the genotypes are tested together.

The table ``gene_sets``: a row per gene and variant, with the names of the masks that it is
in. It is made from our own annotation (`masks`), or from the files of REGENIE or SAIGE
(`setfiles`), and holds only variants that the genotypes have. ``sets.json`` beside it counts what
went in and what did not, by reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from genopheno import fields
from genopheno.chromosomes import contig_runs
from genopheno.files import read_json, write_json, writing
from genopheno.genotypes import Genotypes
from genopheno.problems import fail


@dataclass(frozen=True)
class Gene:
    """One gene.

    Attributes
    ----------
    gene_id, symbol : identifier, and symbol ('' where there is none).
    rows : (m,) variants of the genotypes, ascending.
    members : (masks, m) bool.
    """

    gene_id: str
    symbol: str
    rows: np.ndarray
    members: np.ndarray


@dataclass(frozen=True)
class Sets:
    """Genes in the order of the genotypes; `masks` are the names of the rows of `members`."""

    genes: list[Gene]
    masks: list[str]
    info: dict[str, Any] = field(default_factory=dict)


def write(
    path: str | Path,
    genotypes: Genotypes,
    entries: pa.Table,
    masks: list[str],
    info: dict[str, Any],
) -> None:
    """Write the table and the JSON of the same name beside it.

    A cohort may have no variant in any mask: the table is then empty, and the counts say why.

    Parameters
    ----------
    entries : gene_id, gene_symbol, row (of the genotypes), masks (list of strings); a row per gene
        and variant.
    info : what the JSON says beside counts of genes, variants and masks.
    """
    entries = entries.sort_by([("row", "ascending"), ("gene_id", "ascending")])
    variants = genotypes.table.take(entries["row"])
    columns = {
        "gene_id": entries["gene_id"],
        "gene_symbol": entries["gene_symbol"],
        "variant_id": variants["variant_id"],
        "contig": variants["contig"],
        "position": variants["position"],
        "masks": entries["masks"],
    }
    schema = fields.schema("gene_sets")
    table = pa.table(columns).select(schema.names).cast(schema)
    flat = pc.list_flatten(entries["masks"])
    counts = {e["values"]: e["counts"] for e in pc.value_counts(flat).to_pylist()}
    genes = {
        name: pc.count_distinct(entries["gene_id"].filter(_holds(entries["masks"], name))).as_py()
        for name in masks
    }
    with writing(path) as beside:
        pq.write_table(table, beside, compression="zstd", row_group_size=1 << 16)
    write_json(
        Path(path).with_suffix(".json"),
        {
            **info,
            "n_genes": pc.count_distinct(entries["gene_id"]).as_py(),
            "n_variants": pc.count_distinct(entries["row"]).as_py(),
            "masks": [
                {"name": name, "variants": counts.get(name, 0), "genes": genes[name]}
                for name in masks
            ],
        },
    )


def _holds(lists: pa.ChunkedArray, name: str) -> pa.Array:
    """Which of the lists hold a name."""
    lists = lists.combine_chunks()
    parents, values = pc.list_parent_indices(lists), pc.list_flatten(lists)
    out = np.zeros(len(lists), bool)
    out[parents.filter(pc.equal(values, name)).to_numpy()] = True
    return pa.array(out)


def read(path: str | Path, genotypes: Genotypes) -> Sets:
    """Read what `write` wrote.

    Raises
    ------
    StageError : a variant is not among the genotypes.
    """
    table = pq.read_table(path)
    info = read_json(Path(path).with_suffix(".json"))
    masks = [mask["name"] for mask in info["masks"]]
    place = pc.index_in(table["variant_id"], genotypes.table["variant_id"].combine_chunks())
    if place.null_count:
        some = table["variant_id"].filter(pc.is_null(place)).slice(0, 5).to_pylist()
        raise fail(
            "gene-sets-other-genotypes",
            path,
            f"{place.null_count} variants are not among the genotypes, such as {', '.join(some)}",
            "Make the sets of the same genotypes",
        )
    if not table.num_rows:
        return Sets([], masks, info)
    rows = place.to_numpy()
    member = np.stack([_holds(table["masks"], name).to_numpy(False) for name in masks])
    names = table["gene_id"].combine_chunks().dictionary_encode()
    code = names.indices.to_numpy()
    symbols = table["gene_symbol"].to_pylist()
    order = np.lexsort((rows, code))
    bounds = np.flatnonzero(np.diff(code[order], prepend=-1))
    genes = []
    for at in np.split(order, bounds[1:]):
        gene = names.dictionary[int(code[at[0]])].as_py()
        genes.append(Gene(gene, symbols[at[0]] or "", rows[at], member[:, at]))
    genes.sort(key=lambda gene: (gene.rows[0], gene.gene_id))
    return Sets(genes, masks, info)


class Names:
    """Rows of the genotypes by identifier, or by contig:position:reference:alternate."""

    def __init__(self, genotypes: Genotypes):
        table = genotypes.table
        self._ids = table["variant_id"].combine_chunks()
        text = [pc.cast(table[c], pa.string()) for c in ("contig", "position")]
        alleles = [table[c] for c in ("other_allele", "effect_allele")]
        self._places = pc.binary_join_element_wise(*text, *alleles, ":").combine_chunks()
        self.contigs = {name for name, _, _ in contig_runs(table)}

    def rows(self, names: pa.Array) -> pa.Array:
        """Rows (int32) of the names; null where the genotypes have no such variant."""
        return pc.coalesce(pc.index_in(names, self._ids), pc.index_in(names, self._places))
