"""Consequences of real genes, against published answers, the genetic code and SnpEff."""

import csv
import gzip
import random
import subprocess
from collections import Counter, defaultdict

import numpy as np
import pysam
import pytest

from genopheno import fields, tools
from genopheno.annotation.annotate import EngineOptions, annotate
from genopheno.annotation.consequences import most_severe
from genopheno.annotation.engines import snpeff
from genopheno.annotation.engines.csq import Csq, complete, parse
from genopheno.annotation.genes import Genes
from genopheno.annotation.transcripts import read_models
from genopheno.problems import StageError


def unpack(source, target):
    target.write_bytes(gzip.decompress(source.read_bytes()))
    return target


def indexed(source, target, *words):
    """A BCF of what one bcftools command writes."""
    command = ["bcftools", *map(str, words or ("view",)), "-Ob", "-o", target, source]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    subprocess.run(["bcftools", "index", "-f", target], check=True)
    return target


def run(folder, calls, fasta, genes, **more):
    folder.mkdir(exist_ok=True)
    report = annotate(
        calls,
        reference=fasta,
        genes_gff3=genes,
        databases={},
        out_vcf=folder / "annotated.vcf.gz",
        sites_parquet=folder / "sites.parquet",
        consequences_parquet=folder / "consequences.parquet",
        report_json=folder / "annotation.json",
        **more,
    )
    return fields.read(folder / "sites.parquet"), report


# --- Published cases -------------------------------------------------------------------


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
    """All 59 are text for text those expected, and so is the most severe term."""
    folder = data("annotation_csq")
    checks, failed = 0, []
    for row in csv.DictReader((folder / "cases.tsv").open(), delimiter="\t"):
        case = folder / row["case"]
        fasta = tmp_path / f"{row['case']}.fa"
        if not fasta.exists():
            unpack(case / "ref.fa.gz", fasta)
        genes = Genes(read_models(case / "genes.gff3"))
        phased = row["mode"] != "local"
        engine = Csq(fasta, case / "genes.gff3", genes, tmp_path, phased=phased)
        out = tmp_path / "predicted.bcf"
        tools.run(*engine.commands(case / row["vcf"]), stdout=out)
        form = "%CHROM\t%POS\t%REF\t%ALT\t%INFO/BCSQ\n"
        lines = tools.run(["bcftools", "query", "-f", form, out]).splitlines()
        read, expected = engine.reader(out), expected_sites(case, row)
        full = defaultdict(list)
        for (position, *_), entries in expected.items():
            full[position] += [e for e in entries if not e.startswith("@")]
        found = {}
        for contig, position, reference, alternate, value in (x.split("\t") for x in lines):
            site = (int(position), reference, alternate)
            if site not in expected:
                continue
            value = value if value != "." else ""
            found[site] = set(value.split(",")) - {""}
            ours = most_severe(read(contig, *site, value))
            theirs = parse(",".join(sorted(expected[site])), full)
            end = site[0] + len(reference) - 1
            theirs = most_severe(complete(theirs, genes, contig, site[0], end))
            if alternate.isalpha() and (ours and ours.term) != (theirs and theirs.term):
                failed.append((row["case"], row["vcf"], row["mode"], site, ours, theirs))
        checks += 1
        if found != expected:
            failed.append((row["case"], row["vcf"], row["mode"]))
    assert failed == []
    assert checks == 59


# --- The genetic code ------------------------------------------------------------------

BASES = "TCAG"
AMINO_ACIDS = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"
CODE = {
    a + b + c: AMINO_ACIDS[16 * i + 4 * j + k]
    for i, a in enumerate(BASES)
    for j, b in enumerate(BASES)
    for k, c in enumerate(BASES)
}
COMPLEMENT = str.maketrans("ACGT", "TGCA")
THREE_LETTERS = (
    "Ala Arg Asn Asp Cys Gln Glu Gly His Ile Leu Lys Met Phe Pro Ser Thr Trp Tyr Val Ter"
)
NAMES = dict(
    zip(
        "ARNDCQEGHILKMFPSTWYV*",
        THREE_LETTERS.split(" "),
        strict=True,
    )
)


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


@pytest.fixture(scope="module")
def chr21(data, tmp_path_factory):
    """Folder with the reference 21.fa, its genes and its sequence."""
    folder = data("annotation_ensembl_chr21")
    work = tmp_path_factory.mktemp("chr21")
    fasta = unpack(folder / "grch38_chr21_10mb.fa.gz", work / "21.fa")
    pysam.faidx(str(fasta))
    sequence = pysam.FastaFile(str(fasta)).fetch("21").upper()
    return work, fasta, folder / "ensembl84_chr21_10mb.gff3.gz", sequence


