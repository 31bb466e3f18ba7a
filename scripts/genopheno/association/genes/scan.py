"""The scan of genes: every gene, mask and frequency limit against every trait of a design.

Genes go in batches of neighbours, whose genotypes are decoded once for all traits. Workers do
whole batches; the main thread writes them in order. Memory is that of a few batches, whatever
the number of genes, and a trait's numbers depend neither on the other traits nor on the
number of threads, given that the linear algebra library runs single-threaded.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genopheno import pvalues
from genopheno.association import coding
from genopheno.association.coding import Codings
from genopheno.association.design import Design, TraitDesign
from genopheno.association.genes import follow, sets
from genopheno.association.genes.files import Rows, TraitFiles, write_variants
from genopheno.association.genes.gene import Options
from genopheno.association.genes.scanner import Scanner
from genopheno.association.ordered import in_order
from genopheno.association.tasks import Tasks
from genopheno.association.wgr import loco as predictions
from genopheno.files import write_json
from genopheno.genotypes import Genotypes
from genopheno.problems import fail

if TYPE_CHECKING:
    from genopheno.chromosomes import SexChromosomes

ALPHA = 0.05


def run(
    genotypes_prefix: str | Path,
    design: Design,
    gene_sets: str | Path,
    *,
    options: Options,
    out_dir: str | Path,
    firth_below: float,
    exact_firth_below: float,
    correction: str = "firth",
    loco: str | Path | None = None,
    chromosomes: SexChromosomes | None = None,
    x_male_dosage: int = 2,
    follow_up: int = 10,
    threads: int = 1,
) -> dict[str, Any]:
    """Test all genes of a table ``gene_sets`` for all traits of a design.

    Parameters
    ----------
    gene_sets : what `sets.write` wrote, of the same genotypes.
    options : how genes are tested.
    out_dir : gets, per trait, ``{trait}.parquet``, ``{trait}.tsv.gz``,
        ``left_out/{trait}.parquet`` and ``variants/{trait}.parquet``; and ``genes.json``.
    firth_below, exact_firth_below, correction, loco, chromosomes, x_male_dosage : as for the
        scan of variants; burdens are tested as variants are.
    follow_up : genes of each trait whose variants are listed and left out one by one, by
        their p-value; those below `ALPHA` after Bonferroni are followed in any case.
    threads : workers; set the linear algebra library to one thread.

    Returns
    -------
    What ``genes.json`` holds.

    Raises
    ------
    StageError : the genotypes are faulty, sets and genotypes do not go together, or no trait can
        be fitted.
    """
    genotypes = Genotypes.open(genotypes_prefix)
    design = design.aligned(genotypes.samples)
    known = sets.read(gene_sets, genotypes)
    codings = Codings(coding.checked(chromosomes, genotypes.table), genotypes.sex, x_male_dosage)
    stretches = codings.stretches(genotypes.table)
    tasks = Tasks(
        genotypes,
        design,
        list(dict.fromkeys(stretch.contig for stretch in stretches)),
        loco=predictions.read(loco, genotypes.samples) if loco else None,
        firth_below=firth_below,
        exact_firth_below=exact_firth_below,
        correction=correction,
        threads=threads,
    )
    if not tasks.traits:
        raise fail(
            "association-no-trait",
            "design",
            "no trait can be fitted: " + "; ".join(f"{t.name}: {t.reason}" for t in design.traits),
            "Look at the traits' declarations and the people that have genotypes",
        )
    scanner = Scanner(genotypes, known, stretches, tasks, options)
    best: dict[str, list[tuple[float, int]]] = {trait.name: [] for trait in design.traits}
    with ExitStack() as stack:
        files = {
            trait.name: stack.enter_context(TraitFiles(out_dir, trait.name))
            for trait in design.traits
        }
        pool = stack.enter_context(ThreadPoolExecutor(threads))
        for done in in_order(pool, scanner.batch, scanner.batches(), threads + 1):
            for name, found in done.items():
                files[name].write(found.tests.table(), found.rest.table(), found.burden_alone)
                best[name] += found.best
    entries = []
    for trait in design.traits:
        found = sorted(best[trait.name], key=lambda pair: (-pair[0], pair[1]))
        entry = _entry(trait, files[trait.name], found, scanner)
        rows = Rows("gene_variants")
        for _, i in found[: max(follow_up, entry["n_significant"])]:
            follow.variants(scanner, trait.name, known.genes[i], rows)
        write_variants(out_dir, trait.name, rows)
        entries.append(entry)
    told = {
        "n_genes": len(known.genes),
        "masks": known.info["masks"],
        "sets": {key: value for key, value in known.info.items() if key != "masks"},
        "parameters": {
            **asdict(options),
            "max_frequency": list(options.max_frequency),
            "weights": list(options.weights),
            "follow_up": follow_up,
            "correction": correction,
        },
        "traits": entries,
    }
    write_json(Path(out_dir) / "genes.json", told)
    return told


def _entry(
    trait: TraitDesign, files: TraitFiles, found: list[tuple[float, int]], scanner: Scanner
) -> dict[str, Any]:
    """What ``genes.json`` says of a trait; `found` has the p-value of each gene with one."""
    limit = float(-np.log10(ALPHA / len(found))) if found else None
    n_genes = len(scanner.sets.genes)
    tested, left_out = len(files.p["acat-o"]), sum(files.left_out.values())
    if trait.reason is None and tested + left_out != n_genes * scanner.cells_of_a_gene:
        raise AssertionError(f"{trait.name}: {tested} + {left_out} are not all masks of all genes")
    return {
        "name": trait.name,
        "type": trait.type,
        "model": trait.model,
        "n": trait.n,
        "n_cases": trait.n_cases,
        "n_controls": trait.n_controls,
        "reason": trait.reason,
        "n_genes_tested": len(found),
        "n_genes_without_test": n_genes - len(found),
        "n_tests": {name: len(values) for name, values in files.p.items()},
        "left_out": dict(files.left_out),
        "burden_alone": dict(files.burden_alone),
        "lambda_gc": {name: pvalues.lambda_gc(np.array(v)) for name, v in files.p.items()},
        "threshold": limit,
        "n_significant": sum(p >= limit for p, _ in found),
        "notices": trait.info.get("notices", []),
    }
