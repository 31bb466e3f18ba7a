"""Variants of a scoring file among those of the cohort.

Found by place and alleles, or by rsID where the file has no places. Both lists are of one
build and of the forward strand; a variant whose alleles fit only as complements is turned to
the other strand. Variants whose alleles are each other's complement (A/T, C/G) fit both ways,
and nothing tells which: they are left out unless asked for, as the PGS Catalog's own
calculator does.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

COMPLEMENT = str.maketrans("ACGT", "TGCA")
MATCHED = SAME, STRAND = "matched", "matched on the other strand"
AMBIGUOUS, ALLELES, NOT_FOUND, TAKEN = (
    "strand is ambiguous",
    "other alleles at this place",
    "not in the cohort",
    "another row has this variant",
)
STATUSES = (SAME, STRAND, AMBIGUOUS, ALLELES, NOT_FOUND, TAKEN)


def match(
    variants: pd.DataFrame,
    cohort: pd.DataFrame,
    *,
    keep_ambiguous: bool,
    rsids: pd.Series | None = None,
) -> pd.DataFrame:
    """Find each variant of a scoring file.

    Parameters
    ----------
    variants : see `scoring_file.ScoringFile`.
    cohort : contig, position, effect_allele, other_allele; a row per variant of the genotypes.
    keep_ambiguous : take variants of ambiguous strand as they stand.
    rsids : (cohort,) rsID of each variant, missing where there is none.

    Returns
    -------
    (variants,) frame: place (row of the cohort, -1: not matched), turned (bool: the effect
    allele is the cohort's other allele), status (one of `STATUSES`).
    """
    n = len(variants)
    pairs = _pairs(variants, cohort, rsids)
    effect, other = pairs["effect_allele"], pairs["other_allele"]
    has_other = (other != "").to_numpy()
    first, second = pairs["effect_allele_cohort"], pairs["other_allele_cohort"]

    def fits(e: pd.Series, o: pd.Series) -> tuple[np.ndarray, np.ndarray]:
        free = ~has_other
        straight = ((e == first) & (free | (o == second))).to_numpy()
        turned = ((e == second) & (free | (o == first))).to_numpy()
        return straight, turned

    straight, turned = fits(effect, other)
    flipped = [s.str.translate(COMPLEMENT) for s in (effect, other)]
    straight_flipped, turned_flipped = fits(*flipped)
    palindrome = (first.str.translate(COMPLEMENT) == second).to_numpy()
    here = straight | turned
    there = (straight_flipped | turned_flipped) & ~here
    fit = (here & (~palindrome | keep_ambiguous)) | (there & ~palindrome)
    pairs["turned"] = np.where(here, turned & ~straight, turned_flipped & ~straight_flipped)
    pairs["strand"] = there

    status = np.full(n, NOT_FOUND, dtype=object)
    status[pairs["entry"].unique()] = ALLELES
    status[pairs.loc[(here | there) & palindrome & ~fit, "entry"].unique()] = AMBIGUOUS
    good = pairs[fit]
    good = good[good["strand"] == good.groupby("entry")["strand"].transform("min")]
    # Without its other allele, a reference allele fits every variant at its place.
    unclear = good["entry"].duplicated(keep=False) & (good["other_allele"] == "")
    status[good.loc[unclear, "entry"].unique()] = ALLELES
    good = good[~unclear].drop_duplicates("entry")
    status[good["entry"]] = np.where(good["strand"], STRAND, SAME)
    again = good["place"].duplicated()
    status[good.loc[again, "entry"]] = TAKEN
    good = good[~again]
    out = pd.DataFrame({"place": -1, "turned": False, "status": status}, index=range(n))
    out.loc[good["entry"], "place"] = good["place"].to_numpy()
    out.loc[good["entry"], "turned"] = good["turned"].to_numpy(bool)
    return out


def _pairs(variants: pd.DataFrame, cohort: pd.DataFrame, rsids: pd.Series | None) -> pd.DataFrame:
    """Each variant beside each of the cohort's at its place, or with its identifier."""
    mine = variants.reset_index(drop=True).assign(entry=np.arange(len(variants)))
    theirs = pd.DataFrame(
        {
            "contig": cohort["contig"].astype(str).str.removeprefix("chr").to_numpy(object),
            "position": cohort["position"].to_numpy(np.int64),
            "effect_allele_cohort": cohort["effect_allele"].astype(str).to_numpy(object),
            "other_allele_cohort": cohort["other_allele"].astype(str).to_numpy(object),
            "place": np.arange(len(cohort)),
        }
    )
    placed = mine["position"] > 0
    pairs = [mine[placed].merge(theirs, on=["contig", "position"])]
    if rsids is not None and not placed.all():
        named = theirs.assign(rsid=rsids.to_numpy(object)).dropna(subset=["rsid"])
        rest = mine.loc[~placed].drop(columns=["contig", "position"])
        pairs.append(rest.merge(named, on="rsid"))
    pairs = [part for part in pairs if len(part)] or pairs[:1]
    return pd.concat(pairs, ignore_index=True)