def write_calls(path, alleles):
    path.with_suffix(".vcf").write_text(
        "##fileformat=VCFv4.2\n##contig=<ID=21>\n"
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        + "".join(f"21\t{p}\t.\t{ref}\t{alt}\t.\t.\t.\n" for p, ref, alt in sorted(alleles))
    )
    return path.with_suffix(".vcf")


def test_coding_changes_of_real_genes_agree_with_the_genetic_code(chr21, tmp_path):
    """1,500 random SNVs in 42 coding transcripts, translated here without bcftools."""
    _, fasta, genes, sequence = chr21
    transcripts = dict(coding_transcripts(genes))
    draw = random.Random(21)
    coding = sorted({p for _, positions in transcripts.values() for p in positions})
    snvs = {
        position: draw.choice([b for b in "ACGT" if b != sequence[position - 1]])
        for position in sorted(draw.sample(coding, 1500))
    }
    alleles = [(p, sequence[p - 1], b) for p, b in snvs.items()]
    calls = indexed(write_calls(tmp_path / "snvs", alleles), tmp_path / "snvs.bcf")
    _, report = run(tmp_path, calls, fasta, genes)
    assert report["records_out"] == 1500
    table = fields.read(tmp_path / "consequences.parquet")
    rows = {(row.position, row.transcript_id): row for row in table.itertuples()}

    compared = Counter()
    for name, (strand, positions) in transcripts.items():
        bases = "".join(sequence[p - 1] for p in positions)
        bases = bases if strand == "+" else bases.translate(COMPLEMENT)
        for index, position in enumerate(positions):
            if position not in snvs:
                continue
            row, codon = rows[position, name], 3 * (index // 3)
            base = snvs[position] if strand == "+" else snvs[position].translate(COMPLEMENT)
            changed = bases[:index] + base + bases[index + 1 :]
            before, after = CODE[bases[codon : codon + 3]], CODE[changed[codon : codon + 3]]
            number = codon // 3 + 1
            assert row.coding_change == f"c.{index + 1}{bases[index]}>{base}", (name, position)
            if number == 1 or before == "*":  # start and stop have words of their own
                continue
            compared[before == after] += 1
            said = "=" if before == after else NAMES[after]
            assert row.protein_change == f"p.{NAMES[before]}{number}{said}", (name, position)
            splice = {"splice_acceptor_variant", "splice_donor_variant"} & set(row.terms.split("&"))
            term = {True: "synonymous_variant"}.get(
                before == after, "stop_gained" if after == "*" else "missense_variant"
            )
            assert splice or term in row.terms.split("&"), (name, position, row.terms)
    assert compared[True] > 500  # over all transcripts
    assert compared[False] > 1500


# --- SnpEff ----------------------------------------------------------------------------

# Classes of docs/annotation.md.
CLASSES = {
    "splice_acceptor_variant": "splice site",
    "splice_donor_variant": "splice site",
    "splice_region_variant": "splice region",
    "stop_gained": "stop gained",
    "frameshift_variant": "frameshift",
    "stop_lost": "stop lost",
    "start_lost": "start lost",
    "inframe_insertion": "inframe",
    "inframe_deletion": "inframe",
    "protein_altering_variant": "inframe",
    "missense_variant": "missense",
    "start_retained_variant": "synonymous",
    "stop_retained_variant": "synonymous",
    "synonymous_variant": "synonymous",
    "5_prime_UTR_variant": "5' UTR",
    "3_prime_UTR_variant": "3' UTR",
    "non_coding_transcript_exon_variant": "non-coding exon",
    "intron_variant": "intron",
    "upstream_gene_variant": "outside",
    "downstream_gene_variant": "outside",
    "intergenic_variant": "outside",
    "intragenic_variant": "outside",
    "coding_sequence_variant": "coding",
    None: "outside",
}


def simulate(sequence, gff3, number, seed=84):
    """Alleles of every kind, three of four in exons or within 20 bases of one."""
    draw = random.Random(seed)
    near = set()
    for one in read_models(gff3).transcripts.values():
        for start, end in one.exons:
            near.update(range(start - 20, end + 21))
    near, alleles = sorted(near), set()
    anywhere = range(5_010_001, 8_680_000)
    while len(alleles) < number:
        position = draw.choice(near) if draw.random() < 0.75 else draw.choice(anywhere)
        kind, longer = draw.random(), draw.choice((1, 1, 2, 3, 3, 6, 9))
        base = sequence[position - 1]
        if kind < 0.6:
            ref, alt = base, draw.choice("ACGT")
        elif kind < 0.75:  # several bases for as many
            ref = sequence[position - 1 : position + draw.choice((1, 2))]
            alt = "".join(draw.choice("ACGT") for _ in ref)
        elif kind < 0.9:
            ref, alt = sequence[position - 1 : position + longer], base
        else:
            ref, alt = base, base + "".join(draw.choice("ACGT") for _ in range(longer))
        if "N" not in ref and ref != alt:
            alleles.add((position, ref, alt))
    return alleles


@pytest.fixture(scope="module")
def both(chr21):
    """Sites of simulated alleles, by engine."""
    try:
        snpeff._start(1000)
    except StageError:
        pytest.skip("SnpEff is absent")
    work, fasta, genes, sequence = chr21
    vcf = write_calls(work / "simulated", simulate(sequence, genes, 4000))
    normal = indexed(vcf, work / "normal.bcf", "norm", "-f", fasta, "-d", "exact")
    calls = indexed(normal, work / "calls.bcf", "sort")
    snpeff.build(fasta, genes, work / "snpeff", memory_mb=1500)
    options = EngineOptions("snpeff", snpeff_database=work / "snpeff", memory_mb=1500)
    ours, _ = run(work / "csq", calls, fasta, genes)
    theirs, report = run(work / "effects", calls, fasta, genes, engine=options)
    return work, ours, theirs, report


def differences(ours, theirs):
    """(class by csq, class by SnpEff) → alleles."""
    return Counter(
        (CLASSES[a], CLASSES[b])
        for a, b in zip(ours["consequence"], theirs["consequence"], strict=True)
    )


@pytest.mark.slow
def test_csq_and_snpeff_agree_on_the_class(both):
    _, ours, theirs, report = both
    assert list(ours["variant_id"]) == list(theirs["variant_id"])
    counts = differences(ours, theirs)
    n = counts.total()
    same = sum(k for (a, b), k in counts.items() if a == b)
    assert n > 3500 and len({a for a, _ in counts}) == 15
    assert same / n >= 0.95, counts.most_common()
    assert report["engine"]["name"] == "SnpEff" and report["genes"]["used"]["transcripts"] > 200


@pytest.mark.slow
def test_csq_and_snpeff_name_coding_changes_alike(both, chr21):
    """Where both call an SNV missense or synonymous on a transcript, its names are the same."""
    (work, *_), (_, _, genes, _) = both, chr21
    tables = [fields.read(work / f / "consequences.parquet") for f in ("csq", "effects")]
    kinds = ("missense_variant", "synonymous_variant")
    keys = ["variant_id", "transcript_id", "consequence"]
    ours, theirs = (t[t["consequence"].isin(kinds)].set_index(keys) for t in tables)
    joined = ours.join(theirs, rsuffix="_snpeff", how="inner")
    snv = joined["reference"].str.len().eq(1) & joined["alternate"].str.len().eq(1)
    models = read_models(genes).transcripts
    # SnpEff counts from the first base that is known, also where the first codon lacks some.
    whole = np.array([not models[name].start_incomplete for _, name, _ in joined.index])
    joined = joined[snv & joined["biotype"].eq("protein_coding") & whole]
    assert len(joined) > 200
    unlike = joined[joined["coding_change"] != joined["coding_change_snpeff"]]
    assert unlike.empty, unlike[["coding_change", "coding_change_snpeff"]]
    protein = joined["protein_change_snpeff"].str.replace(
        r"^p\.([A-Z][a-z]{2})(\d+)\1$", r"p.\1\2=", regex=True
    )
    assert (joined["protein_change"] == protein).mean() > 0.99


def test_the_molecular_consequence_of_clinvar(data, chr21, tmp_path):
    """The one record of this ClinVar sample that lies in the region (GRCh38 21:6116503)."""
    record = next(
        r
        for r in pysam.VariantFile(str(data("clinvar_small") / "clinvar_grch38_50.vcf.gz"))
        if r.chrom == "21"
    )
    _, fasta, genes, _ = chr21
    allele = [(record.pos, record.ref, record.alts[0])]
    calls = indexed(write_calls(tmp_path / "one", allele), tmp_path / "one.bcf")
    sites, _ = run(tmp_path, calls, fasta, genes)
    assert [entry.split("|")[1] for entry in record.info["MC"]] == ["missense_variant"]
    assert list(sites["consequence"]) == ["missense_variant"]
