"""Counts of a block of genotypes: everyone's, and by groups of people.

Diploid and haploid calls count; a call with a missing allele (``./1``) is not a call, as in the
cohort. A haploid call counts one allele, and as a homozygote of it. The Hardy-Weinberg test looks
at diploid calls only, which on X are those of women.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from genopheno.calls import haploid
from genopheno.matrices.hardy import mid_p


class Groups:
    """Who belongs where.

    Parameters
    ----------
    levels : per name of a group's level, such as ``sex_female``, (samples,) bool.
    n_samples : all samples.
    """

    def __init__(self, levels: Mapping[str, np.ndarray], n_samples: int):
        self.names = list(levels)
        everyone = np.ones(n_samples, bool)
        self.members = np.stack([everyone, *levels.values()], axis=1)
        self._bits = [_packed(column[None]) for column in self.members.T]

    def count(self, there: np.ndarray) -> np.ndarray:
        """People of each group, everyone first, where `there` (variants, samples): int32."""
        bits = _packed(there)  # 64 people are counted at once
        return np.stack(
            [np.bitwise_count(bits & own).sum(axis=1, dtype=np.int32) for own in self._bits],
            axis=1,
        )


def _packed(there: np.ndarray) -> np.ndarray:
    """Rows of truth values as bits, in whole numbers of 64."""
    packed = np.packbits(there, axis=1)
    return np.pad(packed, ((0, 0), (0, -packed.shape[1] % 8))).view(np.uint64)


def counts(codes: np.ndarray, dosages: np.ndarray, groups: Groups) -> dict[str, np.ndarray]:
    """Counts per variant.

    Parameters
    ----------
    codes, dosages : (variants, samples) int8, as in `genopheno.calls`.

    Returns
    -------
    By column of the table ``matrix_sites``, (variants,): counts int32; call_rate,
    allele_frequency and hwe_p_value float64, NaN where there is no (diploid) call.
    """
    people = groups.members.sum(axis=0, dtype=np.int32)
    one_copy = haploid(codes)

    missing, hom_alt, het = (groups.count(dosages == k) for k in (-1, 2, 1))
    haploid_ref = haploid_alt = np.zeros_like(het)
    if one_copy.any():
        haploid_ref, haploid_alt = (groups.count(one_copy & (dosages == k)) for k in (0, 1))
        het = het - haploid_alt
    n_haploid = haploid_ref + haploid_alt
    hom_ref = people - missing - het - hom_alt - n_haploid
    alternate = het + 2 * hom_alt + haploid_alt
    alleles = 2 * (hom_ref + het + hom_alt) + n_haploid
    with np.errstate(invalid="ignore"):
        frequency = alternate / alleles
    columns = {
        "call_rate": (people[0] - missing[:, 0]) / people[0],
        "allele_count": alternate[:, 0],
        "allele_number": alleles[:, 0],
        "allele_frequency": frequency[:, 0],
        "n_hom_ref": (hom_ref + haploid_ref)[:, 0],
        "n_het": het[:, 0],
        "n_hom_alt": (hom_alt + haploid_alt)[:, 0],
        "hwe_p_value": mid_p(hom_ref[:, 0], het[:, 0], hom_alt[:, 0]),
    }
    for number, name in enumerate(groups.names, start=1):
        columns |= {
            f"allele_count_{name}": alternate[:, number],
            f"allele_number_{name}": alleles[:, number],
            f"allele_frequency_{name}": frequency[:, number],
            f"n_hom_alt_{name}": (hom_alt + haploid_alt)[:, number],
        }
    return columns
