"""Batches of neighbouring genes: decoded once, tested for all traits, made rows of tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from genopheno.association.block import CodedBlock
from genopheno.association.coding import Stretch
from genopheno.association.genes.collapse import Genotype
from genopheno.association.genes.combine import cauchy
from genopheno.association.genes.files import TESTS, Rows
from genopheno.association.genes.gene import COMBINED, Cell, Options, cells, fill
from genopheno.association.genes.null import Null
from genopheno.association.genes.sets import Gene, Sets
from genopheno.association.tasks import Task, Tasks
from genopheno.genotypes import Genotypes

NUMBERS = 2**21  # genotypes of a batch: 16 MiB as they are decoded
SCATTERED = "variants on several chromosomes or regions"
NO_MODEL = "no model on this chromosome"
NOT_CONVERGED = "not converged"


@dataclass
class Found:
    """What a batch gives for one trait.

    Attributes
    ----------
    tests, rest : rows of the tables ``gene_tests`` and ``genes_left_out``.
    burden_alone : masks of genes of which only the burden was tested, by reason.
    best : -log10 p of each gene, and its place among the genes.
    """

    tests: Rows
    rest: Rows
    burden_alone: Counter[str] = field(default_factory=Counter)
    best: list[tuple[float, int]] = field(default_factory=list)


class Scanner:
    """Tests batches of genes.

    Attributes
    ----------
    cells_of_a_gene : masks times limits of the frequency.
    """

    def __init__(
        self,
        genotypes: Genotypes,
        known: Sets,
        stretches: list[Stretch],
        tasks: Tasks,
        options: Options,
    ):
        self.genotypes, self.sets, self.tasks, self.options = genotypes, known, tasks, options
        self.stretches = stretches
        self._starts = np.array([stretch.start for stretch in stretches])
        self.cells_of_a_gene = len(known.masks) * len(options.max_frequency)

    def stretch_of(self, gene: Gene) -> Stretch | None:
        """The stretch that all variants of a gene lie in; None: there is none."""
        first, last = np.searchsorted(self._starts, gene.rows[[0, -1]], "right") - 1
        return self.stretches[first] if first == last else None

    def batches(self) -> Iterator[list[int]]:
        """Places of genes, batch by batch; those of a batch lie in one stretch.

        Batches depend on genes and genotypes alone.
        """
        batch: list[int] = []
        size, where = 0, None
        for i, gene in enumerate(self.sets.genes):
            stretch = self.stretch_of(gene)
            more = len(gene.rows) * self.genotypes.n_samples
            if batch and (stretch is not where or size + more > NUMBERS):
                yield batch
                batch, size = [], 0
            batch.append(i)
            size, where = size + more, stretch
        if batch:
            yield batch

    def decoded(self, rows: np.ndarray, stretch: Stretch) -> tuple[CodedBlock, np.ndarray]:
        """Variants as a block, and where genotypes are missing: (variants, samples) bool."""
        dosage = self.genotypes.decode_rows(rows, (2, 0, 1, 0), np.float64)
        missing = self.genotypes.decode_rows(rows, (0, 1, 0, 0), np.uint8).astype(bool)
        if stretch.coding is not None:
            haploid = stretch.coding.haploid
            missing[:, haploid] |= dosage[:, haploid] == 1
        return CodedBlock(dosage, missing, stretch.coding), missing

    def batch(self, places: list[int]) -> dict[str, Found]:
        """Test the genes at these places for all traits."""
        genes = [self.sets.genes[i] for i in places]
        stretch = self.stretch_of(genes[0])
        out = {t.name: Found(Rows("gene_tests"), Rows("genes_left_out")) for t in self.tasks.traits}
        if stretch is None:
            for found in out.values():
                for gene in genes:
                    self._nothing(gene, SCATTERED, found.rest)
            return out
        rows = np.unique(np.concatenate([gene.rows for gene in genes]))
        block, missing = self.decoded(rows, stretch)
        where = [np.searchsorted(rows, gene.rows) for gene in genes]
        for task, found in zip(self.tasks.of(stretch), out.values(), strict=True):
            if task.model is None:
                for gene in genes:
                    self._nothing(gene, NO_MODEL, found.rest)
                continue
            counts, index = task.count(block), np.flatnonzero(task.design.used)
            work = []
            for gene, at in zip(genes, where, strict=True):
                genotype = Genotype.of(block.dosage[at], missing[at], counts.taken(at), index)
                work.append((genotype, cells(genotype, gene.members, self.options)))
            null = Null.of(task)
            fill(task, null, work, self.genotypes.n_samples, self.options)
            for i, gene, (genotype, its) in zip(places, genes, work, strict=True):
                self._rows(i, gene, genotype, its, task, found)
        return out

    def _place(self, gene: Gene) -> dict[str, Any]:
        """Columns that say which gene it is, and where its variants are."""
        table, (first, last) = self.genotypes.table, gene.rows[[0, -1]].tolist()
        return {
            "gene_id": gene.gene_id,
            "gene_symbol": gene.symbol or None,
            "chromosome": table["contig"][first].as_py(),
            "start": table["position"][first].as_py(),
            "end": table["position"][last].as_py(),
        }

    def _nothing(self, gene: Gene, reason: str, rest: Rows) -> None:
        place = {
            key: value for key, value in self._place(gene).items() if key not in ("start", "end")
        }
        for name, member in zip(self.sets.masks, gene.members, strict=True):
            for most in self.options.max_frequency:
                rest.add(
                    **place,
                    mask=name,
                    max_frequency=most,
                    n_variants=int(member.sum()),
                    reason=reason,
                )

    def _rows(
        self, i: int, gene: Gene, genotype: Genotype, its: list[Cell], task: Task, found: Found
    ) -> None:
        place = self._place(gene)
        everything = {}
        cases = task.design.y[task.design.used] == 1
        binary = task.case_mask is not None
        people = {
            "n": task.design.n,
            "n_cases": task.design.n_cases if binary else None,
            "n_controls": task.design.n_controls if binary else None,
        }
        for cell in its:
            told = {"mask": self.sets.masks[cell.mask], "max_frequency": cell.max_frequency}
            reason = cell.reason or (None if cell.tests else NOT_CONVERGED)
            if reason is not None:
                found.rest.add(
                    gene_id=place["gene_id"],
                    gene_symbol=place["gene_symbol"],
                    chromosome=place["chromosome"],
                    **told,
                    n_variants=cell.n_variants,
                    reason=reason,
                )
                continue
            if cell.kernel_reason:
                found.burden_alone[cell.kernel_reason] += 1
            carriers = genotype.carried[cell.chosen].any(0)
            told |= {
                "n_variants": len(cell.chosen),
                "n_ultra_rare": int(
                    (genotype.minor[cell.chosen] <= self.options.ultra_rare_allele_count).sum()
                ),
                **people,
                "n_carriers": int(carriers.sum()),
                "n_carriers_cases": int((carriers & cases).sum()) if binary else None,
                "n_carriers_controls": int((carriers & ~cases).sum()) if binary else None,
                "allele_count": float(genotype.alleles[cell.chosen].sum()),
            }
            for name in TESTS:
                if name in cell.tests:
                    effect = (
                        {
                            "beta": cell.beta,
                            "standard_error": cell.standard_error,
                            "method": cell.how,
                        }
                        if name == "burden"
                        else {}
                    )
                    p = cell.tests[name]
                    found.tests.add(**place, **told, **effect, test=name, neg_log10_p_value=p)
            everything[cell.chosen.tobytes()] = [
                p for name, p in cell.tests.items() if name in COMBINED
            ]
        whole = cauchy(np.array([p for values in everything.values() for p in values]))
        if np.isfinite(whole):
            found.tests.add(**place, **people, test="acat-o", neg_log10_p_value=whole)
            found.best.append((whole, i))
