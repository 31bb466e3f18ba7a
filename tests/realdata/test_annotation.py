"""Annotation of real genes and real databases, against published and recomputed answers."""

import csv
import gzip
import json
import random
import subprocess
from collections import Counter, defaultdict

import pysam
import pytest

from genopheno import fields
from genopheno.annotation.annotate import annotate
from genopheno.annotation.consequences import most_severe, parse
from genopheno.annotation.databases import prepare
from genopheno.problems import StageError
from tests.unit.small_genome import query


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


# --- Databases -------------------------------------------------------------------------


def noncoding_gene(path, contig, end):
    """The smallest GFF3: for calls without a gene in reach."""
    biotype = "biotype=lincRNA"
    path.write_text(
        "##gff-version 3\n"
        f"{contig}\tx\tgene\t1\t{end}\t.\t+\t.\tID=gene:G;Name=G;{biotype}\n"
        f"{contig}\tx\tlnc_RNA\t1\t{end}\t.\t+\t.\tID=transcript:T;Parent=gene:G;{biotype}\n"
        f"{contig}\tx\texon\t1\t{end}\t.\t+\t.\tParent=transcript:T\n"
    )
    return path


def test_frequencies_of_a_real_person(data, tmp_path):
    """NA12878 in 1 Mb: 1,153 of 1,236 alleles are among the 1000 Genomes sites."""
    folder = data("kgp_1mb")
    fasta = unpack(folder / "z.fa.gz", tmp_path / "z.fa")
    database = tmp_path / "kgp.vcf.gz"
    counts = prepare(
        "kgp",
        folder / "z.sites.vcf.gz",
        reference=fasta,
        fields=["AF", "EUR_AF"],
        rsid=True,
        out_vcf=database,
    )
    assert counts["records_in"] == 28_998
    assert counts["alleles_disagreeing"] == 0
    assert counts["records"] == counts["alleles"] - counts["duplicates"] >= 28_998 + 138

    calls = indexed(
        folder / "z.NA12878_giab_v3.3.2.vcf.gz",
        tmp_path / "calls.bcf",
        *("norm", "-m", "-any", "-f", fasta),
    )
    genes = noncoding_gene(tmp_path / "genes.gff3", "z", 1_000_000)
    sites, report = run(tmp_path, calls, fasta, genes, {"kgp": database})
    assert report["records_in"] == report["records_out"] == 1236
    assert report["databases"]["kgp"]["alleles_annotated"] >= 1153

    # Every SNV frequency, looked up again by another reader in the file as published.
    published = {}
    for record in pysam.VariantFile(str(folder / "z.sites.vcf.gz")):
        for index, alternate in enumerate(record.alts):
            value = record.info["EUR_AF"][index]
            published.setdefault((record.pos, record.ref, alternate), []).append(value)
    compared = 0
    for site in sites[sites["database_fields"].notna()].itertuples():
        there = published.get((site.position, site.reference, site.alternate))
        if there and len(there) == 1:
            found = json.loads(site.database_fields)["kgp"]["EUR_AF"]
            assert found == pytest.approx(there[0], rel=1e-6), site.variant_id
            compared += 1
    assert compared > 1000
    snvs = sites[(sites["reference"].str.len() == 1) & (sites["alternate"].str.len() == 1)]
    unknown = snvs[snvs["database_fields"].isna()]
    keys = zip(unknown["position"], unknown["reference"], unknown["alternate"], strict=True)
    assert not [key for key in keys if key in published]


def test_gnomad_with_its_870_fields(data, tmp_path):
    """Frequencies and flags of gnomAD exomes, on a reference that knows only their REF."""
    source = data("hail_sample_vcf") / "gnomad_exomes_r2.1.1_chr1.sites.vcf.gz"
    records = list(pysam.VariantFile(str(source)))
    sequence = ["N"] * (max(r.stop for r in records) + 100)
    for record in records:
        sequence[record.start : record.start + len(record.ref)] = record.ref
    fasta = tmp_path / "1.fa"
    fasta.write_text(">1\n" + "".join(sequence) + "\n")
    wanted = ["AF", "AC", "popmax", "segdup", "vep"]
    database = tmp_path / "gnomad.vcf.gz"
    counts = prepare("gnomad", source, reference=fasta, fields=wanted, rsid=True, out_vcf=database)
    assert counts["records"] == len(records) == 100

    calls = indexed(source, tmp_path / "calls.bcf", "annotate", "-x", "INFO,ID,FILTER")
    genes = noncoding_gene(tmp_path / "genes.gff3", "1", len(sequence))
    sites, report = run(tmp_path, calls, fasta, genes, {"gnomad": database})
    assert report["databases"]["gnomad"]["fraction_annotated"] == 1
    sites = sites.set_index(["position", "reference", "alternate"])
    for record in records:
        site = sites.loc[record.pos, record.ref, record.alts[0]]
        found = json.loads(site["database_fields"])["gnomad"]
        assert found.get("AC") == record.info["AC"][0]
        if "AF" in record.info:
            assert found["AF"] == pytest.approx(record.info["AF"][0], rel=1e-6)
        assert found.get("segdup", False) == ("segdup" in record.info)
        popmax = record.info.get("popmax", (None,))[0]
        assert found.get("popmax") == popmax
        assert found.get("vep") == (",".join(record.info["vep"]) if "vep" in record.info else None)
        assert site["rsid"] == record.id
    with pytest.raises(StageError, match="no INFO field AF_of_everything"):
        prepare("x", source, reference=fasta, fields=["AF_of_everything"], out_vcf=database)


