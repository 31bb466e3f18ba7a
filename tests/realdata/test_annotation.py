"""Annotation of real genes and real databases, against published and recomputed answers."""

import csv
import gzip
import random
import subprocess
from collections import Counter, defaultdict

import pysam

from genopheno import fields
from genopheno.annotation.annotate import annotate
from genopheno.annotation.consequences import most_severe, parse


def unpack(source, target):
    target.write_bytes(gzip.decompress(source.read_bytes()))
    return target


def bcftools(*words):
    subprocess.run(["bcftools", *map(str, words)], check=True, stderr=subprocess.DEVNULL)


def indexed(source, target, *words):
    """A BCF of what one bcftools command writes."""
    bcftools(*(words or ("view",)), "-Ob", "-o", target, source)
    bcftools("index", "-f", target)
    return target


def run(folder, calls, fasta, genes, databases=None, **more):
    report = annotate(
        calls,
        reference=fasta,
        genes_gff3=genes,
        databases=databases or {},
        out_vcf=folder / "annotated.vcf.gz",
        sites_parquet=folder / "sites.parquet",
        report_json=folder / "annotation.json",
        **more,
    )
    return fields.read(folder / "sites.parquet"), report


# --- Consequences ----------------------------------------------------------------------


def expected_sites(case, row):
    """Site → set of expected entries; haplotypes and samples of a site are put together."""
    lines = [line.split("\t") for line in (case / row["expected"]).read_text().splitlines()]
    lines = [line for line in lines if len(line) > 3]
    if row["n_samples"] == "0":
        lines = lines[1::2]  # what was noted in the VCF, then what the program should say
    found = defaultdict(set)
    for position, reference, alternate, *answers in lines:
        for answer in answers:
            found[int(position), reference, alternate].update(answer.split(","))
    return {site: entries - {"."} for site, entries in found.items()}


def test_consequences_of_59_tricky_cases(data, tmp_path):
    """53 are text for text those expected (bcftools 1.16); the most severe term is in all 59."""
    folder = data("annotation_csq")
    text, terms, failed = 0, 0, []
    for row in csv.DictReader((folder / "cases.tsv").open(), delimiter="\t"):
        case = folder / row["case"]
        fasta = tmp_path / f"{row['case']}.fa"
        if not fasta.exists():
            unpack(case / "ref.fa.gz", fasta)
        calls = indexed(case / row["vcf"], tmp_path / "calls.bcf")
        sites, _ = run(tmp_path, calls, fasta, case / "genes.gff3", phased=row["mode"] != "local")
        sites = sites.set_index(["position", "reference", "alternate"])
        expected = expected_sites(case, row)
        full = defaultdict(list)
        for (position, *_), entries in expected.items():
            full[position] += [e for e in entries if not e.startswith("@")]
        same_text = same_term = True
        for site, entries in expected.items():
            found = sites.loc[site, "all_consequences"]
            same_text &= set((found or "").split(",")) - {""} == entries
            worst = most_severe(parse(",".join(sorted(entries)), full))
            same_term &= sites.loc[site, "consequence"] == (worst.term if worst else None)
        text += same_text
        terms += same_term
        if not same_term or (row["debian_bcftools_1.16_reproduces"] == "yes" and not same_text):
            failed.append((row["case"], row["vcf"], row["mode"]))
    assert failed == []
    assert text >= 53
    assert terms == 59


BASES = "TCAG"
AMINO_ACIDS = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"
CODE = {
    a + b + c: AMINO_ACIDS[16 * i + 4 * j + k]
    for i, a in enumerate(BASES)
    for j, b in enumerate(BASES)
    for k, c in enumerate(BASES)
}
COMPLEMENT = str.maketrans("ACGT", "TGCA")


def coding_transcripts(gff3):
    """Transcript → (strand, its coding positions in the order of translation)."""
    parts, strands = defaultdict(list), {}
    for line in gzip.open(gff3, "rt"):
        cells = line.rstrip("\n").split("\t")
        if len(cells) == 9 and cells[2] == "CDS":
            name = cells[8].split("Parent=transcript:")[1].split(";")[0]
            parts[name].append((int(cells[3]), int(cells[4]), cells[7]))
            strands[name] = cells[6]
    for name, exons in parts.items():
        exons.sort()
        first = exons[0] if strands[name] == "+" else exons[-1]
        positions = [p for start, end, _ in exons for p in range(start, end + 1)]
        if first[2] == "0" and len(positions) % 3 == 0:
            yield name, (strands[name], positions if strands[name] == "+" else positions[::-1])


def test_coding_changes_of_real_genes_agree_with_the_genetic_code(data, tmp_path):
    """1,500 random SNVs in 42 coding transcripts, translated here without bcftools."""
    folder = data("annotation_ensembl_chr21")
    fasta = unpack(folder / "grch38_chr21_10mb.fa.gz", tmp_path / "21.fa")
    genes = folder / "ensembl84_chr21_10mb.gff3.gz"
    pysam.faidx(str(fasta))
    sequence = pysam.FastaFile(str(fasta)).fetch("21").upper()
    transcripts = dict(coding_transcripts(genes))
    draw = random.Random(21)
    coding = sorted({p for _, positions in transcripts.values() for p in positions})
    snvs = {
        position: draw.choice([b for b in "ACGT" if b != sequence[position - 1]])
        for position in sorted(draw.sample(coding, 1500))
    }
    vcf = tmp_path / "snvs.vcf"
    vcf.write_text(
        "##fileformat=VCFv4.2\n##contig=<ID=21>\n"
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        + "".join(f"21\t{p}\t.\t{sequence[p - 1]}\t{b}\t.\t.\t.\n" for p, b in snvs.items())
    )
    sites, report = run(tmp_path, indexed(vcf, tmp_path / "snvs.bcf"), fasta, genes)
    sites = sites.set_index("position")
    assert report["records_out"] == 1500

    compared = Counter()
    for name, (strand, positions) in transcripts.items():
        bases = "".join(sequence[p - 1] for p in positions)
        bases = bases if strand == "+" else bases.translate(COMPLEMENT)
        for index, position in enumerate(positions):
            if position not in snvs:
                continue
            entries = parse(sites.loc[position, "all_consequences"])
            found = [c for c in entries if c.transcript == name and c.protein_change]
            if not found:  # start, stop and splice site changes may come without a protein
                continue
            codon = 3 * (index // 3)
            base = snvs[position] if strand == "+" else snvs[position].translate(COMPLEMENT)
            changed = bases[:index] + base + bases[index + 1 :]
            before, after = CODE[bases[codon : codon + 3]], CODE[changed[codon : codon + 3]]
            number = codon // 3 + 1
            if before == after:
                assert found[0].protein_change == f"{number}{before}", (name, position)
                compared[before == after] += 1
                continue
            assert found[0].protein_change == f"{number}{before}>{number}{after}", (name, position)
            if before != "*" and number > 1:
                term = "stop_gained" if after == "*" else "missense_variant"
                assert term in found[0].terms, (name, position, found[0])
            compared[before == after] += 1
    assert compared[True] > 500  # synonymous, over all transcripts
    assert compared[False] > 1500
