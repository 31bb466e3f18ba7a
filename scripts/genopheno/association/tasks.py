"""The traits of a scan with their fitted null models, contig by contig."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

import numpy as np

from genopheno.association.design import LMM, WGR, Design, TraitDesign
from genopheno.association.estimates import Estimates
from genopheno.association.linear import Linear
from genopheno.association.logistic import Logistic
from genopheno.association.mixed import Mixed, Relationship
from genopheno.association.projection import Block, Projected, Space, mask_words
from genopheno.association.wgr.loco import Loco
from genopheno.genotypes import Genotypes
from genopheno.problems import fail

CONTIGS_HELD = 3  # contigs whose models are kept: blocks of neighbours are tested side by side


@dataclass
class Task:
    """One trait to be tested.

    Attributes
    ----------
    design : the trait.
    model : the fitted null model.
    case_mask : for `Block.count`, cases among the people used; None: quantitative.
    """

    design: TraitDesign
    model: Linear | Logistic | Mixed
    case_mask: np.ndarray | None = None

    @property
    def space(self) -> Space:
        return self.model.space

    def test(self, block: Block, projected: Projected, wanted: np.ndarray) -> Estimates:
        if isinstance(self.model, Logistic):
            return self.model.test(block, projected, wanted)
        return self.model.test(block, projected)

    def cases(self, block: Block) -> np.ndarray | None:
        """Cases with a genotype, per variant."""
        if self.case_mask is None:
            return None
        return block.count(self.case_mask, self.design.n_cases).called


class Tasks:
    """Fits the null models. A trait that cannot be fitted gets its reason and no task.

    Plain regression and mixed models are fitted once; whole-genome regression for each contig,
    without its own part of the prediction. Traits with the same people and covariates share
    their `Space`, traits with the same people their `Relationship`.

    Parameters
    ----------
    genotypes : what will be scanned, and what mixed models take the relationship from.
    design : in the order of the genotypes' samples.
    loco : predictions of step 1, in the same order; None: no trait may need them.
    firth_below, exact_firth_below, correction : see `logistic`.
    threads : workers for the relationships.
    relationships : made before, by the bytes of the people used; missing ones are added.

    Attributes
    ----------
    traits : those that are tested.

    Raises
    ------
    StageError : a trait needs predictions, and there are none of it or of its people.
    """

    def __init__(
        self,
        genotypes: Genotypes,
        design: Design,
        *,
        loco: Loco | None,
        firth_below: float,
        exact_firth_below: float,
        correction: str,
        threads: int,
        relationships: dict[bytes, Relationship] | None = None,
    ):
        self._genotypes, self._loco, self._threads = genotypes, loco, threads
        self._refining = {
            "firth_below": firth_below,
            "exact_firth_below": exact_firth_below,
            "correction": correction,
        }
        self._spaces: dict[tuple[bytes, bytes], Space] = {}
        self._fixed: dict[str, Task] = {}
        self._held: OrderedDict[str, dict[str, Task]] = OrderedDict()
        self._lock = Lock()
        self.traits: list[TraitDesign] = []
        self._relationships = {} if relationships is None else relationships
        contigs = list(dict.fromkeys(name for name, _, _ in genotypes.contigs()))
        for trait in design.fitted:
            try:
                if trait.model != WGR:
                    self._fixed[trait.name] = self._fit(trait)
                elif self._predicted(trait):
                    for contig in contigs if trait.type == "binary" else ():
                        self._fit(trait, contig)
            except ValueError as error:
                trait.reason = str(error)
            if trait.reason is None:
                self.traits.append(trait)

    def of(self, contig: str) -> list[Task]:
        """Tasks for variants of `contig`, one for each of `traits`."""
        with self._lock:
            held = self._held.get(contig)
            if held is None:
                held = self._held[contig] = {
                    trait.name: self._fit(trait, contig)
                    for trait in self.traits
                    if trait.name not in self._fixed
                }
                if len(self._held) > CONTIGS_HELD:
                    self._held.popitem(last=False)
        return [self._fixed.get(trait.name) or held[trait.name] for trait in self.traits]

    def null_models(self) -> dict[str, dict]:
        """What there is to say of the models, for each trait that has something."""
        said = {}
        for name, task in self._fixed.items():
            if isinstance(task.model, Logistic):
                said[name] = {"null_model": task.model.null}
            elif isinstance(task.model, Mixed):
                said[name] = {
                    "heritability": task.model.heritability,
                    "n_variants_of_relationship": task.model.relationship.n_variants,
                }
        return said

    def _predicted(self, trait: TraitDesign) -> bool:
        """Whether step 1 has predictions of the trait; if not, the trait gets the reason."""
        known = self._loco.predictions.get(trait.name) if self._loco else None
        reason = self._loco.reasons.get(trait.name) if self._loco else None
        if known is None and reason is None:
            raise fail(
                "loco-missing",
                "--loco",
                f"trait {trait.name} is tested by whole-genome regression, "
                "and there are no predictions of it",
                "Run 'genopheno loco' on the same design first",
            )
        if known is None:
            trait.reason = f"whole-genome regression, step 1: {reason}"
            return False
        used = ~np.isnan(known[None])
        if not np.array_equal(used, trait.used):
            raise fail(
                "loco-other-people",
                "--loco",
                f"trait {trait.name}: {int(used.sum())} people have predictions, "
                f"{trait.n} are tested, {int((used & trait.used).sum())} are both",
                "Run 'genopheno loco' on the same design",
            )
        (entry,) = (e for e in self._loco.info["traits"] if e["name"] == trait.name)
        said = [*self._loco.info["notices"], *entry["notices"]]
        trait.info = {
            **trait.info,
            "notices": [*trait.info.get("notices", []), *(f"step 1: {text}" for text in said)],
        }
        return True

    def _fit(self, trait: TraitDesign, contig: str | None = None) -> Task:
        used = trait.used
        x = np.column_stack([np.ones(len(used)), np.where(used[:, None], trait.x, 0.0)])
        given = None if contig is None else self._loco.of(trait.name, contig)
        if trait.type == "quantitative" or trait.model == LMM:
            key = used.tobytes(), x.tobytes()
            space = self._spaces.get(key) or self._spaces.setdefault(key, Space(x, used))
        if trait.model == LMM:
            binary = trait.type == "binary"
            model = Mixed(trait.y, x, space, self._relationship(used), binary=binary)
            return Task(trait, model, mask_words(trait.y == 1) if binary else None)
        if trait.type == "quantitative":
            return Task(trait, Linear(trait.y if given is None else trait.y - given, space))
        model = Logistic(trait.y, x, used, given=given, **self._refining)
        return Task(trait, model, mask_words(trait.y == 1))

    def _relationship(self, used: np.ndarray) -> Relationship:
        """Made once for all traits of the same people."""
        key = used.tobytes()
        if key not in self._relationships:
            self._relationships[key] = Relationship(self._genotypes, used, self._threads)
        return self._relationships[key]
