"""VCF files as labs hand them in: 100 real people in one file, and two benchmark people."""

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path

import cyvcf2
import pytest

from genopheno.files import read_json
from genopheno.problems import StageError
from genopheno.tools import run
from genopheno.variants.entries import receive_vcf
from genopheno.variants.merging import merge_calls


def rows(path: Path, samples: list[str], *values: str) -> dict[tuple, list]:
    """Genotypes (alleles, unordered) and values by alternate allele, read by cyvcf2."""
    reader = cyvcf2.VCF(str(path), samples=samples, strict_gt=True)
    order = [reader.samples.index(sample) for sample in samples]
    found = {}
    for record in reader:
        for number, alt in enumerate(record.ALT, start=1):
            genotypes = [
                tuple(sorted(-1 if a < 0 else int(a == number) for a in g[:-1]))
                for g in record.genotypes
            ]
            more = [record.format(name).tolist() for name in values]
            key = (record.CHROM, record.POS, record.REF, alt)
            found[key] = [(genotypes[i], *(value[i] for value in more)) for i in order]
    return found


@pytest.fixture(scope="module")
def hail(data, tmp_path_factory) -> tuple[Path, Path, list[str]]:
    """The file, a reference made of its own REF alleles (N between), three of its samples."""
    vcf = data("hail_sample_vcf") / "sample.vcf.gz"
    folder = tmp_path_factory.mktemp("hail")
    reader = cyvcf2.VCF(str(vcf))
    samples = [reader.samples[40], reader.samples[3], reader.samples[77]]
    records = [(record.POS, record.REF) for record in reader]
    bases = bytearray(b"N" * (records[-1][0] + 1000))
    for position, ref in records:
        bases[position - 1 : position - 1 + len(ref)] = ref.encode()
    return vcf, fasta(folder / "genome.fa", {"20": bases.decode()}), samples


def fasta(path: Path, contigs: dict[str, str]) -> Path:
    path.write_text("".join(f">{name}\n{bases}\n" for name, bases in contigs.items()))
    run(["samtools", "faidx", path])
    return path


def receive(vcf: Path, reference: Path, samples: list[str], folder: Path):
    out = folder / "entries" / "e.bcf"
    out.parent.mkdir(exist_ok=True)
    counts = receive_vcf(
        vcf, samples=samples, reference=reference, out_bcf=out, report=folder / "entries/e.json"
    )
    return out, counts


def test_a_multi_sample_vcf_is_cut_to_the_sheet(hail, tmp_path):
    """Values, filters and order of samples are those of the file; what nobody has stays."""
    vcf, reference, samples = hail
    out, counts = receive(vcf, reference, samples, tmp_path)
    assert run(["bcftools", "query", "-l", out]).split() == samples
    assert rows(out, samples, "AD", "DP", "GQ") == rows(vcf, samples, "AD", "DP", "GQ")
    filters = [run(["bcftools", "query", "-f", "%POS %FILTER\n", path]) for path in (vcf, out)]
    assert filters[0] == filters[1]
    assert counts == read_json(out.with_suffix(".json"))
    assert counts == {
        "samples_in": 100,
        "samples_out": 3,
        "records_in": 346,
        "records_outside_reference_removed": 0,
        "alleles": 346,
        "symbolic_alleles_removed": 0,
        "exact_duplicates_removed": 0,
        "records_out": 346,
    }


def edited(vcf: Path, path: Path, change) -> Path:
    """A copy of a VCF with its text changed, as plain VCF."""
    path.write_text(change(gzip.decompress(vcf.read_bytes()).decode()))
    return path


def names(text: str, old: str, new: str) -> str:
    head, columns, body = re.split(r"(?m)^(#CHROM.*\n)", text)
    return head + columns.replace(old, new) + body


FAULTS = {
    "contig-names": lambda text, s: re.sub(r"(?m)^20\t", "chr20\t", text),
    "vcf-duplicate-samples": lambda text, s: names(text, s[1], s[0]),
    "sample-not-in-vcf": lambda text, s: names(text, s[2], "somebody"),
    "vcf-without-gt": lambda text, s: text.replace("FORMAT=<ID=GT,", "FORMAT=<ID=XT,"),
    "contig-lengths": lambda text, s: text.replace(
        "#CHROM", "##contig=<ID=20,length=63025520>\n#CHROM"
    ),
    "vcf-unreadable": lambda text, s: text[: text.index("#CHROM")],
}


