"""Samples whose truth is known, handed in to be compared with it."""

from __future__ import annotations

from collections.abc import Sequence

from genopheno.submission.sheet import Unit


def only_controls(units: Sequence[Unit]) -> set[str]:
    """Participants all of whose samples are controls: nobody asks for their phenotypes."""
    return {u.participant for u in units} - {u.participant for u in units if not u.control}
