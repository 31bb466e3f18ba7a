"""Kernels on the two bits of a genotype, without decoding: counts, kinship, correlation.

A word holds 32 genotypes of a variant as PLINK packs them. `lo` is the lower bit of each
(set: missing, or no copy of allele 1), `hi` the upper (set: one copy, or none). Counts of
people are then counts of set bits: homozygous where lo = hi, heterozygous where hi alone,
missing where lo alone. What lies beyond the last person or variant is made to read as missing.
"""

from __future__ import annotations

import numpy as np

from genopheno.compiled import compiled, popcount
from genopheno.structure.variants import LOW

ONE = np.uint64(1)
TIE = 2.0**-44  # numbers closer than this, relatively, are equal (as for plink2)


@compiled
def word(row, k, n_samples):
    """Genotypes 32k to 32k + 31 of a packed row; beyond the last person all are missing."""
    here = n_samples - 32 * k
    if here <= 0:
        return LOW
    start = 8 * k
    found = np.uint64(0)
    if start + 8 <= len(row):
        for b in range(8):
            found |= np.uint64(row[start + b]) << np.uint64(8 * b)
    else:
        for b in range(len(row) - start):
            found |= np.uint64(row[start + b]) << np.uint64(8 * b)
    if here < 32:
        beyond = np.uint64(0xFFFFFFFFFFFFFFFF) << np.uint64(2 * here)
        found = (found & ~beyond) | (LOW & beyond)
    return found


@compiled
def transpose(m):
    """Turn 64 words of 64 bits into each other's columns, in place (Hacker's Delight 7-3)."""
    j, mask = 32, np.uint64(0x00000000FFFFFFFF)
    while j:
        shift = np.uint64(j)
        k = 0
        while k < 64:
            t = ((m[k] >> shift) ^ m[k + j]) & mask
            m[k + j] ^= t
            m[k] ^= t << shift
            k = (k + j + 1) & ~j
        j >>= 1
        mask ^= mask << np.uint64(j)


@compiled
def pack_people(bed, rows, n_samples, first, begin, end, out):
    """Genotypes of each person as bits over variants, for groups `begin` to `end` of 64 variants.

    out (people, 3, groups) uint64, of the people from `first` on: homozygous, heterozygous, and
    `lo`, which parts the two kinds of homozygotes.
    """
    m = np.empty(64, np.uint64)
    last = first + len(out)
    for group in range(begin, end):
        for k in range(first // 32, (last + 31) // 32):
            for v in range(64):
                at = 64 * group + v
                m[v] = word(bed[rows[at]], k, n_samples) if at < len(rows) else LOW
            transpose(m)
            for person in range(max(first, 32 * k), min(last, 32 * k + 32)):
                lo, hi = m[2 * (person - 32 * k)], m[2 * (person - 32 * k) + 1]
                out[person - first, 0, group] = ~(lo ^ hi)
                out[person - first, 1, group] = hi & ~lo
                out[person - first, 2, group] = lo


@compiled
def count_pairs(a, b, begin, end, above, out):
    """Add counts over variants for people `begin` to `end` of `a` with all of `b`.

    a, b (people, 3, words) as `pack_people` makes them. above: only pairs above the diagonal.
    out (5, a, b) int32: opposite homozygotes, both heterozygous, heterozygous and homozygous,
    homozygous and heterozygous, both homozygous.
    """
    tile = 64  # of b's people stay in the processor's cache
    for start in range(0, len(b), tile):
        for i in range(begin, end):
            for j in range(max(start, i + 1) if above else start, min(start + tile, len(b))):
                c0, c1, c2, c3, c4 = (
                    np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0)
                )  # fmt: skip
                for w in range(a.shape[2]):
                    hom, het, lo = a[i, 0, w], a[i, 1, w], a[i, 2, w]
                    hom_b, het_b, lo_b = b[j, 0, w], b[j, 1, w], b[j, 2, w]
                    both = hom & hom_b
                    c0 += popcount(both & (lo ^ lo_b))
                    c1 += popcount(het & het_b)
                    c2 += popcount(het & hom_b)
                    c3 += popcount(hom & het_b)
                    c4 += popcount(both)
                out[0, i, j] += c0
                out[1, i, j] += c1
                out[2, i, j] += c2
                out[3, i, j] += c3
                out[4, i, j] += c4


@compiled
def decode(bed, rows, people, values, begin, end, out):
    """Write the value of each genotype for variants `begin` to `end` of `rows`.

    people: indices, ascending. values (rows, 4) by code; out (rows, people), of the same kind.
    """
    for r in range(begin, end):
        row = bed[rows[r]]
        for c in range(len(people)):
            person = people[c]
            out[r, c] = values[r, (row[person >> 2] >> np.uint8(2 * (person & 3))) & 3]


