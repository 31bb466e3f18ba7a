"""People who stand alone on the components.

The mean distance of a person to the nearest others is compared with everybody's, on a log
scale by median and median absolute deviation. A cohort of several populations has several
crowds, and a distance from its middle would blame the smaller ones; that to the nearest does not.
(Privé et al. 2020, Bioinformatics 36:4449, use nearest neighbours for the same reason.)
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

NEIGHBOURS = 5
LEAST = 20  # people; among fewer nobody is called an outlier
TO_SD = 1.4826  # of a normal distribution, over its median absolute deviation


def isolation(scores: np.ndarray) -> np.ndarray:
    """(people,) float64: robust z of the log mean distance to the nearest 5.

    Parameters
    ----------
    scores : (people, k). NaN comes back where they are not finite, and for everybody where
        there are fewer than 20 people or no spread.
    """
    out = np.full(len(scores), np.nan)
    there = np.isfinite(scores).all(axis=1)
    if there.sum() < LEAST or scores.shape[1] == 0:
        return out
    known = scores[there]
    nearest, _ = cKDTree(known).query(known, k=NEIGHBOURS + 1)
    apart = nearest[:, 1:].mean(axis=1)  # the nearest is the person
    if not (apart > 0).all():  # copies of a person more than five times
        apart = np.maximum(apart, np.finfo(float).tiny)
    log = np.log(apart)
    middle = np.median(log)
    spread = TO_SD * np.median(np.abs(log - middle))
    if spread > 0:
        out[there] = (log - middle) / spread
    return out
