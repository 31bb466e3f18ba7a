"""A trait among some of its people."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from genopheno.association.build import unfit
from genopheno.association.covariates import independent
from genopheno.association.design import TraitDesign


def among(trait: TraitDesign, keep: np.ndarray) -> TraitDesign:
    """The trait without the people who are not in `keep` (samples,) bool.

    Values stay those that were made for all people of the trait. A covariate that says
    nothing new among the others goes (sex, where only men are left); a trait that cannot be
    fitted among them gets the reason.
    """
    used = trait.used & keep
    if np.array_equal(used, trait.used):
        return trait
    chosen, dropped = independent(list(trait.x.T), trait.covariates, used)
    x = np.where(used[:, None], trait.x[:, chosen], np.nan)
    covariates = [trait.covariates[i] for i in chosen]
    info = {**trait.info, "notices": [*trait.info.get("notices", []), *dropped]}
    made = replace(
        trait,
        y=np.where(used, trait.y, np.nan),
        x=x,
        covariates=covariates,
        reason=None,
        info=info,
        complete=used,
    )
    if trait.time is not None:
        made.time = np.where(used, trait.time, np.nan)
    if trait.entry is not None:
        made.entry = np.where(used, trait.entry, np.nan)
    made.reason = unfit(made)
    return made
