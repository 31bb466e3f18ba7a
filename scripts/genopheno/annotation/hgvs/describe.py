"""The HGVS description of an allele on a transcript: its coding and its protein change."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from genopheno.annotation.hgvs.coding import Change, coding_change, normalised
from genopheno.annotation.hgvs.coordinates import Spliced
from genopheno.annotation.hgvs.protein import protein_change, residue_change
from genopheno.annotation.hgvs.sequence import Sequence
from genopheno.annotation.transcripts import Transcript

KEPT = 512  # transcripts; some kilobytes each
Described = tuple[str | None, str | None]
NOTHING: Described = (None, None)
_MIRROR = {"A": "T", "C": "G", "G": "C", "T": "A"}


class Describer:
    """Describes alleles on transcripts; keeps the sequences of those used last.

    Parameters
    ----------
    fasta : indexed reference sequence (.fai; .gzi too if bgzip).
    transcripts : identifier → transcript, as `transcripts.read_models` gives them.
    """

    def __init__(self, fasta: str | Path, transcripts: Mapping[str, Transcript]):
        self._sequence = Sequence(fasta)
        self._transcripts = transcripts
        self._spliced = lru_cache(KEPT)(self._splice)

    def _splice(self, transcript_id: str) -> Spliced | None:
        transcript = self._transcripts.get(transcript_id)
        if transcript is None or transcript.end > self._sequence.lengths.get(transcript.contig, 0):
            return None
        return Spliced(transcript, self._sequence)

    def describe(
        self, transcript_id: str, position: int, reference: str, alternate: str
    ) -> Described:
        """(coding change, protein change) of one allele, without the accession.

        Parameters
        ----------
        position : 1-based position of the first base of `reference`, as in a VCF.
        reference, alternate : bases. They need not be trimmed or left-aligned.

        Returns
        -------
        c. or n., None where the transcript cannot name it: it is not there or not of this
        contig's length, the allele reaches beyond it, is symbolic, or does not have the
        reference's bases. p., None where no protein is predicted: nothing coding is changed,
        the allele touches an intron, or its codon is not known whole.
        """
        spliced = self._spliced(transcript_id)
        if spliced is None:
            return NOTHING
        if len(reference) == 1 == len(alternate):
            return _substitution(spliced, position, reference.upper(), alternate.upper())
        reference, alternate = reference.upper(), alternate.upper()
        if reference.strip("ACGTN") or alternate.strip("ACGTN") or not reference or not alternate:
            return NOTHING
        change = normalised(Change(position, reference, alternate), spliced, self._sequence)
        if change is None:
            return NOTHING
        if len(change.removed) == 1 == len(change.added):
            return _substitution(spliced, change.position, change.removed, change.added)
        described = coding_change(change, spliced, self._sequence)
        if described is None or spliced.cds is None:
            return described, None
        return described, protein_change(change, spliced)


def _substitution(spliced: Spliced, position: int, reference: str, alternate: str) -> Described:
    if reference == alternate or reference not in _MIRROR or alternate not in _MIRROR:
        return NOTHING
    if spliced.strand < 0:
        reference, alternate = _MIRROR[reference], _MIRROR[alternate]
    index = spliced.index(position)
    if index is None:
        name = spliced.name(position)
        return (f"{spliced.prefix}{name}{reference}>{alternate}" if name else None), None
    if spliced.sequence[index] != reference:
        return NOTHING
    coding = f"{spliced.prefix}{spliced.number(index)}{reference}>{alternate}"
    if spliced.cds is None or not spliced.cds[0] <= index < spliced.cds[1]:
        return coding, None
    return coding, residue_change(spliced, index, alternate)