def test_clinvar_on_the_chromosome_that_we_have(data, tmp_path):
    clinvar = data("clinvar_small") / "clinvar_grch38_50.vcf.gz"
    folder = data("annotation_ensembl_chr21")
    fasta = unpack(folder / "grch38_chr21_10mb.fa.gz", tmp_path / "21.fa")
    database = tmp_path / "clinvar.vcf.gz"
    counts = prepare(
        "clinvar",
        clinvar,
        reference=fasta,
        fields=["CLNSIG", "CLNDN", "GENEINFO"],
        out_vcf=database,
    )
    assert counts["records_in"] == 50
    assert counts["records_outside_reference"] == 49
    vcf = tmp_path / "one.vcf"
    vcf.write_text(
        "##fileformat=VCFv4.2\n##contig=<ID=21>\n"
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        "21\t6116503\t.\tC\tA\t.\t.\t.\n21\t6116503\t.\tC\tT\t.\t.\t.\n"
    )
    genes = folder / "ensembl84_chr21_10mb.gff3.gz"
    calls = indexed(vcf, tmp_path / "one.bcf")
    sites, _ = run(tmp_path, calls, fasta, genes, {"clinvar": database})
    assert sites["database_fields"].iloc[0] is None
    assert json.loads(sites["database_fields"].iloc[1]) == {
        "clinvar": {
            "CLNSIG": "Pathogenic",
            "CLNDN": "Rolandic_epilepsy",
            "GENEINFO": "LOC102724428:102724428",
        }
    }
    assert query(tmp_path / "annotated.vcf.gz", "%INFO/clinvar_CLNSIG\n") == [".", "Pathogenic"]


def test_clinvar_and_chr_names(data, tmp_path):
    """'20' against 'chr20' is refused with both names, not answered with nothing."""
    clinvar = data("clinvar_small") / "clinvar_grch38_50.vcf.gz"
    fasta = unpack(data("grch38_chr20_10mb") / "grch38_chr20_10mb.fa.gz", tmp_path / "chr20.fa")
    out = tmp_path / "clinvar.vcf.gz"
    with pytest.raises(StageError) as error:
        prepare("clinvar", clinvar, reference=fasta, fields=["MC"], out_vcf=out)
    assert error.value.problems[0].code == "contigs-differ"
    assert "chr20" in str(error.value)
    names = tmp_path / "names.tsv"
    names.write_text("20 chr20\n")
    renamed = indexed(clinvar, tmp_path / "renamed.bcf", "annotate", "--rename-chrs", names)
    counts = prepare("clinvar", renamed, reference=fasta, fields=["MC"], out_vcf=out)
    assert counts["records"] == 2
    assert query(out, "%POS %REF %ALT %INFO/clinvar_MC\n") == [
        "145514 GCAAA G SO:0001589|frameshift_variant",
        "145669 ACC A SO:0001589|frameshift_variant",
    ]


def test_another_build_of_clinvar_is_refused(data, tmp_path):
    """GRCh38 sites on a sequence of GRCh37: half the SNVs and more disagree."""
    folder = data("kgp_1mb")
    fasta = unpack(folder / "z.fa.gz", tmp_path / "z.fa")
    shifted = tmp_path / "shifted.vcf"
    with shifted.open("w") as out:
        for line in gzip.open(folder / "z.sites.vcf.gz", "rt"):
            cells = line.split("\t")
            if not line.startswith("#"):
                cells[1] = str(int(cells[1]) + 7)
            out.write("\t".join(cells))
    with pytest.raises(StageError) as error:
        prepare("kgp", shifted, reference=fasta, fields=["AF"], out_vcf=tmp_path / "o.vcf.gz")
    assert error.value.problems[0].code == "database-other-build"
