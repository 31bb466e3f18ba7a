"""The traits of a scan with their fitted null models, contig by contig."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

import numpy as np

from genopheno.association.block import Block, Counts, mask_words
from genopheno.association.coding import Stretch
from genopheno.association.cox.model import Cox
from genopheno.association.design import LMM, WGR, Design, TraitDesign
from genopheno.association.estimates import Estimates
from genopheno.association.linear import Linear
from genopheno.association.logistic import Logistic
from genopheno.association.mixed import Mixed, Relationship
from genopheno.association.projection import Projected, Space
from genopheno.association.subset import among
from genopheno.association.wgr import loco as predictions
from genopheno.association.wgr.loco import Loco
from genopheno.genotypes import Genotypes

SEPARATED = "its covariates separate cases from controls: the null model is penalised (Firth)"
CONTIGS_HELD = 3  # contigs whose models are kept: blocks of neighbours are tested side by side


@dataclass
class Task:
    """One trait to be tested.

    Attributes
    ----------
    design : the trait, with the people that it is tested on.
    model : the fitted null model; None: it cannot be fitted.
    case_mask : for `Block.count`, cases (events) among the people used; None: quantitative.
    reason : why there is no model.
    """

    design: TraitDesign
    model: Linear | Logistic | Mixed | Cox | None
    case_mask: np.ndarray | None = None
    reason: str | None = None

    @property
    def space(self) -> Space:
        return self.model.space

    def count(self, block: Block) -> Counts:
        """Sums over the people, with or without a model."""
        return block.count(mask_words(self.design.used), self.design.n)

    def test(self, block: Block, projected: Projected, wanted: np.ndarray) -> Estimates:
        if isinstance(self.model, (Logistic, Cox)):
            return self.model.test(block, projected, wanted)
        return self.model.test(block, projected)

    def cases(self, block: Block) -> Counts | None:
        """Genotype counts among the cases."""
        if self.case_mask is None:
            return None
        return block.count(self.case_mask, self.design.n_cases)


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
        contigs: list[str],
        *,
        loco: Loco | None,
        firth_below: float,
        exact_firth_below: float,
        correction: str,
        threads: int,
        covered: np.ndarray | None = None,
        relationships: dict[bytes, Relationship] | None = None,
    ):
        self._genotypes, self._loco, self._threads = genotypes, loco, threads
        self._covered = np.ones(genotypes.n_samples, bool) if covered is None else covered
        self._refining = {
            "firth_below": firth_below,
            "exact_firth_below": exact_firth_below,
            "correction": correction,
        }
        self._spaces: dict[tuple[bytes, bytes], Space] = {}
        self._fixed: dict[str, Task] = {}
        self._held: OrderedDict[tuple[str, str | None], dict[str, Task]] = OrderedDict()
        self._lock = Lock()
        self.traits: list[TraitDesign] = []
        self._relationships = {} if relationships is None else relationships
        for trait in design.fitted:
            nulls = set()
            try:
                if trait.model != WGR:
                    task = self._fixed[trait.name] = self._fit(trait)
                    nulls = {getattr(task.model, "null", None)}
                elif self._predicted(trait) and trait.type == "binary":
                    nulls = {self._fit(trait, contig).model.null for contig in contigs}
            except ValueError as error:
                trait.reason = str(error)
            if "firth" in nulls:
                _notice(trait, SEPARATED)
            if trait.reason is None:
                self.traits.append(trait)

    def of(self, stretch: Stretch) -> list[Task]:
        """Tasks for variants of a stretch, one for each of `traits`."""
        coding = stretch.coding
        key = stretch.contig, coding and coding.region
        with self._lock:
            held = self._held.get(key)
            if held is None:
                has = None if coding is None else coding.copies > 0
                held = self._held[key] = {
                    trait.name: self._fit_or_tell(trait, stretch, has)
                    for trait in self.traits
                    if trait.name not in self._fixed
                    or (has is not None and (trait.used & ~has).any())
                }
                if len(self._held) > CONTIGS_HELD:
                    self._held.popitem(last=False)
        return [held.get(trait.name) or self._fixed[trait.name] for trait in self.traits]

    def _fit_or_tell(self, trait: TraitDesign, stretch: Stretch, has: np.ndarray | None) -> Task:
        """The task of a stretch that only some people may have, or why there is none."""
        contig = stretch.contig if trait.model == WGR else None
        try:
            return self._fit(trait, contig, has)
        except ValueError as error:
            trait = among(trait, self._covered if has is None else self._covered & has)
            cases = None if trait.type == "quantitative" else mask_words(trait.y == 1)
            return Task(trait, None, cases, f"{stretch.contig}: {error}")

    def not_fitted(self, stretches: list[Stretch]) -> list[dict]:
        """Where a trait has no model for the people who have a chromosome: trait and reason."""
        said: dict[tuple[str, str], None] = {}
        for stretch in stretches:
            if stretch.coding is not None:
                said |= {(t.design.name, t.reason): None for t in self.of(stretch) if t.reason}
        return [{"trait": trait, "reason": reason} for trait, reason in said]

    def null_models(self) -> dict[str, dict]:
        """What there is to say of the models, for each trait that has something."""
        said = {}
        for name, task in self._fixed.items():
            if isinstance(task.model, (Logistic, Cox)):
                said[name] = {"null_model": task.model.null}
            elif isinstance(task.model, Mixed):
                said[name] = {
                    "heritability": task.model.heritability,
                    "n_variants_of_relationship": task.model.relationship.n_variants,
                }
        return said

    def _predicted(self, trait: TraitDesign) -> bool:
        """Whether step 1 has predictions of the trait; if not, the trait gets the reason."""
        trait.reason = predictions.missing(self._loco, trait)
        if trait.reason is not None:
            return False
        (entry,) = (e for e in self._loco.info["traits"] if e["name"] == trait.name)
        said = [*self._loco.info["notices"], *entry["notices"]]
        _notice(trait, *(f"step 1: {text}" for text in said))
        return True

    def _fit(
        self, trait: TraitDesign, contig: str | None = None, has: np.ndarray | None = None
    ) -> Task:
        """Fit a trait, for one contig alone or for all, among the people who have it."""
        trait = among(trait, self._covered if has is None else self._covered & has)
        if trait.reason is not None:
            raise ValueError(trait.reason)
        used = trait.used
        if trait.type == "time-to-event":
            return Task(trait, self._cox(trait), mask_words(trait.y == 1))
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

    def _cox(self, trait: TraitDesign) -> Cox:
        used = trait.used
        intercept = np.ones((len(used), 1))
        key = used.tobytes(), intercept.tobytes()
        space = self._spaces.get(key) or self._spaces.setdefault(key, Space(intercept, used))
        below = {name: self._refining[name] for name in ("firth_below", "exact_firth_below")}
        return Cox(trait.y, trait.time, trait.entry, trait.x, space, **below)

    def _relationship(self, used: np.ndarray) -> Relationship:
        """Made once for all traits of the same people."""
        key = used.tobytes()
        if key not in self._relationships:
            self._relationships[key] = Relationship(self._genotypes, used, self._threads)
        return self._relationships[key]


def _notice(trait: TraitDesign, *texts: str) -> None:
    """Add to the notices of a trait; its `info` may be shared with another design."""
    trait.info = {**trait.info, "notices": [*trait.info.get("notices", []), *texts]}
