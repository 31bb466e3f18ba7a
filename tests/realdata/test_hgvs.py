"""HGVS of simulated alleles on real transcripts, against SnpEff and against plain translation."""

import random
import re
import subprocess
from collections import Counter

import pysam
import pytest

from genopheno.annotation.hgvs import Describer
from genopheno.annotation.transcripts import read_models
from tests.realdata.snpeff import snpeff_changes, snpeff_database
from tests.unit.hgvs_reading import fits, protein
from tests.unit.transcript_genome import mirror

N = 4000
RESIDUE = r"(?:[A-Z][a-z]{2}|\*)"


def simulated(models, sequence, seed=1):
    """Alleles over transcripts: mostly coding ones, their borders, repeats and introns."""
    rng = random.Random(seed)
    coding = [one for one in models.transcripts.values() if one.cds]
    other = [one for one in models.transcripts.values() if not one.cds]

    def place(one):
        share = rng.random()
        if share < 0.45 and one.cds:
            return rng.randint(*rng.choice(one.cds)[:2])
        if share < 0.6:
            return rng.choice(rng.choice(one.exons)) + rng.randint(-12, 12)
        if share < 0.7 and one.cds:
            return rng.choice((one.cds[0][0], one.cds[-1][1])) + rng.randint(-6, 6)
        return rng.randint(*(rng.choice(one.exons) if share < 0.9 else (one.start, one.end)))

    def bases(size):
        return "".join(rng.choice("ACGT") for _ in range(size))

    alleles = set()
    while len(alleles) < N:
        at = place(rng.choice(coding if rng.random() < 0.85 else other))
        share, size = rng.random(), rng.choice((1, 1, 2, 3, 3, 4, 6, 9))
        here = sequence[at - 1 : at + size]  # the base and `size` more
        reference, alternate = {
            0: (here[0], bases(1)),
            1: (here, here[0]),
            2: (here[0], here[0] + bases(size)),
            3: (here[0], here),
            4: (here[:3], bases(len(here[:3]))),
            5: (here, bases(rng.randint(1, 4))),
        }[sum(share > limit for limit in (0.35, 0.55, 0.67, 0.82, 0.92))]
        if reference != alternate and "N" not in reference:
            alleles.add(("21", at, reference, alternate))
    return sorted(alleles)


def left_aligned(alleles, fasta, folder):
    source = folder / "simulated.vcf"
    rows = "".join(f"{c}\t{p}\t.\t{r}\t{a}\t.\t.\t.\n" for c, p, r, a in alleles)
    head = "##fileformat=VCFv4.2\n##contig=<ID=21,length=10000000>\n"
    source.write_text(f"{head}#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n{rows}")
    command = ["bcftools", "norm", "-f", fasta, source]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    cells = [line.split("\t") for line in said.splitlines() if not line.startswith("#")]
    return sorted({(c[0], int(c[1]), c[3], c[4]) for c in cells})


def kind(allele):
    *_, reference, alternate = allele
    if len(reference) == len(alternate):
        return "substitution" if len(reference) == 1 else "several bases"
    if len(reference) == 1:
        return "insertion"
    return "deletion" if len(alternate) == 1 else "deletion-insertion"


# SnpEff's spelling, in that of the recommendations ---------------------------------------


def coding_as_hgvs(change, one, lacking):
    """Without the bases that are deleted or copied; a frame that begins inside a codon is
    counted from the first base that is known, not from the first whole codon."""
    change = re.sub(r"(del|dup)[ACGTN]+", r"\1", change)
    if one.cds:
        change = change.replace("n.", "c.")  # it takes transcripts to be decayed for non-coding
    return re.sub(r"(?<![*\d+-])\d+", lambda n: str(int(n.group()) + lacking), change)


def protein_as_hgvs(change, lacking):
    """'=' where nothing changes, ranges with delins, Ter for '*'; the partial residue counted."""
    change = re.sub(
        r"(?<![*\d])(?<!Ter)\d+|(?<=Ter)\d+(?=[A-Z_d])",
        lambda n: str(int(n.group()) + bool(lacking)),
        change,
    )
    found = re.fullmatch(rf"p\.((?:{RESIDUE})+?)(\d+)((?:{RESIDUE})+)", change)
    if found:
        before, after = (re.findall(RESIDUE, found[n]) for n in (1, 3))
        first, last = int(found[2]), int(found[2]) + len(before) - 1
        span = f"{before[0]}{first}" + (f"_{before[-1]}{last}" if last > first else "")
        if before == after:
            change = f"p.{span}="
        elif len(before) > 1 or len(after) > 1:
            change = f"p.{span}delins{''.join(after)}"
    return change.replace("*", "Ter")