@compiled
def find_missing(bed, rows, n_samples, variant, person):
    """Fill in where genotypes are missing, in order; both (missing genotypes,) int32."""
    found = 0
    for r in range(len(rows)):
        row = bed[rows[r]]
        for k in range((n_samples + 31) // 32):
            w = word(row, k, n_samples)
            gone = w & ~(w >> ONE) & LOW
            at = 32 * k
            while gone and at < n_samples:
                if gone & ONE:
                    variant[found], person[found] = r, at
                    found += 1
                gone >>= np.uint64(2)
                at += 1


@compiled
def load(row, n_samples, bits, sums):
    """Lay a packed variant out for `correlated`.

    bits (3, words) uint64: homozygous; of these, no copy of allele 1; missing. sums (3,) int64:
    sum of dosage − 1, of its square, and missing ones (with what lies beyond the last person).
    """
    square, none, missing = np.uint64(0), np.uint64(0), np.uint64(0)
    for k in range(bits.shape[1]):
        w = word(row, 2 * k, n_samples)
        lo, hi = w & LOW, (w >> ONE) & LOW
        w = word(row, 2 * k + 1, n_samples)
        lo |= (w & LOW) << ONE
        hi |= ((w >> ONE) & LOW) << ONE
        bits[0, k], bits[1, k], bits[2, k] = ~(lo ^ hi), lo & hi, lo & ~hi
        square += popcount(bits[0, k])
        none += popcount(bits[1, k])
        missing += popcount(bits[2, k])
    sums[0] = np.int64(square) - 2 * np.int64(none)
    sums[1], sums[2] = square, missing


@compiled
def correlated(a, sums_a, b, sums_b, n_samples, r2):
    """Whether the squared correlation of two variants, over the people with both, is above r2."""
    words = a.shape[1]
    both, apart = np.uint64(0), np.uint64(0)
    for k in range(words):
        hom = a[0, k] & b[0, k]
        both += popcount(hom)
        apart += popcount(hom & (a[1, k] ^ b[1, k]))
    product = float(np.int64(both) - 2 * np.int64(apart))
    beyond = 64 * words - n_samples
    called = float(n_samples)
    sum_a, square_a, sum_b, square_b = sums_a[0], sums_a[1], sums_b[0], sums_b[1]
    if sums_a[2] > beyond or sums_b[2] > beyond:
        missing, hom_a, none_a = np.uint64(0), np.uint64(0), np.uint64(0)
        hom_b, none_b = np.uint64(0), np.uint64(0)
        for k in range(words):
            missing += popcount(a[2, k] | b[2, k])
            hom_a += popcount(a[0, k] & b[2, k])
            none_a += popcount(a[1, k] & b[2, k])
            hom_b += popcount(b[0, k] & a[2, k])
            none_b += popcount(b[1, k] & a[2, k])
        called = float(64 * words - np.int64(missing))
        square_a -= np.int64(hom_a)
        square_b -= np.int64(hom_b)
        sum_a -= np.int64(hom_a) - 2 * np.int64(none_a)
        sum_b -= np.int64(hom_b) - 2 * np.int64(none_b)
    # Whole numbers below 2⁵³ up to here.
    covariance = product * called - float(sum_a) * float(sum_b)
    spread_a = float(square_a) * called - float(sum_a) * float(sum_a)
    spread_b = float(square_b) * called - float(sum_b) * float(sum_b)
    return covariance * covariance > r2 * (1 + TIE) * (spread_a * spread_b)


@compiled
def prune_contig(bed, rows, n_samples, ends, major, r2, alive):
    """Prune the variants of one contig.

    bed (all variants, bytes) uint8, packed; rows: the contig's variants to choose from. ends
    (variants,): first variant beyond the window that starts at each. major (variants,) frequency
    of the commoner allele. alive (variants,) bool, to fill in: those that stay.
    """
    size = len(rows)
    widest = 0
    for start in range(size):
        widest = max(widest, ends[start] - start)
    # A variant stands in place `number % widest` of these while a window holds it.
    bits = np.empty((widest, 3, (n_samples + 63) // 64), np.uint64)
    sums = np.empty((widest, 3), np.int64)
    held = np.empty(widest, np.int64)  # the window's variants that are alive, in order
    until = np.empty(size, np.int64)  # each was compared with all alive ones before this
    n_held, reached = 0, 0
    for start in range(size):
        end = ends[start]
        if end == reached:
            continue  # a window brings something new only where it reaches further
        kept = 0
        for h in range(n_held):
            if held[h] >= start and alive[held[h]]:
                held[kept] = held[h]
                kept += 1
        n_held = n_old = kept
        for j in range(reached, end):
            load(bed[rows[j]], n_samples, bits[j % widest], sums[j % widest])
            alive[j] = sums[j % widest, 1] > 0  # else all are heterozygous: no correlation
            until[j] = j + 1
            if alive[j]:
                held[n_held] = j
                n_held += 1
        pruned = True
        while pruned:
            # In each round every variant meets the first one after it that it is correlated with.
            pruned = False
            for h in range(n_held):
                i = held[h]
                if not alive[i] or until[i] >= end:
                    continue
                # The old ones have met each other.
                for o in range(max(h + 1, n_old), n_held):
                    j = held[o]
                    if j < until[i] or not alive[j]:
                        continue
                    until[i] = j + 1
                    if correlated(
                        bits[i % widest], sums[i % widest],
                        bits[j % widest], sums[j % widest], n_samples, r2,
                    ):  # fmt: skip
                        alive[i if major[i] > major[j] * (1 + TIE) else j] = False
                        pruned = True
                        break
                else:
                    until[i] = end
        reached = end
