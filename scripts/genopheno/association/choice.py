"""Which model a trait is tested with, and why; `auto` chooses by the people of the trait.

regression  every person counts for himself: right for people who are not related
lmm         exact linear mixed model: right for relatives; its cost grows with the cube of
            the people
wgr         whole-genome regression (Mbatchou 2021): right for relatives too, and a gain in
            power for many people, whose polygenic part it can predict
"""

from __future__ import annotations

import numpy as np

from genopheno.association.design import LMM, REGRESSION, WGR, TraitDesign
from genopheno.chromosomes import autosomal
from genopheno.genotypes import Genotypes

SMALL = 5_000  # people: up to here an eigendecomposition is a matter of minutes
BALANCED = 0.1  # share of the rarer of cases and controls from which a linear model will do
MIN_VARIANTS = 1_000  # fewer say little about the rest of the genome
MIN_CONTIGS = 2  # with one left out, something must be left


class Chooser:
    """Chooses the model of each trait.

    Parameters
    ----------
    requested : 'auto', 'regression', 'wgr' or 'lmm'.
    genotypes : what step 1 would be made from, of which it takes the autosomes.
    engine : 'numpy' or 'hail'.
    """

    def __init__(self, requested: str, genotypes: Genotypes, engine: str = "numpy"):
        self.requested, self.engine = requested, engine
        runs = genotypes.contigs()
        taken = autosomal(np.array([name for name, _, _ in runs]))
        used = [run for run, autosome in zip(runs, taken, strict=True) if autosome]
        self.n_variants = sum(stop - start for _, start, stop in used)
        self.n_contigs = len({name for name, _, _ in used})

    def __call__(self, trait: TraitDesign) -> tuple[str, str]:
        """Model of the trait, and why it is that one.

        Raises
        ------
        ValueError : there is no such model for its type; the message is the reason.
        """
        if trait.type == "time-to-event":
            return self._time_to_event(trait)
        if self.requested != "auto":
            return self.requested, "asked for by the configuration"
        n, related = trait.n, trait.info.get("n_related", 0)
        size = f"{n} people, " + (f"{related} of them relatives" if related else "unrelated")
        if n <= SMALL and not related:
            return REGRESSION, f"{size}: at most {SMALL}"
        rarer = min(trait.n_cases, trait.n_controls) / n if trait.type == "binary" else 0.5
        if n <= SMALL and rarer >= BALANCED:
            return LMM, f"{size}: at most {SMALL}"
        why = f"{size}: more than {SMALL}"
        if n <= SMALL:
            why = f"{size}, and cases and controls too uneven for a linear model ({rarer:.1%})"
        if self.n_contigs >= MIN_CONTIGS and self.n_variants >= MIN_VARIANTS:
            return WGR, why
        return REGRESSION, (
            f"{why}; but whole-genome regression asks for {MIN_VARIANTS} variants on "
            f"{MIN_CONTIGS} chromosomes, and there are {self.n_variants} on {self.n_contigs}"
        )

    def _time_to_event(self, trait: TraitDesign) -> tuple[str, str]:
        if self.engine == "hail":
            raise ValueError("engine hail has no test of time-to-event traits")
        if self.requested not in ("auto", REGRESSION):
            raise ValueError(f"model {self.requested} is not for time-to-event traits")
        if self.requested == REGRESSION:
            return REGRESSION, "asked for by the configuration"
        related = trait.info.get("n_related", 0)
        why = "the model of time-to-event traits"
        return REGRESSION, why + (f"; {related} relatives are taken for unrelated" * bool(related))
