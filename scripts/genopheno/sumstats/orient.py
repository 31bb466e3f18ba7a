"""Rows put on a reference: its strand, indels moved left, its alternate allele as effect allele."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from genopheno.contig_names import other_spelling
from genopheno.fasta import faidx
from genopheno.problems import Problem, Problems
from genopheno.sumstats import alleles, chromosomes
from genopheno.sumstats.reading import Read
from genopheno.sumstats.rows import SCHEMA
from genopheno.sumstats.store import SHIFT, WINDOW, Key, Store

MIN_JUDGED = 20  # rows from which on agreement with the reference is judged
MARGIN = 1000  # bases before a window into which indels may move, and behind it

NO_CONTIG = "the reference has no such chromosome"
BEYOND = "position behind the end of the chromosome"
MISMATCH = "neither allele is what the reference has there"
NAMED = "on the reference's strand"
FLIPPED = "strand flipped"
SWAPPED = "alleles swapped"
MOVED = "indel moved left"


def all_of(
    read: list[Read], reference: Path, scratch: Path, *, min_agreement: float
) -> tuple[list[Store], list[Counter]]:
    """Put every study on the reference.

    Parameters
    ----------
    min_agreement : share of the rows with an unambiguous strand that must have a base of the
        reference as they are named. In another build half of them would.

    Returns
    -------
    Their rows again, and what was done with them.

    Raises
    ------
    StageError : studies that agree less, all at once.
    """
    found, stores, counts = Problems(), [], []
    for one in read:
        store, done = put(one.store, reference, scratch / f"{one.study.name}.oriented.arrow")
        stores.append(store)
        counts.append(done)
        named, other = done["judged: as named"], done["judged: not as named"]
        if named + other >= MIN_JUDGED and named < min_agreement * (named + other):
            what = (
                f"of {named + other} variants with a strand, {named} have the reference's base"
                f" {reference} as they are named; in another build about half would"
            )
            mend = "Give the FASTA of its build, or lift it over; --min-agreement allows less"
            found.items.append(
                Problem("sumstats-build", str(one.study.path), None, None, what, mend)
            )
        if not store.windows():
            what = f"no variant is on the reference {reference}: {dict(done)}"
            found.add("sumstats-build", one.study.path, what, "Give the FASTA of its build")
    found.raise_if_any()
    return stores, counts


def put(store: Store, reference: Path, path: Path) -> tuple[Store, Counter]:
    """Rows of a study on the reference, in a new scratch file; and what was done with them."""
    import pysam

    faidx(reference)
    counts: Counter = Counter()
    out = Store(path, SCHEMA)
    with pysam.FastaFile(str(reference)) as fasta, out:
        lengths = dict(zip(fasta.references, fasta.lengths, strict=True))
        names = {chromosomes.name(theirs): theirs for theirs in lengths}
        for key in store.windows():
            rows = store.read(key)
            theirs = names.get(key[0]) or next(
                (n for n in other_spelling(key[0]) if n in lengths), None
            )
            if theirs is None:
                counts[NO_CONTIG] += rows.num_rows
                continue
            start = max((key[1] << SHIFT) - MARGIN, 0)
            bases = fasta.fetch(theirs, start, start + WINDOW + 2 * MARGIN).upper()
            out.add(_placed(rows, key, bases, start, lengths[theirs], counts))
    return out, counts


def _placed(
    rows: pa.Table, key: Key, bases: str, start: int, length: int, counts: Counter
) -> pa.Table:
    """Rows of one window on the reference.

    Parameters
    ----------
    bases : of the reference, from the 0-based `start` on. length : of the whole contig.
    """
    position = rows["position"].to_numpy().copy()
    there = position <= length
    counts[BEYOND] += int((~there).sum())
    effect, other = (alleles.codes(rows[name]) for name in ("effect_allele", "other_allele"))
    sequence = _codes_of(bases)
    at = np.clip(position - 1 - start, 0, max(len(sequence) - 1, 0))
    base = np.where(there, sequence[at] if len(sequence) else -1, -1)
    single = (effect >= 0) & (other >= 0)
    forward = single & (base >= 0) & ((effect == base) | (other == base))
    backward = single & (base >= 0) & ~forward & ((3 - effect == base) | (3 - other == base))
    swapped = (forward & (effect == base)) | (backward & (3 - effect == base))
    judged = single & (base >= 0) & ~alleles.is_ambiguous(effect, other)
    named, moved = forward.copy(), np.zeros(len(position), bool)
    a, b = rows["effect_allele"], rows["other_allele"]
    flip = pa.array(backward)
    a, b = (pc.if_else(flip, alleles.complemented(x.combine_chunks()), x) for x in (a, b))
    a, b = pc.if_else(pa.array(swapped), b, a), pc.if_else(pa.array(swapped), a, b)
    long = np.flatnonzero(~single & there)
    if long.size:
        a, b = np.array(a.to_pylist(), object), np.array(b.to_pylist(), object)

        def before(place: int) -> str:
            return bases[place - 1 - start] if place - 1 >= start else ""

        for row in long:
            begin = position[row] - 1 - start
            fits = [bases.startswith(text, begin) for text in (b[row], a[row])]
            if not any(fits):
                continue
            named[row] = True
            if not fits[0]:
                a[row], b[row], swapped[row] = b[row], a[row], True
            place, a[row], b[row] = alleles.leftmost(int(position[row]), a[row], b[row], before)
            moved[row] = place != position[row]
            position[row] = place
        a, b = pa.array(a, pa.string()), pa.array(b, pa.string())
    kept = (named | backward) & there
    counts[MISMATCH] += int((~kept & there).sum())
    for what, which in {
        NAMED: named, FLIPPED: backward, SWAPPED: swapped & kept, MOVED: moved,
        "judged: as named": forward & judged, "judged: not as named": ~forward & judged,
    }.items():  # fmt: skip
        counts[what] += int(which.sum())
    sign = np.where(swapped, -1.0, 1.0)
    frequency = rows["frequency"].to_numpy()
    new = {
        "contig": pa.repeat(key[0], len(position)),
        "position": pa.array(position),
        "effect_allele": a,
        "other_allele": b,
        "beta": pa.array(rows["beta"].to_numpy() * sign),
        "z_score": pa.array(rows["z_score"].to_numpy() * sign),
        "frequency": pa.array(np.where(swapped, 1 - frequency, frequency)),
    }
    columns = {name: new[name] if name in new else rows[name] for name in SCHEMA.names}
    return pa.table(columns, schema=SCHEMA).filter(pa.array(kept))


def _codes_of(bases: str) -> np.ndarray:
    """[length] int8: 0 to 3 for A, C, G, T; -1 for others."""
    table = np.full(256, -1, dtype=np.int8)
    table[np.frombuffer(b"ACGT", np.uint8)] = range(4)
    return table[np.frombuffer(bases.encode(), np.uint8)]