def difference(theirs, ours, coding):
    """Why two protein changes differ, by kind; None: they are the same.

    SnpEff writes nothing behind 'fs', and never where an extension ends.
    """
    short = re.sub(r"[A-Z][a-z]{2}fs.*", "fs", ours)
    if theirs in (ours, short, re.sub(r"(ext)Ter\d+", r"\1Ter?", ours)):
        return None
    if "Xaa" in ours or "???" in theirs:
        return "a codon is known in part"
    if ours in ("p.Met1?", "p.Met1="):
        return "start codon"
    if not ours:
        return "an intron is touched" if re.search(r"\d[+-]\d", coding) else "ends of the known"
    if re.fullmatch(r"p\.\d+", theirs):
        return "no residue changes"
    if "ext" in ours or re.search(r"Ter\d+(del|ins|$)", theirs) or "ext" in theirs:
        return "stop codon"
    if "Ter" in ours and "fs" not in ours:
        return "stop gained"
    if "fs" in theirs:
        return "first residue that differs"
    if not theirs:
        return "a border of the CDS is crossed"
    if re.search("del|dup|ins", theirs) and re.search("del|dup|ins", ours):
        return "place of a residue that is added or lost"
    return f"unexplained: {theirs} or {ours}"


@pytest.fixture(scope="module")
def compared(data, tmp_path_factory):
    """(allele, transcript, SnpEff's c. and p., ours) of every pair that both know."""
    folder = tmp_path_factory.mktemp("hgvs")
    source = data("annotation_ensembl_chr21")
    packed, gff3 = source / "grch38_chr21_10mb.fa.gz", source / "ensembl84_chr21_10mb.gff3.gz"
    config = snpeff_database(folder, packed, gff3)
    models = read_models(gff3)
    sequence = pysam.FastaFile(str(packed)).fetch("21").upper()
    alleles = left_aligned(simulated(models, sequence), folder / "data/peer/sequences.fa", folder)
    describe = Describer(packed, models.transcripts).describe
    rows = []
    for (allele, name), (_, coding, residues) in snpeff_changes(config, folder, alleles).items():
        if name in models.transcripts:
            ours = describe(name, *allele[1:])
            rows.append((allele, models.transcripts[name], (coding, residues), ours))
    return rows, sequence


def lacking(one):
    """Bases before the first whole codon."""
    return max(0, (one.cds[0] if one.strand > 0 else one.cds[-1])[2]) if one.cds else 0


def test_coding_changes_agree_with_snpeff(compared):
    """All that differ lie at the ends of transcripts (docs/hgvs.md says how)."""
    same, total, elsewhere = Counter(), Counter(), []
    for allele, one, (theirs, _), (ours, _) in compared[0]:
        total[kind(allele)] += 1
        if coding_as_hgvs(theirs, one, lacking(one)) == ours:
            same[kind(allele)] += 1
            continue
        _, position, reference, _ = allele
        margin = 24  # an indel moves that far
        if min(abs(position - one.start), abs(position + len(reference) - one.end)) > margin:
            elsewhere.append((allele, one.id, theirs, ours))
    assert elsewhere == []
    assert min(total.values()) > 500
    shares = {name: same[name] / total[name] for name in total}
    print("coding changes, agreement:", shares, "of:", dict(total))
    assert shares["substitution"] > 0.999, shares
    assert min(shares.values()) > 0.99, shares


def test_protein_changes_agree_with_snpeff(compared):
    same, total, kinds = Counter(), Counter(), Counter()
    for allele, one, (_, theirs), (coding, ours) in compared[0]:
        if one.biotype != "protein_coding":
            continue
        if not theirs and not ours:
            continue
        total[kind(allele)] += 1
        why = difference(protein_as_hgvs(theirs, lacking(one)), ours or "", coding or "")
        same[kind(allele)] += why is None
        if why:
            kinds[why] += 1
    shares = {name: same[name] / total[name] for name in total}
    print("protein changes, agreement:", shares, "differences:", dict(kinds))
    assert not [why for why in kinds if why.startswith("unexplained")], kinds
    # Most of the rest: changes of the stop and start codons and alleles that touch an intron.
    assert shares["substitution"] > 0.995, shares
    assert shares["deletion-insertion"] > 0.74, shares
    assert min(shares[name] for name in ("deletion", "insertion", "several bases")) > 0.82, shares


def test_protein_changes_are_those_of_translation(compared):
    """Of every allele inside the exons of a transcript: translated codon by codon."""
    rows, sequence = compared
    checked = Counter()
    places = {}
    for allele, one, _, (_, ours) in rows:
        if ours in (None, "p.Met1?", "p.Met1=") or lacking(one):
            continue
        if one.id not in places:
            exonic = [n for start, end in one.exons for n in range(start, end + 1)]
            places[one.id] = {position: n for n, position in enumerate(exonic)}
        index = places[one.id]
        _, position, reference, alternate = allele
        while reference and alternate and reference[0] == alternate[0]:
            position, reference, alternate = position + 1, reference[1:], alternate[1:]
        if not all(n in index for n in range(position - 1, position + len(reference) + 1)):
            continue
        spliced = "".join(sequence[n - 1] for n in index)
        at = index[position]
        mutated = spliced[:at] + alternate + spliced[at + len(reference) :]
        first = index[one.cds[0][0]] if one.strand > 0 else len(index) - 1 - index[one.cds[-1][1]]
        if one.strand < 0:
            spliced, mutated = mirror(spliced), mirror(mutated)
        assert fits(ours, protein(spliced[first:]), protein(mutated[first:])), (allele, one, ours)
        checked[kind(allele)] += 1
    assert min(checked.values()) > 100, checked
