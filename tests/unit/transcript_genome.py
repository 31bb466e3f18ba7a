"""Genes written as text, put on both strands of a small genome."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from genopheno.annotation.hgvs import Describer
from genopheno.annotation.transcripts import read_models

FLANK = "TTGACCTGTCAGTCCATGCA"
COMPLEMENT = str.maketrans("ACGT", "TGCA")


def mirror(bases: str) -> str:
    return bases.translate(COMPLEMENT)[::-1]


@dataclass
class Gene:
    """A gene as text: exons in capitals, introns in small letters, '[' and ']' around the CDS.

    `forward` lies on contig 'f', its mirror image `reverse` on contig 'r'. Places in the text
    are 0-based, the brackets left out.
    """

    text: str
    describer: Describer
    contigs: dict[str, str]

    def changes(self, place: int, removed: str, added: str) -> set[tuple[str | None, str | None]]:
        """What is said on either strand of one allele, padded by the base before it."""
        assert self.text[place : place + len(removed)].upper() == removed
        found = set()
        for name, start, old, new in (
            ("forward", len(FLANK) + place, removed, added),
            (
                "reverse",
                len(FLANK) + len(self.text) - place - len(removed),
                mirror(removed),
                mirror(added),
            ),
        ):
            if not old or not new:
                start -= 1
                old, new = (self.contigs[name[0]][start] + bases for bases in (old, new))
            found.add(self.describer.describe(name, start + 1, old, new))
        return found

    def change(self, place: int, removed: str, added: str) -> tuple[str | None, str | None]:
        """The same, where both strands have to agree."""
        (found,) = self.changes(place, removed, added)
        return found


def parts_of(marked: str) -> tuple[str, list[tuple[int, int]], list[tuple[int, int]]]:
    """Text without brackets; exons and coding parts as half-open places in it."""
    text, exons, cds, coding = "", [], [], False
    for letter in marked:
        if letter in "[]":
            coding = letter == "["
            continue
        here = len(text)
        text += letter
        if letter.islower():
            continue
        for parts, wanted in ((exons, True), (cds, coding)):
            if wanted and parts and parts[-1][1] == here:
                parts[-1] = parts[-1][0], here + 1
            elif wanted:
                parts.append((here, here + 1))
    return text, exons, cds


def gff3_lines(marked: str, name: str, contig: str, strand: str, phase: int = 0) -> list[str]:
    """The gene, its transcript and its parts, on one strand of a contig with flanks."""
    text, exons, cds = parts_of(marked)

    def line(kind: str, part: tuple[int, int], phase: str, attributes: str) -> str:
        start, end = part if strand == "+" else (len(text) - part[1], len(text) - part[0])
        start, end = start + len(FLANK) + 1, end + len(FLANK)
        cells = [contig, "made", kind, start, end, ".", strand, phase, attributes]
        return "\t".join(map(str, cells))

    span = (exons[0][0], exons[-1][1])
    biotype = "protein_coding" if cds else "lncRNA"
    lines = [
        line("gene", span, ".", f"ID=gene:G_{name};Name=S_{name};biotype={biotype}"),
        line(
            "mRNA",
            span,
            ".",
            f"ID=transcript:{name};Parent=gene:G_{name};biotype={biotype};tag=basic",
        ),
    ]
    lines += [line("exon", part, ".", f"Parent=transcript:{name}") for part in exons]
    done = 0
    for part in cds:
        lines.append(line("CDS", part, str((phase - done) % 3), f"Parent=transcript:{name}"))
        done += part[1] - part[0]
    return lines


def gene(folder: Path, marked: str, contig: str = "", phase: int = 0) -> Gene:
    """Write a gene on both strands, read it back. `contig`: the name of both contigs' one."""
    text, _, _ = parts_of(marked)
    contigs = {"f": FLANK + text.upper() + FLANK, "r": FLANK + mirror(text.upper()) + FLANK}
    names = {"f": contig or "f", "r": "r"}
    fasta, gff3 = folder / "genes.fa", folder / "genes.gff3"
    fasta.write_text("".join(f">{names[key]}\n{bases}\n" for key, bases in contigs.items()))
    Path(f"{fasta}.fai").unlink(missing_ok=True)
    lines = gff3_lines(marked, "forward", names["f"], "+", phase)
    lines += gff3_lines(marked, "reverse", "r", "-", phase)
    gff3.write_text("##gff-version 3\n" + "\n".join(lines) + "\n")
    return Gene(text, Describer(fasta, read_models(gff3).transcripts), contigs)
