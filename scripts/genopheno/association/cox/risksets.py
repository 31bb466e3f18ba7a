"""Who is at risk when an event happens, and sums over these people for many columns at once.

A person is at risk at time t if entry < t <= time: he is seen from `entry` (delayed entry,
left truncation; 0 without) until `time`, when he has the event or is censored. Somebody
censored at t is still at risk at t.

Tied events after Efron (1977), as R's ``coxph`` and lifelines by default: with d events at
one time, the l-th of them (l = 0, …, d - 1) finds the d people at risk with weight 1 - l/d each,
the mean over all orders in which they may have come. It is close to the exact partial
likelihood at the cost of Breslow's approximation, which draws effects to 0 where ties are many
(years as the unit of time).

A sum over a risk set is a difference of two cumulative sums along time, so that the sums for
all events take O(people + events) for a column.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

LEFT = 1e-12  # share of a risk set below which what is left of it is rounding


class RiskSets:
    """Risk sets of the events of some people.

    Parameters
    ----------
    time : (n,) end of follow-up. event : (n,) 1 event, 0 censored.
    entry : (n,) start of follow-up, below `time`; None: all are there from the start.

    Attributes
    ----------
    events : number of events E; all arrays over events are in the order of time.
    fraction : (E,) l/d of each.
    """

    def __init__(self, time: np.ndarray, event: np.ndarray, entry: np.ndarray | None = None):
        n = len(time)
        died = event > 0
        times, place, deaths = np.unique(time[died], return_inverse=True, return_counts=True)
        self.events = int(died.sum())
        self.at = np.repeat(np.arange(len(times)), deaths)
        rank = np.arange(self.events) - np.repeat(np.cumsum(deaths) - deaths, deaths)
        self.fraction = rank / deaths[self.at]
        self._deaths = deaths
        people = np.arange(n)
        last = np.searchsorted(times, time, "right") - 1  # last event time that sees the person
        before = np.full(n, -1)
        if entry is not None:
            before = np.searchsorted(times, entry, "right") - 1  # last that comes too early
        leaves, enters = last >= 0, before >= 0
        self._risk = sparse.csr_array(
            (
                np.concatenate([np.ones(leaves.sum()), -np.ones(enters.sum())]),
                (
                    np.concatenate([last[leaves], before[enters]]),
                    np.concatenate([people[leaves], people[enters]]),
                ),
            ),
            shape=(len(times), n),
        )
        self._dead = sparse.csr_array(
            (np.ones(self.events), (place, people[died])), shape=(len(times), n)
        )
        self._tied = bool((deaths > 1).any())

    def sums(self, values: np.ndarray | sparse.csr_array, weights: np.ndarray) -> np.ndarray:
        """(E, m) weighted sums over the risk set of each event, tied people reduced.

        `values` (n, m), dense or sparse; `weights` (n,).
        """
        sums = _dense(_scaled(self._risk, weights) @ values)
        sums = _from_the_end(sums)[self.at]
        if self._tied:
            dead = _dense(_scaled(self._dead, weights) @ values)
            sums -= self.fraction[:, None] * dead[self.at]
        return sums

    def back(self, values: np.ndarray) -> np.ndarray:
        """(n, m) for each person the sum of `values` (E, m) over the events he is at risk at.

        The transpose of `sums` with weights 1.
        """
        summed = np.zeros((self._risk.shape[0], values.shape[1]))
        np.add.at(summed, self.at, values)
        out = self._risk.T @ np.cumsum(summed, axis=0)
        if self._tied:
            tied = np.zeros_like(summed)
            np.add.at(tied, self.at, self.fraction[:, None] * values)
            out -= self._dead.T @ tied
        return out

    def gone(self, absent: np.ndarray | sparse.csr_array) -> np.ndarray:
        """(E, m) share of each event that belongs to people who are `absent` (n, m), 1 or 0."""
        return (_dense(self._dead @ absent) / self._deaths[:, None])[self.at]


def reciprocal(left: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """1 / left; 0 where nobody of the risk set `whole` is left."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(left > LEFT * whole, 1 / left, 0.0)


def _scaled(matrix: sparse.csr_array, weights: np.ndarray) -> sparse.csr_array:
    return sparse.csr_array(
        (matrix.data * weights[matrix.indices], matrix.indices, matrix.indptr), matrix.shape
    )


def _from_the_end(values: np.ndarray) -> np.ndarray:
    """Cumulative sums over the rows from the last to the first, in place.

    Whole rows at a time: ``np.cumsum`` along the first axis takes 24 ns a number, this 3.
    """
    for later, row in zip(values[:0:-1], values[-2::-1], strict=True):
        row += later
    return values


def _dense(values: np.ndarray | sparse.csr_array) -> np.ndarray:
    return values.toarray() if sparse.issparse(values) else values
