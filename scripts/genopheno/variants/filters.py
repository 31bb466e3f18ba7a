"""Why a record is doubted: hard thresholds as FILTER, by what each caller writes.

A record keeps its place and gets the names of all thresholds that it crosses; none: PASS.
Shares and depths are the best of any sample, since one sound carrier shows an allele to be
real however many poor ones there are.
"""

from __future__ import annotations

from collections.abc import Mapping

from genopheno.problems import fail

# Reads of the reference must not lean to a strand themselves (p above this): at the end of an
# amplicon or of a captured exon, all do. Without such reads there is no judging.
UNBIASED = 0.05


def expressions(caller: str, limits: Mapping[str, float | None]) -> dict[str, str]:
    """Expressions of bcftools that are true where a record is doubted, by name of the filter.

    Parameters
    ----------
    caller : bcftools, freebayes, or anything else, for which only QUAL and FORMAT are used.
    limits : min_quality (Phred), min_depth (reads), min_mapping_quality (Phred),
        min_allele_fraction (of the reads of ref and allele), max_strand_bias (Phred-scaled
        p-value); absent or None: not applied.

    Raises
    ------
    StageError : a limit of another name.
    """
    unknown = sorted(set(limits) - set(LIMITS))
    if unknown:
        raise fail(
            "filter-unknown",
            "calling.filters",
            f"{', '.join(unknown)} is no limit of a filter",
            f"Use {', '.join(LIMITS)}",
        )
    found: dict[str, str] = {}
    for limit, name in LIMITS.items():
        value = limits.get(limit)
        make = _BY_CALLER.get(caller, {}).get(name) or _ANY.get(name)
        if value is not None and make:
            found[name] = make(value)
    return found


LIMITS = {
    "min_quality": "LowQual",  # QUAL is low
    "min_depth": "LowDepth",  # no sample has enough reads
    "min_mapping_quality": "LowMapQ",  # reads of the site (freebayes: of the allele) map poorly
    "min_allele_fraction": "AlleleBalance",  # in no sample do enough reads carry the allele
    "max_strand_bias": "StrandBias",  # its reads lean to a strand, those of the reference do not
}
_ANY = {
    "LowQual": lambda value: f"QUAL<{value}",
    "LowDepth": lambda value: f"MAX(FORMAT/DP)<{value}",
    "AlleleBalance": lambda value: f"MAX(FORMAT/AD[*:1]/(FORMAT/AD[*:0]+FORMAT/AD[*:1]))<{value}",
}
_BY_CALLER = {
    "bcftools": {
        "LowMapQ": lambda value: f"INFO/MQ<{value}",
        # INFO/FS is 0 throughout in bcftools 1.16; so a binomial test of the reads' strands.
        "StrandBias": lambda value: (
            f"binom(INFO/DP4[2],INFO/DP4[3])<{10 ** (-value / 10):.3g}"
            f" && binom(INFO/DP4[0],INFO/DP4[1])>{UNBIASED}"
        ),
    },
    "freebayes": {
        "LowMapQ": lambda value: f"INFO/MQM<{value}",
        "StrandBias": lambda value: f"INFO/SAP>{value} && INFO/SRP<13 && INFO/RO>0",  # 13: p = 0.05
    },
}
