"""INFO/CSQ in the layout of VEP, whoever the engine is, so that tools for VEP read it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from genopheno.annotation.consequences import Consequence

LAYOUT = (
    "Allele",
    "Consequence",
    "IMPACT",
    "SYMBOL",
    "Gene",
    "Feature_type",
    "Feature",
    "BIOTYPE",
    "HGVSc",
    "HGVSp",
    "CANONICAL",
    "MANE_SELECT",
    "PICK",
)
HEADER = (
    "##INFO=<ID=CSQ,Number=.,Type=String,Description="
    '"Consequences of the allele on every transcript, in the layout of VEP; PICK marks the '
    "most severe, HGVS is without accession. Format: " + "|".join(LAYOUT) + '">'
)
# What VCF does not allow within a value of INFO (4.3, section 1.2), and what CSQ divides by.
ESCAPES = str.maketrans({c: f"%{ord(c):02X}" for c in "%;=,|\t\r\n"} | {" ": "_"})


def csq_value(
    reference: str, alternate: str, consequences: Iterable[Consequence], picked: Consequence | None
) -> str:
    """Value of INFO/CSQ for one allele; '' without consequences."""
    allele = vep_allele(reference, alternate)
    return ",".join(f"{allele}|{_cells(one)}|{'1' * (one is picked)}" for one in consequences)


@lru_cache(maxsize=65536)
def _cells(one: Consequence) -> str:
    """The cells between Allele and PICK: the same at many sites of an intron."""
    return "|".join(
        (
            "&".join(one.terms),
            one.impact,
            escape(one.gene_symbol),
            escape(one.gene_id),
            "Transcript" if one.transcript else "",
            escape(one.transcript),
            escape(one.biotype),
            escape(one.coding_change),
            escape(one.protein_change),
            "YES" if one.canonical else "",
            "YES" if one.mane_select else "",
        )
    )


def vep_allele(reference: str, alternate: str) -> str:
    """The allele as VEP names it: without the first base that an indel shares; '-' if empty.

    >>> vep_allele("C", "T"), vep_allele("CA", "C"), vep_allele("C", "CAT")
    ('T', '-', 'AT')
    """
    if len(reference) != len(alternate) and alternate.isalpha() and reference[0] == alternate[0]:
        return alternate[1:] or "-"
    return escape(alternate)


def escape(value: str) -> str:
    """A value as it may stand in INFO: percent-encoded where it has to be."""
    return value if value.isalnum() else value.translate(ESCAPES)
