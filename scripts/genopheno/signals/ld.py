"""Squared correlation of one variant's alleles with those of others, in the cohort itself.

Of the alleles on chromosomes, not of allele counts: the haplotype frequencies of two variants are
estimated by maximum likelihood from unphased genotypes (only people heterozygous for both are in
doubt), as plink 1.9 does for ``--clump``. The likelihood's stationary points are the roots of a
cubic (Gaunt et al. 2007, BMC Bioinformatics 8:428).
"""

from __future__ import annotations

import numpy as np

from genopheno.genotypes import Genotypes

EVEN = np.uint64(0x5555555555555555)  # the low bit of each two-bit genotype
CHUNK = 2**14  # words of genotypes looked at at a time: what the cache holds


def squared_correlation(
    genotypes: Genotypes, row: int, others: np.ndarray, keep: np.ndarray | None = None
) -> np.ndarray:
    """r² of variant `row` with each of `others`, over the people with both genotypes.

    NaN where either does not vary among them. Everybody has two copies, as in the fileset.

    Parameters
    ----------
    others : (variants,) rows of the genotypes.
    keep : (samples,) bool, people that count; None: all.

    Returns
    -------
    (variants,) float64.
    """
    people = _mask(np.ones(genotypes.n_samples, bool) if keep is None else keep)
    given = [plane & people for plane in _planes(genotypes.packed(row, row + 1))]
    out = np.empty(len(others))
    size = max(1, CHUNK // people.shape[1])
    for first in range(0, len(others), size):
        part = others[first : first + size]
        low = int(part.min())
        packed = genotypes.packed(low, int(part.max()) + 1)[part - low]
        out[first : first + size] = r2_of_counts(_counts(_planes(packed), given))
    return out


def _planes(packed: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bits of the people with one copy, with two, and with a genotype; (variants, words) each.

    Bits that stand for nobody are set in some: whoever counts has to leave them out.
    """
    width = packed.shape[1]
    words = np.zeros((len(packed), -(-width // 16) * 2), np.uint64)
    words.view(np.uint8)[:, :width] = packed
    half = words.shape[1] // 2
    # Two words of two bits a person become one of their low bits and one of their high bits.
    front, back = words[:, :half], words[:, half:]
    low = (front & EVEN) | ((back & EVEN) << 1)
    high = ((front >> 1) & EVEN) | (back & ~EVEN)
    return high & ~low, ~(high | low), high | ~low


def _mask(keep: np.ndarray) -> np.ndarray:
    """(1, words) the people that count, placed as in `_planes`."""
    codes = np.zeros(-(-len(keep) // 64) * 64, np.uint8)
    codes[: len(keep)] = keep * 3  # two set bits, of which `_planes` makes one
    quads = codes.reshape(-1, 4) << np.array([0, 2, 4, 6], np.uint8)
    words = quads.sum(1, dtype=np.uint8)[None].view(np.uint64)
    half = words.shape[1] // 2
    return (words[:, :half] & EVEN) | ((words[:, half:] & EVEN) << 1)


def _counts(planes: tuple[np.ndarray, ...], given: list[np.ndarray]) -> np.ndarray:
    """People by two genotypes, (6, variants): see `r2_of_counts`."""
    one, two, present = planes
    given_one, given_two, given_present = given

    def people(words: np.ndarray) -> np.ndarray:
        return np.bitwise_count(words).sum(1, dtype=np.int32)

    return np.stack(
        [
            people(one & given_one),
            people(two & given_two),
            people((one & given_two) | (two & given_one)),
            people(one & given_present) + 2 * people(two & given_present),
            people(present & given_one) + 2 * people(present & given_two),
            people(present & given_present),
        ]
    ).astype(np.float64)


def r2_of_counts(counts: np.ndarray) -> np.ndarray:
    """r² between alleles, of people counted by two genotypes.

    Parameters
    ----------
    counts : (6, pairs): people with one copy of both variants, with two of both, with one of
        either and two of the other; copies of the one variant and of the other; people with
        both genotypes.
    """
    both_one, both_two, one_two, copies, other_copies, n = counts
    with np.errstate(invalid="ignore", divide="ignore"):
        p, q = copies / (2 * n), other_copies / (2 * n)
        known = (2 * both_two + one_two) / (2 * n)  # haplotypes with both alleles, beyond doubt
        doubt = both_one / (2 * n)  # haplotypes with both, if all in doubt were in coupling
        f = known + _coupled(known, p - known - doubt, q - known - doubt, doubt)
        r2 = (f - p * q) ** 2 / (p * (1 - p) * q * (1 - q))
    return np.where(np.isfinite(r2), r2, np.nan)


def _coupled(both: np.ndarray, one: np.ndarray, other: np.ndarray, doubt: np.ndarray) -> np.ndarray:
    """The share of `doubt` that is in coupling, (pairs,): 0 to `doubt`.

    Known frequencies of haplotypes with both alleles, with `one`, with the `other`; the
    rest has neither. With x in coupling the haplotypes are both + x, one + d - x, other + d - x,
    neither + x, and at a stationary point x / d = AB / (AB + CD) of these four.
    """
    neither = 1 - both - one - other - 2 * doubt
    d, c0, e0 = doubt, one + doubt, other + doubt
    # x (AB + CD) - d AB = 0, by powers of x.
    s, t = both + neither, c0 + e0
    ab, cd = both * neither, c0 * e0
    coefficients = np.stack([np.full_like(d, 2.0), s - t - d, ab + cd - d * s, -d * ab])
    roots = _real_roots(coefficients)
    inside = np.clip(np.nan_to_num(roots, nan=0.0), 0, d)
    # With an empty haplotype an end of the range is stationary, too.
    tried = np.concatenate([inside, np.zeros((1, len(d))), d[None]])

    def log(count, value):
        return np.where(count > 0, count * np.log(np.maximum(value, 1e-300)), 0)

    a, b, c, e = both + tried, neither + tried, c0 - tried, e0 - tried
    likelihood = (
        log(both, a) + log(neither, b) + log(one, c) + log(other, e) + log(d, a * b + c * e)
    )
    return np.take_along_axis(tried, likelihood.argmax(axis=0)[None], axis=0)[0]


def _real_roots(coefficients: np.ndarray) -> np.ndarray:
    """Real roots of cubics (4, n), highest power first -> (3, n); NaN where there are fewer."""
    a, b, c, d = coefficients
    shift = b / (3 * a)
    p = (3 * a * c - b * b) / (3 * a * a)
    q = (2 * b**3 - 9 * a * b * c + 27 * a * a * d) / (27 * a**3)
    inner = q * q / 4 + p**3 / 27
    with np.errstate(invalid="ignore", divide="ignore"):
        root = np.sqrt(np.maximum(inner, 0))
        single = np.cbrt(-q / 2 + root) + np.cbrt(-q / 2 - root)
        radius = 2 * np.sqrt(np.maximum(-p / 3, 0))
        angle = np.arccos(np.clip(np.where(radius > 0, 3 * q / (p * radius), 0), -1, 1)) / 3
        three = np.stack([radius * np.cos(angle - 2 * np.pi * k / 3) for k in range(3)])
    one = np.stack([single, *np.full((2, len(p)), np.nan)])
    return np.where(inner > 0, one, three) - shift