@pytest.mark.parametrize("code", FAULTS)
def test_faults_have_their_own_code(hail, tmp_path, code):
    vcf, reference, samples = hail
    path = edited(vcf, tmp_path / "bad.vcf", lambda text: FAULTS[code](text, samples))
    with pytest.raises(StageError) as caught:
        receive(path, reference, samples, tmp_path)
    assert code in [problem.code for problem in caught.value.problems]
    assert all(problem.file == str(path) for problem in caught.value.problems)
    assert not list((tmp_path / "entries").iterdir())


def test_calls_of_another_reference_are_counted_and_refused(hail, tmp_path):
    vcf, reference, samples = hail
    name, bases = reference.read_text().split()
    first = next(iter(cyvcf2.VCF(str(vcf)))).POS - 1
    other = bases[:first] + ("A" if bases[first] != "A" else "C") + bases[first + 1 :]
    changed = fasta(tmp_path / "other.fa", {name[1:]: other})
    with pytest.raises(StageError, match=r"reference-differs.*in 1 of 346 records REF is not"):
        receive(vcf, changed, samples, tmp_path)


def test_a_gvcf_in_the_place_of_a_vcf_is_told(data, hail, tmp_path):
    gvcf = sorted((data("kgp_gvcf_chr22") / "gvcf").glob("*.g.vcf.gz"))[0]
    [sample] = run(["bcftools", "query", "-l", gvcf]).split()
    _, reference, _ = hail
    with pytest.raises(StageError, match=r"vcf-is-gvcf.*column gvcf"):
        receive(gvcf, reference, [sample], tmp_path)


def test_an_index_older_than_its_file_is_noticed(hail, tmp_path):
    vcf, reference, samples = hail
    copy = tmp_path / "copy.vcf.gz"
    copy.write_bytes(vcf.read_bytes())
    run(["bcftools", "index", "-t", copy])
    assert receive(copy, reference, samples, tmp_path)[1]["records_out"] == 346
    index = Path(f"{copy}.tbi")
    os.utime(index, ns=(0, copy.stat().st_mtime_ns - 10**9))
    with pytest.raises(StageError, match=r"index-old: .*copy.vcf.gz.tbi"):
        receive(copy, reference, samples, tmp_path)


def test_odd_records_are_brought_into_form_and_counted(tmp_path):
    """Several alleles, lower case, symbolic alleles, a scaffold, a record twice, no FILTER."""
    reference = fasta(tmp_path / "g.fa", {"1": "ACGTTTTTGACCA" * 10, "2": "ACGT" * 20})
    text = (
        "##fileformat=VCFv4.2\n##contig=<ID=2>\n##contig=<ID=1,length=130>\n##contig=<ID=un>\n"
        '##FILTER=<ID=q10,Description="x">\n##INFO=<ID=X,Number=1,Type=Integer,Description="x">\n'
        '##ALT=<ID=DEL,Description="x">\n'
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tb\ta\n"
    )
    for record in (
        ("2", 1, "A", "C,G", "PASS", "1/2", "0/1"),
        ("1", 3, "g", "t", ".", "0/1", "./."),
        ("1", 7, "TT", "T", "q10", "0/1", "0/0"),  # to be moved left to 1:3
        ("1", 7, "TT", "T", "q10", "0/1", "0/0"),
        ("1", 9, "G", "<DEL>", "PASS", "0/1", "0/0"),
        ("1", 10, "A", ".", "PASS", "0/0", "0/0"),
        ("1", 11, "C", "*,T", "PASS", "1/2", "0/0"),
        ("un", 5, "A", "C", "PASS", "0/1", "0/0"),
    ):
        contig, position, ref, alt, filters, *genotypes = record
        cells = [contig, position, ".", ref, alt, 50, filters, "X=1", "GT", *genotypes]
        text += "\t".join(map(str, cells)) + "\n"
    (tmp_path / "odd.vcf").write_text(text)
    out, counts = receive(tmp_path / "odd.vcf", reference, ["a", "b"], tmp_path)
    form = "%CHROM %POS %REF %ALT %FILTER %INFO[ %GT]\n"
    assert run(["bcftools", "query", "-f", form, out]).splitlines() == [
        "1 3 G T PASS . ./. 0/1",
        "1 3 GT G q10 . 0/0 0/1",
        "1 11 C T PASS . 0/0 0/1",
        "2 1 A C PASS . 0/1 1/0",
        "2 1 A G PASS . 0/0 0/1",
    ]
    assert counts == {
        "samples_in": 2,
        "samples_out": 2,
        "records_in": 8,
        "records_outside_reference_removed": 1,
        "alleles": 9,
        "symbolic_alleles_removed": 3,
        "exact_duplicates_removed": 1,
        "records_out": 5,
    }


