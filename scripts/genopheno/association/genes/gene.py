"""The tests of one batch of genes for one trait: a pure function of genotypes and null model."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from genopheno import pvalues
from genopheno.association.estimates import TESTS
from genopheno.association.genes.collapse import Collapsed, Genotype, as_block, burden, collapse
from genopheno.association.genes.combine import cauchy
from genopheno.association.genes.kernels import Kernel, skat, skat_o
from genopheno.association.genes.null import Null
from genopheno.association.projection import Projected
from genopheno.association.tasks import Task

EMPTY, MONOMORPHIC, FREQUENT, SINGLE, RARE = LEFT_OUT = (
    "no variant",
    "monomorphic",
    "above max frequency",
    "one variant",
    "min allele count",
)
SINGLETONS, COLLAPSED = NOT_KERNEL = ("only singletons", "collapsed into one")
NO_NULL = "time-to-event"
COMBINED = ("burden", "skat", "acat-v")  # in ACAT-O (Liu et al. 2019); SKAT-O is of two of them


@dataclass(frozen=True)
class Options:
    """How genes are tested; the names are those of the configuration."""

    max_frequency: tuple[float, ...] = (0.01, 0.001)
    collapse: str = "max"
    ultra_rare_allele_count: int = 10
    weights: tuple[float, float] = (1.0, 25.0)
    min_allele_count: int = 10
    min_variants: int = 2


@dataclass
class Cell:
    """One gene, one mask, one limit of the frequency.

    Attributes
    ----------
    chosen : rows of the `Genotype` that are in it. n_variants : of the mask, before all limits.
    reason : why it has no test; None: it has.
    kernel_reason : why it has a burden alone; None: it has all tests.
    tests : -log10 p by test. beta, standard_error, how : of the burden.
    """

    mask: int
    max_frequency: float
    n_variants: int
    chosen: np.ndarray
    reason: str | None = None
    kernel_reason: str | None = None
    tests: dict[str, float] = field(default_factory=dict)
    beta: float = np.nan
    standard_error: float = np.nan
    how: str = ""


def cells(genotype: Genotype, members: np.ndarray, options: Options) -> list[Cell]:
    """What is to be tested of a gene, and what is not and why.

    Parameters
    ----------
    members : (masks, variants of the gene) bool.
    """
    out = []
    for mask, member in enumerate(members):
        inside = member[genotype.rows]
        for most in options.max_frequency:
            chosen = np.flatnonzero(inside & (genotype.frequency <= most))
            cell = Cell(mask, most, int(member.sum()), chosen)
            if not member.any():
                cell.reason = EMPTY
            elif not inside.any():
                cell.reason = MONOMORPHIC
            elif not chosen.size:
                cell.reason = FREQUENT
            elif chosen.size < options.min_variants:
                cell.reason = SINGLE
            elif genotype.minor[chosen].sum() < options.min_allele_count:
                cell.reason = RARE
            out.append(cell)
    return out


def fill(
    task: Task,
    null: Null | None,
    genes: list[tuple[Genotype, list[Cell]]],
    n_samples: int,
    options: Options,
) -> None:
    """Fill in the tests of all cells that have no reason not to be tested.

    Parameters
    ----------
    null : of the task; None: burdens alone.
    genes : genotypes, and the cells that are tested on them.
    """
    index = np.flatnonzero(task.design.used)
    work: list[tuple[Cell, list[Cell], Genotype]] = []
    for genotype, its in genes:
        first: dict[bytes, tuple[Cell, list[Cell]]] = {}
        for cell in its:
            if cell.reason is None:
                # The same variants under another name or limit have the same tests.
                _, same = first.setdefault(cell.chosen.tobytes(), (cell, []))
                same.append(cell)
        work += [(cell, same, genotype) for cell, same in first.values()]
    if not work:
        return
    _burdens(task, work, index, n_samples, options.collapse)
    if null is None:
        for cell, _, _ in work:
            cell.kernel_reason = NO_NULL
    else:
        _kernels(null, work, options)
    for cell, same, _ in work:
        values = [cell.tests[name] for name in COMBINED if name in cell.tests]
        if np.isfinite(values).any():
            cell.tests["acat-o"] = cauchy(np.array(values))
        cell.tests = {name: p for name, p in cell.tests.items() if np.isfinite(p)}
        for other in same:
            other.tests, other.kernel_reason = dict(cell.tests), cell.kernel_reason
            other.beta, other.standard_error, other.how = (
                cell.beta,
                cell.standard_error,
                cell.how,
            )


def _burdens(task: Task, work: list, index: np.ndarray, n_samples: int, how: str) -> None:
    """The burdens, tested as variants: whatever the scan does for those, it does for these."""
    made = [burden(genotype, cell.chosen, how) for cell, _, genotype in work]
    block = as_block(index, [dosage for dosage, _ in made], n_samples)
    found = task.test(block, Projected(task.space, block), np.ones(len(made), bool))
    for i, ((cell, _, _), (_, unit)) in enumerate(zip(work, made, strict=True)):
        if np.isfinite(found.neg_log10_p[i]):
            cell.tests["burden"] = float(found.neg_log10_p[i])
        cell.beta = float(found.beta[i]) / unit
        cell.standard_error = float(found.standard_error[i]) / unit
        cell.how = TESTS[found.test[i]]


def _kernels(null: Null, work: list, options: Options) -> None:
    cases, kernels = [], []
    for cell, _, genotype in work:
        part = collapse(genotype, cell.chosen, options.ultra_rare_allele_count)
        if len(part.dosage) < 2:
            single = (genotype.minor[cell.chosen] <= 1).all()
            cell.kernel_reason = SINGLETONS if single else COLLAPSED
            continue
        weights = part.weights(*options.weights)
        score, variance = _variance(null, part, weights)
        cell.tests["acat-v"] = acat_v(part, weights, score, variance, options)
        cases.append(cell)
        kernels.append(Kernel(weights * score, variance * np.outer(weights, weights)))
    for name, values in (("skat", skat(kernels)), ("skat-o", skat_o(kernels))):
        for cell, value in zip(cases, values, strict=True):
            cell.tests[name] = float(value)


def _variance(null: Null, part: Collapsed, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores (m,) and their covariance (m, m), corrected for few cases."""
    score, variance = null.moments(part.dosage)
    if null.y is None:
        return score, variance
    plain = np.diag(variance).copy()
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.sqrt(null.saddlepoint(part.dosage, score, plain) / plain)
    root = np.where(np.isfinite(root), root, 1.0)
    together = weights @ part.dosage
    sums = np.array([weights @ score]), np.array([weights @ variance @ weights])
    scaled = variance * np.outer(root, root)
    if sums[1][0] > 0:
        # As large as the weights are; the search for the saddlepoint wants numbers like dosages.
        unit = together.max() / 2
        wanted = null.saddlepoint(together[None] / unit, sums[0] / unit, sums[1] / unit**2)
        ratio = float(weights @ scaled @ weights) / (float(wanted[0]) * unit**2)
        scaled = scaled / min(1.0, ratio) if ratio > 0 else scaled
    return score, scaled


def acat_v(
    part: Collapsed,
    weights: np.ndarray,
    score: np.ndarray,
    variance: np.ndarray,
    options: Options,
) -> float:
    """-log10 p of the set-based ACAT (Liu et al. 2019): the variants' own p-values, combined.

    Variants weigh w² f (1 - f). Those with few copies of the rarer allele have no normal
    score: their weighted burden is one p-value, with the mean of their w and f.
    """
    f = part.frequency
    with np.errstate(divide="ignore", invalid="ignore"):
        p = pvalues.from_chi2(np.square(score) / np.diag(variance))
    few = part.minor <= options.ultra_rare_allele_count
    shares = np.square(weights) * f * (1 - f)
    if few.sum() > 1:
        together = weights * few
        with np.errstate(divide="ignore", invalid="ignore"):
            one = pvalues.from_chi2((together @ score) ** 2 / (together @ variance @ together))
        mean = f[few].mean()
        p = np.append(p[~few], one)
        shares = np.append(shares[~few], weights[few].mean() ** 2 * mean * (1 - mean))
    return cauchy(p, shares)
