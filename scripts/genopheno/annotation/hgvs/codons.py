"""Translation: the standard code, that of vertebrate mitochondria, and names of residues."""

from __future__ import annotations

_BASES = "TCAG"
# Amino acids in the order TTT, TTC, TTA, TTG, TCT … (NCBI translation table 1).
_STANDARD = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"

STANDARD: dict[str, str] = dict(
    zip((a + b + c for a in _BASES for b in _BASES for c in _BASES), _STANDARD, strict=True)
)
# NCBI translation table 2.
MITOCHONDRIAL: dict[str, str] = {**STANDARD, "AGA": "*", "AGG": "*", "ATA": "M", "TGA": "W"}
MITOCHONDRIA = {"MT", "chrM", "M", "chrMT", "NC_012920.1"}

NAMES: dict[str, str] = {
    "A": "Ala", "C": "Cys", "D": "Asp", "E": "Glu", "F": "Phe", "G": "Gly", "H": "His",
    "I": "Ile", "K": "Lys", "L": "Leu", "M": "Met", "N": "Asn", "P": "Pro", "Q": "Gln",
    "R": "Arg", "S": "Ser", "T": "Thr", "V": "Val", "W": "Trp", "Y": "Tyr",
    "*": "Ter", "X": "Xaa",
}  # fmt: skip

_COMPLEMENT = str.maketrans("ACGT", "TGCA")


def mirror(bases: str) -> str:
    """Reverse complement; other letters than ACGT stay."""
    return bases.translate(_COMPLEMENT)[::-1]


def code_of(contig: str) -> dict[str, str]:
    """Codon → amino acid, in one letter ('*' stop), on a contig."""
    return MITOCHONDRIAL if contig in MITOCHONDRIA else STANDARD


def translate(bases: str, code: dict[str, str]) -> str:
    """Residues of the whole codons; 'X' where a codon has another letter than ACGT."""
    return "".join([code.get(bases[i : i + 3], "X") for i in range(0, len(bases) - 2, 3)])


def translate_to_stop(bases: str, code: dict[str, str]) -> str:
    """Residues up to and with the first stop codon; without '*' if there is none."""
    found = []
    for i in range(0, len(bases) - 2, 3):
        residue = code.get(bases[i : i + 3], "X")
        found.append(residue)
        if residue == "*":
            break
    return "".join(found)


def names(residues: str) -> str:
    """Three-letter names, without anything between."""
    return "".join([NAMES[residue] for residue in residues])
