"""VCF → matrices → each format → the same genotypes, read back by readers that are not ours."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import zarr

from genopheno.annotation.consequences import IMPACTS
from genopheno.cohort import exchange
from genopheno.cohort.matrix import read_parts
from genopheno.cohort.session import hail_session
from genopheno.matrices.build import matrices
from genopheno.matrices.extract import extract
from genopheno.matrices.select import Request
from tests import cohort_tables

pytestmark = pytest.mark.slow

DOCS = Path(__file__).resolve().parents[2] / "docs/matrices.md"
CASES = {
    "kgp_chr21": ("kgp_chr21", "kgp_chr21.vcf.gz"),
    "kgp_chr7_eas": ("kgp_chr7_eas", "kgp_chr7_eas.vcf.gz"),
    "hail_sample": ("hail_sample_vcf", "sample.vcf.gz"),
    "hail_x": ("hail_sample_vcf", "x_chromosome.vcf.gz"),
}
# GRCh37; one of the files does not tell them.
LENGTHS = {"7": 159138663, "20": 63025520, "21": 48129895, "X": 155270560}
# What takes long by the variant is done with the first of them.
FEWER = {"kgp_chr7_eas": Request(regions=["7:126,253,550-126,400,000"])}


def run(*words):
    said = subprocess.run([str(w) for w in words], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    return said.stdout


def calls_of(vcf):
    """Variants and their calls as text, by another reader."""
    return run("bcftools", "query", "-f", "%CHROM:%POS:%REF:%ALT[\t%GT]\n", vcf)


def prepare(name, source, folder):
    """One alternate allele a record; X: men haploid, some calls phased, some half missing.

    Returns
    -------
    The VCF, and the sex of each sample.
    """
    fai = folder / "genome.fai"
    fai.write_text("".join(f"{c}\t{n}\t0\t60\t61\n" for c, n in LENGTHS.items()))
    named, split = folder / f"{name}.named.vcf.gz", folder / f"{name}.vcf.gz"
    run("bcftools", "reheader", "--fai", fai, "-o", named, source)
    run("bcftools", "norm", "-m", "-any", "-Oz", "-o", split, named)
    samples = run("bcftools", "query", "-l", split).split()
    sex = {sample: ("female", "male")[i % 2] for i, sample in enumerate(samples)}
    if name == "hail_x":
        split = with_haploids(split, sex, folder)
    run("bcftools", "index", "-t", split)
    return split, sex


def with_haploids(split, sex, folder):
    sexes, ploidy = folder / "sexes.txt", folder / "ploidy.txt"
    sexes.write_text("".join(f"{sample} {s[0].upper()}\n" for sample, s in sex.items()))
    ploidy.write_text("X 1 155270560 M 1\n* * * M 2\n* * * F 2\n")
    haploid = folder / "haploid.vcf.gz"
    run("bcftools", "+fixploidy", split, "-Oz", "-o", haploid, "--", "-s", sexes, "-p", ploidy)
    lines = []
    for row, line in enumerate(run("bcftools", "view", haploid).splitlines()):
        cells = line.split("\t")
        if not line.startswith("#"):
            calls = [cell.split(":") for cell in cells[9:]]
            for number, call in enumerate(calls):
                if "/" in call[0] and (row + number) % 3 == 0:
                    call[0] = call[0].replace("0/1", "1/0").replace("/", "|")
                if call[0] == "0/1" and number % 5 == 0:
                    call[0] = "./1"
            cells[9:] = [":".join(call) for call in calls]
        lines.append("\t".join(cells))
    plain, target = folder / "x.vcf", folder / "x.vcf.gz"
    plain.write_text("\n".join(lines) + "\n")
    run("bcftools", "view", "-Oz", "-o", target, plain)
    return target


@pytest.fixture(scope="module")
def cases(data, tmp_path_factory):
    """Of each case: the folder of its matrices, and the calls of the VCF they were made of."""
    made = {}

    def case(name):
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            dataset, file = CASES[name]
            vcf, sex = prepare(name, data(dataset) / file, folder)
            cohort_tables.write(folder, vcf, list(sex), sex=sex)
            files = cohort_tables.inputs(folder, vcf)
            fields = ["DP", "GQ"] if name == "hail_sample" else []
            matrices(**files, entry_fields=fields, threads=2)
            made[name] = files["out_dir"], calls_of(vcf)
        return made[name]

    return case


@pytest.fixture(params=CASES)
def case(request, cases):
    return request.param, *cases(request.param)


def cut(folder, to, output, request=None, build=None):
    return extract(folder, output, to, request or Request(), terms=list(IMPACTS), build=build)


def table(name, expected):
    """Calls by variant; what is left of them after `FEWER`."""
    lines = {line[0]: line[1:] for line in map(str.split, expected.splitlines())}
    if name not in FEWER:
        return lines
    return {v: line for v, line in lines.items() if int(v.split(":")[1]) <= 126_400_000}


def test_the_cases_hold_what_is_to_be_kept(case):
    name, _, expected = case
    found = {text for line in table(name, expected).values() for text in line}
    wanted = {
        "kgp_chr21": {"0|0", "0|1", "1|0", "1|1"},
        "kgp_chr7_eas": {"0|0", "0|1", "1|0", "1|1"},
        "hail_sample": {"0/0", "0/1", "1/1", "./."},
        "hail_x": {"0", "1", ".", "0/0", "0/1", "1/1", "./.", "1|0", "0|0", "1|1", ".|.", "./1"},
    }
    assert found == wanted[name]


@pytest.mark.parametrize("ending", ["vcf.gz", "bcf"])
def test_vcf_and_bcf(case, tmp_path, ending):
    _, folder, expected = case
    output = tmp_path / f"cohort.{ending}"
    counts = cut(folder, ending.removesuffix(".gz"), output)
    assert calls_of(output) == expected
    assert int(run("bcftools", "index", "-n", output)) == expected.count("\n")
    alternate = (cell for line in expected.splitlines() for cell in line.split("\t")[1:])
    assert counts["alternate_genotypes"] == sum("1" in cell for cell in alternate)


def test_depths_and_qualities(cases, data, tmp_path):
    folder, _ = cases("hail_sample")
    cut(folder, "parquet", tmp_path / "again")
    cut(tmp_path / "again", "vcf", tmp_path / "cohort.vcf.gz")
    form = "%CHROM:%POS:%REF:%ALT[\t%DP,%GQ]\n"
    found = run("bcftools", "query", "-f", form, tmp_path / "cohort.vcf.gz")
    assert found == run("bcftools", "query", "-f", form, folder.parent / "hail_sample.vcf.gz")


def test_parquet_again(case, tmp_path):
    _, folder, expected = case
    cut(folder, "parquet", tmp_path / "again")
    cut(tmp_path / "again", "bcf", tmp_path / "cohort.bcf")
    assert calls_of(tmp_path / "cohort.bcf") == expected


def without_what_plink_lacks(calls):
    """Half-missing calls are missing; phase is kept of heterozygous calls alone."""
    for given, kept in (("./1", "./."), (".|.", "./."), ("0|0", "0/0"), ("1|1", "1/1")):
        calls = calls.replace(given, kept)
    return calls


def test_plink2(case, tmp_path):
    _, folder, expected = case
    cut(folder, "plink2", tmp_path / "cohort.pgen")
    out = tmp_path / "back"
    run("plink2", "--pfile", tmp_path / "cohort", "--export", "vcf", "--out", out)
    found = calls_of(out.with_suffix(".vcf"))
    assert without_what_plink_lacks(found) == without_what_plink_lacks(expected)


def test_zarr(case, tmp_path):
    name, folder, expected = case
    cut(folder, "zarr", tmp_path / "cohort.vcz", FEWER.get(name))
    store = zarr.open(tmp_path / "cohort.vcz", mode="r")
    calls, phased = store["call_genotype"][:], store["call_genotype_phased"][:]
    contigs = store["contig_id"][:][store["variant_contig"][:]]
    columns = contigs, store["variant_position"][:], store["variant_allele"][:]
    names = [f"{c}:{at}:{ref}:{alt}" for c, at, (ref, alt) in zip(*columns, strict=True)]
    expected = table(name, expected)
    assert names == list(expected)
    shown = np.array(["", ".", "0", "1"], dtype=object)[calls + 2]
    mark = np.where(calls[..., 1] == -2, "", np.where(phased, "|", "/")).astype(object)
    found = shown[..., 0] + mark + shown[..., 1]
    assert found.tolist() == list(expected.values())


def test_hail(cases, tmp_path, monkeypatch, capsys):
    """All in one session, as starting Hail takes longer than all else; and the line of the docs."""
    for name in CASES:
        # Genomes of one session need names of their own.
        cut(cases(name)[0], "hail-parts", tmp_path / name, FEWER.get(name), build=name)
    monkeypatch.chdir(tmp_path)  # Java stays where it starts
    with hail_session(tmp_path / "hail", memory_mb=3000, threads=2, small=True) as hl:
        for name in CASES:
            mt = read_parts(hl, tmp_path / name)
            rows = mt.select_rows(mt.site.variant_id, calls=hl.agg.collect(hl.str(mt.GT)))
            rows = rows.rows().key_by()
            calls = hl.delimit(rows.calls.map(lambda call: hl.or_else(call, ".")), "\t")
            out = tmp_path / f"{name}.tsv"
            rows.select(rows.variant_id, calls=calls).export(exchange.uri(out), header=False)
            found = {line[0]: line[1:] for line in map(str.split, out.read_text().splitlines())}
            expected = table(name, cases(name)[1])
            assert list(found) == list(expected)
            for variant, line in expected.items():
                assert found[variant] == ["." if "." in text else text for text in line]
        target = tmp_path / "results/matrices/cohort.mt"
        read_parts(hl, tmp_path / "hail_x").write(exchange.uri(target))
        (text,) = re.findall(r"^```python\n(import hail.*?)^```", DOCS.read_text(), re.M | re.S)
        exec(text)
    described = capsys.readouterr().out
    for name in ("allele_frequency", "participant", "phenotypes", "AC", "GT"):
        assert f"{name}:" in described or f"'{name}'" in described
