"""Contigs of whatever speaks of them, against those of the reference: names, lengths, sequence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from genopheno.contig_names import match, other_spelling, some
from genopheno.problems import Problem
from genopheno.submission.streams import Fault

MITOCHONDRION = ("M", "MT", "chrM", "chrMT")


@dataclass
class Sequence:
    """A verified file that speaks of contigs: FASTA, gene models or a site database.

    Attributes
    ----------
    contigs : length in bp by contig name; for GFF3 the largest end; 0: not known.
    m5 : of a FASTA: MD5 of each contig's bases in upper case, the M5 of the SAM specification.
    records : sequences, features or variants.
    size, md5 : of the file on disk (bytes; hexadecimal).
    fields : of a database: what can be taken from it; None: not known.
    """

    path: str
    kind: str
    contigs: dict[str, int] = field(default_factory=dict)
    records: int = 0
    size: int = 0
    md5: str = ""
    m5: dict[str, str] = field(default_factory=dict)
    fields: list[str] | None = None


def compare(fasta: Sequence, other: Sequence) -> tuple[list[Problem], list[str]]:
    """Compare the contigs of gene models or of a database with those of the FASTA.

    A database is renamed when it is prepared, where that is clear ('20' for 'chr20').

    Returns
    -------
    problems : ``contig-names`` if no name is shared, if a name could be several of the FASTA,
        or if a name of gene models is absent from the FASTA that has it in another spelling;
        ``contig-lengths`` if a shared contig has another length, or features beyond its end:
        that is another build.
    notes : contigs that are renamed, and those that the FASTA does not have at all (scaffolds).
    """
    genes = other.kind == "genes"
    names, ambiguous = match(other.contigs, fasta.contigs)
    renamed = [a for a, b in names.items() if a != b]
    wrong = [*(renamed if genes else []), *ambiguous] or ([] if names else list(other.contigs))
    if wrong:
        theirs, ours = some(wrong), some(list(fasta.contigs))
        return [
            Problem(
                "contig-names",
                other.path,
                found=f"its contigs are named {theirs}, but those of the reference {fasta.path} "
                f"are named {ours}",
                mend="Use reference, gene models and databases of one source, or rename the "
                "contigs (bcftools annotate --rename-chrs for a VCF)",
            )
        ], []
    longer = [
        name
        for name, ours in names.items()
        if other.contigs[name]
        and (
            other.contigs[name] > fasta.contigs[ours]
            if genes
            else other.contigs[name] != fasta.contigs[ours]
            # The mitochondrion of hg19 is another one, which is left out.
            and not (name in renamed and ours in MITOCHONDRION)
        )
    ]
    if longer:
        name = longer[0]
        verb = "reaches to" if genes else "has a length of"
        return [
            Problem(
                "contig-lengths",
                other.path,
                found=f"contig {name} {verb} {other.contigs[name]} bp here, but has "
                f"{fasta.contigs[names[name]]} bp in the reference {fasta.path}: another genome "
                "build",
                mend="Use files of one build (GRCh37 and GRCh38 have other coordinates)",
            )
        ], []
    notes = []
    if renamed:
        notes.append(
            f"{other.path}: contigs {some(renamed)} are taken as "
            f"{some([names[name] for name in renamed])} of the reference"
        )
    absent = [name for name in other.contigs if name not in names]
    if absent:
        notes.append(
            f"{other.path}: {len(absent)} contigs of the {'gene models' if genes else 'database'} "
            f"are not in the reference and are not used: {some(absent)}"
        )
    return [], notes


def misfit(
    fasta: Sequence, contigs: Mapping[str, int], path: str, *, rename: str, instead: str
) -> Fault | None:
    """Say why an alignment or calls cannot go with the reference; None: they can.

    Stricter than `compare`: what lies on a contig that the reference lacks would be lost.

    Parameters
    ----------
    contigs : length in bp by name (0: not known), of the header of an alignment, or of the
        records of calls.
    rename : how contigs of such a file are renamed.
    instead : what else can be handed in.

    Returns
    -------
    Fault of code ``contig-names`` (another spelling, with or without 'chr'),
    ``contig-lengths`` (another build) or ``contig-absent``.
    """
    absent = [name for name in contigs if name not in fasta.contigs]
    renamed = {name: other_spelling(name) & fasta.contigs.keys() for name in absent}
    renamed = {name: min(spelt) for name, spelt in renamed.items() if spelt}
    if renamed:
        first, ours = next(iter(renamed.items()))
        lengths = contigs[first], fasta.contigs[ours]
        also = (
            f", and {first} has {lengths[0]} bp, {ours} {lengths[1]} bp: another genome build too"
            if lengths[0] and lengths[0] != lengths[1]
            else ""
        )
        without = "without" if first.lower().startswith("chr") else "with"
        return Fault(
            "contig-names",
            f"{path}: its contigs are named {some(list(renamed))}, but those of the reference "
            f"{fasta.path} are named {some(list(renamed.values()))} ({without} 'chr'){also}",
            instead if also else f"{rename}, or use a reference with its names",
        )
    for name, length in contigs.items():
        if length and length != fasta.contigs.get(name, length):
            return Fault(
                "contig-lengths",
                f"{path}: contig {name} has a length of {length} bp, but {fasta.contigs[name]} bp "
                f"in the reference {fasta.path}: another genome build",
                instead,
            )
    if absent:
        return Fault(
            "contig-absent",
            f"{path}: {len(absent)} of its {len(contigs)} contigs are not in the reference "
            f"{fasta.path}: {some(absent)}",
            instead,
        )
    return None
