"""The null models of one trait and one covariate, stretch by stretch.

One model serves all variants that the same people have, with the same prediction of step 1:
whole-genome regression has one for each contig, and X, Y and the mitochondrion one more
where people of the trait are left out there.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

import numpy as np

from genopheno.association.block import mask_words
from genopheno.association.coding import Stretch
from genopheno.association.design import WGR, TraitDesign
from genopheno.association.interaction.linear import LinearInteraction
from genopheno.association.interaction.logistic import LogisticInteraction
from genopheno.association.interaction.terms import Terms
from genopheno.association.projection import Space
from genopheno.association.subset import among
from genopheno.association.wgr.loco import Loco

CONTIGS_HELD = 3  # contigs whose models are kept


@dataclass
class Fitted:
    """A null model, and the people that it is of.

    Attributes
    ----------
    design : the trait among these people.
    terms : what variants are multiplied with.
    model : tests blocks of variants.
    mask, case_mask : of the people and of the cases, for `Block.count`; None: quantitative.
    """

    design: TraitDesign
    terms: Terms
    model: LinearInteraction | LogisticInteraction
    mask: np.ndarray
    case_mask: np.ndarray | None


class Models:
    """Fits the null models, and keeps those of the last few contigs.

    Parameters
    ----------
    trait : among the people whose genotypes are known at all.
    names : columns of its covariates that variants are multiplied with.
    loco : predictions of step 1, where the model is whole-genome regression.
    firth_below : see `logistic`.
    """

    def __init__(
        self, trait: TraitDesign, names: list[str], loco: Loco | None, *, firth_below: float
    ):
        self.trait, self._names, self._loco = trait, names, loco
        self._firth_below = firth_below
        self._held: OrderedDict[tuple[str | None, str | None], Fitted | str] = OrderedDict()
        self._lock = Lock()

    def of(self, stretch: Stretch) -> Fitted | str:
        """The model for the variants of a stretch, or why there is none."""
        coding = stretch.coding
        has = None if coding is None else coding.copies > 0
        if has is not None and not (self.trait.used & ~has).any():
            has = None
        contig = stretch.contig if self.trait.model == WGR else None
        key = contig, coding.region if has is not None else None
        with self._lock:
            if key not in self._held:
                try:
                    self._held[key] = self._fit(contig, has)
                except ValueError as error:
                    self._held[key] = str(error)
                if len(self._held) > CONTIGS_HELD:
                    self._held.popitem(last=False)
            return self._held[key]

    def not_fitted(self, stretches: list[Stretch]) -> list[str]:
        """Contigs without a model for the people who have them, and why."""
        coded = (stretch for stretch in stretches if stretch.coding is not None)
        found = ((stretch.contig, self.of(stretch)) for stretch in coded)
        said = (f"{contig}: {model}" for contig, model in found if isinstance(model, str))
        return list(dict.fromkeys(said))

    def _fit(self, contig: str | None, has: np.ndarray | None) -> Fitted:
        trait = self.trait if has is None else among(self.trait, has)
        if trait.reason is not None:
            raise ValueError(trait.reason)
        lost = [name for name in self._names if name not in trait.covariates]
        if lost:
            raise ValueError(
                f"{', '.join(lost)} was dropped from the covariates among the {trait.n} people "
                "with genotypes"
            )
        used, y = trait.used, trait.y
        x = np.column_stack([np.ones(len(used)), np.where(used[:, None], trait.x, 0.0)])
        at = [trait.covariates.index(name) for name in self._names]
        terms = Terms(trait.x[:, at], used)
        given = None if contig is None else self._loco.of(trait.name, contig)
        if trait.type == "quantitative":
            y = y if given is None else y - given
            return Fitted(
                trait, terms, LinearInteraction(y, Space(x, used), terms), mask_words(used), None
            )
        model = LogisticInteraction(y, x, used, terms, firth_below=self._firth_below, given=given)
        return Fitted(trait, terms, model, mask_words(used), mask_words(y == 1))
