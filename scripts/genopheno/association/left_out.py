"""Variants that have no result for a trait, and why: the table ``association_left_out``.

Every variant of the genotypes is either tested or here, for every trait that is fitted. Those
'not converged' are here and among the results, with null statistics.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from genopheno import fields
from genopheno.association.block import Counts, code_bits, count_bits, mask_words
from genopheno.genotypes import Genotypes
from genopheno.problems import fail

REASONS = TESTED, ALL_MISSING, MONOMORPHIC, POOR, RARE, NOT_CONVERGED, NOT_FITTED, NUMPY_ONLY = (
    "",
    "all missing",
    "monomorphic",
    "min imputation quality",
    "min allele count",
    "not converged",
    "no model on this chromosome",
    "engine numpy tests it",
)
CHUNK = 4096  # variants counted at a time


def reason_codes(
    counts: Counts,
    wanted: np.ndarray,
    converged: np.ndarray,
    poor: np.ndarray | bool = False,
    fitted: bool = True,
) -> np.ndarray:
    """Index into `REASONS` of each variant, (variants,) int8; 0 is tested.

    Parameters
    ----------
    counts : among the people of the trait.
    wanted : (variants,) bool, to be tested.
    converged : (variants,) bool, there is an estimate; any value where not wanted.
    poor : (variants,) bool, imputed too poorly.
    fitted : the trait has a model for the people who have this chromosome.
    """
    if not fitted:
        return np.full(len(wanted), REASONS.index(NOT_FITTED), np.int8)
    codes = np.where(converged, REASONS.index(TESTED), REASONS.index(NOT_CONVERGED))
    codes[~wanted] = REASONS.index(RARE)
    codes[~wanted & poor] = REASONS.index(POOR)
    codes[counts.minor == 0] = REASONS.index(MONOMORPHIC)
    codes[counts.called == 0] = REASONS.index(ALL_MISSING)
    return codes.astype(np.int8)


def rows(variants: pa.Table, called: np.ndarray, minor: np.ndarray, codes: np.ndarray) -> pa.Table:
    """Rows of the table ``association_left_out`` of the variants whose code is not 0.

    Parameters
    ----------
    variants : columns as `Genotypes.table`.
    called, minor, codes : (variants,) people with a genotype, copies of the rarer allele,
        `reason_codes`.
    """
    out = codes != REASONS.index(TESTED)
    variants = variants.filter(fields.column(out))
    columns = {
        "chromosome": variants["contig"],
        "base_pair_location": variants["position"],
        "effect_allele": variants["effect_allele"],
        "other_allele": variants["other_allele"],
        "variant_id": variants["variant_id"],
        "n": fields.column(called[out]),
        "minor_allele_count": fields.column(minor[out]),
        "reason": fields.words(REASONS).take(fields.column(codes[out])),
    }
    schema = fields.schema("association_left_out")
    return pa.table(columns).select(schema.names).cast(schema)


def beside_results(
    genotypes: Genotypes,
    used: np.ndarray,
    results: pa.Table,
    min_allele_count: int,
    haploid: np.ndarray,
) -> pa.Table:
    """The table ``association_left_out`` of a trait that another engine has tested.

    Parameters
    ----------
    genotypes : the variants that were to be tested.
    used : (samples,) bool, the people of the trait.
    results : columns `variant_id` and `converged`.
    haploid : (variants,) bool, where not everybody has two copies: that engine tests none.

    Raises
    ------
    StageError : a variant has no result, and its counts do not say why.
    """
    place = pc.index_in(genotypes.table["variant_id"], results["variant_id"])
    converged = pc.fill_null(results["converged"].take(place), False).to_numpy()
    absent = pc.is_null(place).to_numpy()
    mask, n = mask_words(used), int(used.sum())
    parts = [fields.schema("association_left_out").empty_table()]
    for start, stop in genotypes.blocks(CHUNK):
        counts = count_bits(code_bits(genotypes.packed(start, stop)), mask, n)
        wanted = (counts.minor >= max(1, min_allele_count)) & ~haploid[start:stop]
        lost = int((wanted & absent[start:stop]).sum())
        if lost:
            raise fail(
                "association-variants-lost",
                genotypes.prefix,
                f"{lost} of the variants {start + 1} to {stop} have no result, though they "
                f"have {min_allele_count} copies of the rarer allele or more",
                "Take matrix and genotypes of the same join",
            )
        codes = reason_codes(counts, wanted, converged[start:stop])
        codes[haploid[start:stop]] = REASONS.index(NUMPY_ONLY)
        table = genotypes.table.slice(start, stop - start)
        parts.append(rows(table, counts.called, counts.minor, codes))
        genotypes.release(start, stop)
    return pa.concat_tables(parts)
