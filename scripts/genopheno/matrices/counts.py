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
        # float32 is exact for whole numbers up to 16 million, and products of it are fast.
        self.members = np.stack([everyone, *levels.values()], axis=1).astype(np.float32)


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
    people = groups.members.sum(axis=0).astype(np.int32)
    one_copy = haploid(codes)

    def number(there: np.ndarray) -> np.ndarray:
        if not there.any():
            return np.zeros((len(codes), len(people)), np.int32)
        return np.rint(there.astype(np.float32) @ groups.members).astype(np.int32)

    missing, hom_alt, het = (number(dosages == k) for k in (-1, 2, 1))
    haploid_ref = haploid_alt = np.zeros_like(het)
    if one_copy.any():
        haploid_ref, haploid_alt = (number(one_copy & (dosages == k)) for k in (0, 1))
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
    for number_, name in enumerate(groups.names, start=1):
        columns |= {
            f"allele_count_{name}": alternate[:, number_],
            f"allele_number_{name}": alleles[:, number_],
            f"allele_frequency_{name}": frequency[:, number_],
            f"n_hom_alt_{name}": (hom_alt + haploid_alt)[:, number_],
        }
    return columns