def test_what_a_file_lacks_is_missing_not_reference(data, tmp_path):
    """Two people's benchmark VCFs merged: each genotype as in its file, else missing."""
    source = data("giab_chr20")
    reference = tmp_path / "chr20g.fa"
    reference.write_bytes(gzip.decompress((source / "ref/chr20g.fa.gz").read_bytes()))
    run(["samtools", "faidx", reference])
    own, files = {}, []
    for sample, name in (
        ("HG002", "HG002_giab_v4.2.1.vcf.gz"),
        ("NA12878", "NA12878_giab_v3.3.2.vcf.gz"),
    ):
        path, counts = receive(source / "truth" / name, reference, [sample], tmp_path)
        assert counts["records_in"] == sum(1 for _ in cyvcf2.VCF(str(source / "truth" / name)))
        files.append(path.rename(tmp_path / f"{sample}.bcf"))
        Path(f"{path}.csi").rename(f"{files[-1]}.csi")
        own[sample] = rows(files[-1], [sample])
    out = tmp_path / "cohort.bcf"
    samples = ["NA12878", "HG002"]
    counts = merge_calls(files, samples=samples, out_bcf=out, report=tmp_path / "merge.json")
    merged = rows(out, samples)
    assert merged.keys() == own["HG002"].keys() | own["NA12878"].keys()
    for i, sample in enumerate(samples):
        for key, genotypes in merged.items():
            [expected] = own[sample].get(key, [((-1, -1),)])
            assert genotypes[i] == expected, (sample, key)
    absent = sum(len(merged) - len(alleles) for alleles in own.values())
    assert counts["genotypes_missing_by_absence"] == absent > 50
    assert counts["records_in"] == sum(len(alleles) for alleles in own.values())
    assert counts["records_out"] == counts["records_pass"] == len(merged)
    assert counts == read_json(tmp_path / "merge.json")
    frequencies = run(["bcftools", "query", "-f", "%AC %AN\n", out]).splitlines()
    for genotypes, told in zip(merged.values(), frequencies, strict=True):
        alleles = [a for (genotype,) in genotypes for a in genotype if a >= 0]
        assert told == f"{sum(alleles)} {len(alleles)}"
    with pytest.raises(StageError, match=r"sample-twice.*HG002"):
        merge_calls([files[0], files[0]], samples=samples, out_bcf=out, report=tmp_path / "m.json")
    with pytest.raises(StageError, match=r"samples-differ.*missing: HG003; not expected: none"):
        merge_calls(files, samples=[*samples, "HG003"], out_bcf=out, report=tmp_path / "m.json")


def test_a_record_passes_if_it_passes_in_any_file(tmp_path):
    files = []
    for sample, filters in (("a", ("PASS", "q10", "q10")), ("b", ("q10", "q10", "s50"))):
        text = (
            '##fileformat=VCFv4.2\n##contig=<ID=1,length=100>\n##FILTER=<ID=q10,Description="x">\n'
            '##FILTER=<ID=s50,Description="x">\n'
            '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">\n'
            f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{sample}\n"
        )
        text += "".join(
            f"1\t{i}\t.\tA\tC\t50\t{name}\t.\tGT\t0/1\n" for i, name in enumerate(filters, start=5)
        )
        (tmp_path / f"{sample}.vcf").write_text(text)
        files.append(tmp_path / f"{sample}.bcf")
        run(["bcftools", "view", "-Ob", "-o", files[-1], tmp_path / f"{sample}.vcf"])
        run(["bcftools", "index", files[-1]])
    out = tmp_path / "c.bcf"
    counts = merge_calls(files, samples=["a", "b"], out_bcf=out, report=tmp_path / "m.json")
    said = run(["bcftools", "query", "-f", "%FILTER\n", out]).split()
    assert [sorted(f.split(";")) for f in said] == [["PASS"], ["q10"], ["q10", "s50"]]
    assert (counts["records_pass"], counts["filters"]) == (1, {"q10": 2, "s50": 1})
    alone = merge_calls(files[:1], samples=["a"], out_bcf=out, report=tmp_path / "m.json")
    assert (alone["records_out"], alone["genotypes_missing_by_absence"]) == (3, 0)
