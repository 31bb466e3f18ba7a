"""The variants of a gene that stands out, and what is left of it without each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from genopheno import pvalues
from genopheno.association.genes.collapse import Genotype
from genopheno.association.genes.gene import Cell, cells, fill
from genopheno.association.genes.null import Null

if TYPE_CHECKING:
    from genopheno.association.genes.files import Rows
    from genopheno.association.genes.scanner import Scanner
    from genopheno.association.genes.sets import Gene

MOST = 300  # variants that are left out one by one; of more, those with the smallest p


def variants(scanner: Scanner, trait: str, gene: Gene, rows: Rows) -> None:
    """Add rows of the table ``gene_variants``: the mask of the gene with the smallest p-value.

    Leave one variant out (LOVO): the mask is tested again without the variant, and without
    its weight; where fewer variants are left than are tested, there is no p-value.
    """
    stretch = scanner.stretch_of(gene)
    names = [task.design.name for task in scanner.tasks.of(stretch)]
    task = scanner.tasks.of(stretch)[names.index(trait)]
    block, missing = scanner.decoded(gene.rows, stretch)
    index = np.flatnonzero(task.design.used)
    genotype = Genotype.of(block.dosage, missing, task.count(block), index)
    its = cells(genotype, gene.members, scanner.options)
    null = Null.of(task)
    n_samples = scanner.genotypes.n_samples
    fill(task, null, [(genotype, its)], n_samples, scanner.options)
    best = max((cell for cell in its if cell.tests), key=lambda cell: cell.tests["acat-o"])
    beta, own = _own(null, genotype, best)
    order = np.argsort(-np.nan_to_num(own), kind="stable")[:MOST]
    without = {int(j): _without(genotype, best, int(j), scanner) for j in order}
    fill(task, null, [(genotype, list(without.values()))], n_samples, scanner.options)
    cases = task.design.y[index] == 1
    table = scanner.genotypes.table
    for j, row in enumerate(best.chosen):
        at = int(gene.rows[genotype.rows[row]])
        carried = genotype.carried[row]
        binary = task.case_mask is not None
        left = without[j].tests.get("acat-o") if j in without else None
        rows.add(
            gene_id=gene.gene_id,
            gene_symbol=gene.symbol or None,
            mask=scanner.sets.masks[best.mask],
            max_frequency=best.max_frequency,
            variant_id=table["variant_id"][at].as_py(),
            chromosome=table["contig"][at].as_py(),
            base_pair_location=table["position"][at].as_py(),
            effect_allele=table["effect_allele"][at].as_py(),
            other_allele=table["other_allele"][at].as_py(),
            effect_allele_frequency=float(genotype.frequency[row]),
            allele_count=float(genotype.alleles[row]),
            n_carriers=int(carried.sum()),
            n_carriers_cases=int((carried & cases).sum()) if binary else None,
            n_carriers_controls=int((carried & ~cases).sum()) if binary else None,
            ultra_rare=bool(genotype.minor[row] <= scanner.options.ultra_rare_allele_count),
            beta=float(beta[j]),
            neg_log10_p_value=float(own[j]),
            neg_log10_p_value_mask=best.tests["acat-o"],
            neg_log10_p_value_without=left,
        )


def _own(null: Null | None, genotype: Genotype, cell: Cell) -> tuple[np.ndarray, np.ndarray]:
    """One-step effect and -log10 p of each variant of a cell, by the score test of the sets."""
    nothing = np.full(len(cell.chosen), np.nan)
    if null is None:
        return nothing, nothing
    dosage = genotype.dosage[cell.chosen]
    score, variance = null.moments(dosage)
    plain = np.diag(variance)
    spread = null.saddlepoint(dosage, score, plain)
    with np.errstate(divide="ignore", invalid="ignore"):
        return score / plain / null.unit, pvalues.from_chi2(np.square(score) / spread)


def _without(genotype: Genotype, cell: Cell, j: int, scanner: Scanner) -> Cell:
    chosen = np.delete(cell.chosen, j)
    out = Cell(cell.mask, cell.max_frequency, cell.n_variants, chosen)
    enough = genotype.minor[chosen].sum() >= scanner.options.min_allele_count
    if len(chosen) < scanner.options.min_variants or not enough:
        out.reason = "too little is left"
    return out
