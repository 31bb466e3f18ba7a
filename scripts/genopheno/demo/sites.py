"""Alleles for the coalescent's sites: SNVs with transitions in excess, and small indels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genopheno.demo.genes import Gene, codes, letters, substitution

INDEL_FRACTION = 0.1
TRANSITION = 2 / 3
ALONE = 30  # bp without another site around an indel, so that there is one way to write it
LONGEST = 12  # bp of an indel
MARGIN = 100  # bp without sites at the ends of a contig
# Variants that break a protein are kept rare, as selection keeps them.
BREAKING = ("stop_gained", "stop_lost", "start_lost")
RARE = 0.03


@dataclass(frozen=True)
class Site:
    """One biallelic site, written as in VCF, left-aligned.

    Attributes
    ----------
    position : 1-based position of the first reference base.
    gene, consequence : of the coding sequence it lies in; '' outside. The consequence of
        an SNV is that of the change alone; of an indel frameshift or inframe.
    """

    contig: str
    position: int
    ref: str
    alt: str
    gene: str = ""
    consequence: str = ""

    @property
    def variant_id(self) -> str:
        return f"{self.contig}:{self.position}:{self.ref}:{self.alt}"


def make_sites(
    contig: str,
    sequence: np.ndarray,
    genes: list[Gene],
    positions: np.ndarray,
    frequency: np.ndarray,
    rng: np.random.Generator,
) -> tuple[list[Site], np.ndarray]:
    """Give alleles to sites.

    Parameters
    ----------
    sequence : (length,) codes of the reference.
    positions : (sites,) 0-based, increasing.
    frequency : (sites,) of the allele that the reference has not.

    Returns
    -------
    sites : increasing by position.
    kept : (sites,) indices into `positions`; sites at the ends of the contig are left out.
    """
    coding = {int(p): gene for gene in genes for p in gene.coding}
    gaps = np.diff(positions, prepend=-ALONE * 2, append=len(sequence) + ALONE * 2)
    alone = (gaps[:-1] > ALONE) & (gaps[1:] > ALONE)
    made: list[tuple[Site, int]] = []
    for i, place in enumerate(positions.tolist()):
        if not MARGIN <= place < len(sequence) - MARGIN:
            continue
        gene = coding.get(place)
        tolerated = gene is None or frequency[i] <= RARE
        # Draw in every case, so that one site's fate does not change its successors.
        draws = rng.random(6)
        indel = draws[0] < INDEL_FRACTION and alone[i] and tolerated
        site = _indel(contig, sequence, place, gene, draws) if indel else None
        made.append((site or _snv(contig, sequence, place, gene, draws, frequency[i]), i))
    return [site for site, _ in made], np.array([i for _, i in made], dtype=np.int64)


def _snv(
    contig: str,
    sequence: np.ndarray,
    place: int,
    gene: Gene | None,
    draws: np.ndarray,
    frequency: float,
) -> Site:
    ref = int(sequence[place])
    transition, first = ref ^ 2, ref ^ 1  # A-G and C-T differ by 2 as codes
    order = [transition, first, first ^ 2] if draws[1] < TRANSITION else [first, first ^ 2]
    if draws[2] < 0.5 and len(order) == 2:
        order.reverse()
    order += [b for b in range(4) if b != ref and b not in order]
    if gene is None:
        return Site(contig, place + 1, letters(sequence[[place]]), "ACGT"[order[0]])
    what = [substitution(gene, sequence, place, alt) or "" for alt in order]
    chosen = 0
    if frequency > RARE:
        chosen = next((k for k, w in enumerate(what) if w not in BREAKING), 0)
    ref_text, alt_text = letters(sequence[[place]]), "ACGT"[order[chosen]]
    return Site(contig, place + 1, ref_text, alt_text, gene.symbol, what[chosen])


def _indel(
    contig: str, sequence: np.ndarray, place: int, gene: Gene | None, draws: np.ndarray
) -> Site | None:
    """An indel after `place`, shifted to the left as far as it goes; None: too far."""
    size = 1 + int(np.clip(np.floor(np.log(1 - draws[1]) / np.log(0.6)), 0, LONGEST - 1))
    named = (gene.symbol, "inframe" if size % 3 == 0 else "frameshift") if gene else ("", "")
    start = place
    if draws[2] < 0.55:
        while sequence[start] == sequence[start + size]:
            start -= 1
        if place - start > ALONE // 2:
            return None
        ref = letters(sequence[start : start + size + 1])
        return Site(contig, start + 1, ref, ref[0], *named)
    # Half of the insertions repeat what follows, as slippage makes them.
    added = sequence[place + 1 : place + 1 + size].copy()
    if draws[3] < 0.5:
        added = codes("".join("ACGT"[int(draws[4] * 4 ** (k + 1)) % 4] for k in range(size)))
    if added[-1] == sequence[place]:
        added[-1] = (added[-1] + 1 + int(draws[5] * 3)) % 4
    anchor = letters(sequence[[place]])
    return Site(contig, place + 1, anchor, anchor + letters(added), *named)


def apply(sequence: np.ndarray, sites: list[Site], carried: np.ndarray) -> np.ndarray:
    """Sequence of one haplotype: the reference with the alternate alleles it carries.

    Parameters
    ----------
    sequence : (length,) codes of the contig.
    sites : of that contig, increasing.
    carried : (sites,) 0 or 1.
    """
    pieces, at = [], 0
    out = sequence.copy()
    for i in np.flatnonzero(carried):
        site = sites[i]
        first = site.position - 1
        if len(site.ref) == len(site.alt) == 1:
            out[first] = "ACGT".index(site.alt)
            continue
        pieces += [out[at:first], codes(site.alt)]
        at = first + len(site.ref)
    # Single-base changes after an indel still go into `out`; the pieces are views of it.
    return np.concatenate([*pieces, out[at:]])
