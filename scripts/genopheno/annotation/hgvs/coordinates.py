"""From places on a contig to places on a transcript, numbered as HGVS numbers them."""

from __future__ import annotations

from bisect import bisect_right

from genopheno.annotation.hgvs.codons import code_of, mirror, translate
from genopheno.annotation.hgvs.sequence import Sequence
from genopheno.annotation.transcripts import Transcript


class Spliced:
    """A transcript as one sequence, with its reading frame.

    Attributes
    ----------
    sequence : bases of the exons, in the direction of transcription.
    cds : (first, end), 0-based and half-open in `sequence`; None: it codes for nothing.
    frame : where the first codon begins. Below cds[0] where only a part of it is known.
    residues : the protein with its stop, '*'; 'X' for a first codon that is known in part.
    prefix : 'c.' or 'n.'. code : codon → residue.
    start_complete : its first residue is the one that translation starts with.
    """

    __slots__ = (
        "_offsets", "cds", "code", "contig", "ends", "frame", "prefix", "residues", "sequence",
        "start_complete", "starts", "strand",
    )  # fmt: skip

    def __init__(self, transcript: Transcript, fasta: Sequence):
        self.contig, self.strand = transcript.contig, transcript.strand
        exons, parts = transcript.exons, transcript.cds
        self.starts = [start for start, _ in exons]
        self.ends = [end for _, end in exons]
        bases = [fasta.fetch(self.contig, start, end) for start, end in exons]
        self.sequence = "".join(bases) if self.strand > 0 else mirror("".join(bases))
        lengths = [end - start + 1 for start, end in exons]
        # Index on the transcript = offset of the exon + strand * position.
        done, self._offsets = 0, []
        for start, length in zip(self.starts, lengths, strict=True):
            before = done if self.strand > 0 else sum(lengths) - 1 - done
            self._offsets.append(before - self.strand * start)
            done += length
        self.code = code_of(self.contig)
        self.cds, self.frame, self.residues, self.prefix = None, 0, "", "n."
        self.start_complete = False
        if parts:
            low, high = self.index(parts[0][0]), self.index(parts[-1][1])
            first, end = (low, high + 1) if self.strand > 0 else (high, low + 1)
            phase = max(0, (parts[0] if self.strand > 0 else parts[-1])[2])
            self.cds, self.prefix = (first, end), "c."
            self.frame = first + phase - 3 if phase else first
            known = translate(self.sequence[first + phase : end], self.code)
            self.residues = "X" + known if phase else known
            self.start_complete = not phase and known.startswith("M")

    def index(self, position: int) -> int | None:
        """0-based index on the transcript of a base of the contig; None: not in an exon."""
        exon = bisect_right(self.starts, position) - 1
        if exon < 0 or position > self.ends[exon]:
            return None
        return self._offsets[exon] + self.strand * position

    def number(self, index: int) -> str:
        """HGVS number of a base of the transcript: 12, -12 before, *12 behind the CDS."""
        if self.cds is None:
            return str(index + 1)
        first, end = self.cds
        if index < first:
            return str(index - first)
        return str(index - first + 1) if index < end else f"*{index - end + 1}"

    def name(self, position: int) -> str | None:
        """HGVS name of a base of the contig, with offsets in introns; None: outside.

        The middle base of an intron is counted from the exon before it (HGVS, Numbering).
        """
        exon = bisect_right(self.starts, position) - 1
        if exon < 0:
            return None
        if position <= self.ends[exon]:
            return self.number(self._offsets[exon] + self.strand * position)
        if exon + 1 == len(self.starts):
            return None
        left, right = position - self.ends[exon], self.starts[exon + 1] - position
        if self.strand > 0:
            before, after, up, down = self.ends[exon], self.starts[exon + 1], left, right
        else:
            before, after, up, down = self.starts[exon + 1], self.ends[exon], right, left
        if up <= down:
            return f"{self.number(self.index(before))}+{up}"
        return f"{self.number(self.index(after))}-{down}"
