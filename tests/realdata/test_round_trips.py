"""VCF → matrices → each format → the same genotypes, read back by readers that are not ours."""

import subprocess

import numpy as np
import pytest
import zarr

from genopheno.annotation.consequences import IMPACTS
from genopheno.cohort import exchange
from genopheno.cohort.matrix import read_parts
from genopheno.cohort.session import hail_session
from genopheno.matrices.extract import extract
from genopheno.matrices.select import Request
from tests.unit.matrix_folder import genotypes, write_folder

pytestmark = pytest.mark.slow

CASES = {
    "kgp_chr21": ("kgp_chr21", "kgp_chr21.vcf.gz"),
    "kgp_chr7_eas": ("kgp_chr7_eas", "kgp_chr7_eas.vcf.gz"),
    "hail_sample": ("hail_sample_vcf", "sample.vcf.gz"),
    "hail_x": ("hail_sample_vcf", "x_chromosome.vcf.gz"),
}


def run(*words):
    said = subprocess.run([str(w) for w in words], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    return said.stdout


def prepare(name, source, folder):
    """One alternate allele a record; X: men haploid, some calls phased, some half missing."""
    split = folder / f"{name}.split.vcf.gz"
    run("bcftools", "norm", "-m", "-any", "-Oz", "-o", split, source)
    if name != "hail_x":
        return split
    samples = run("bcftools", "query", "-l", split).split()
    sexes = folder / "sexes.txt"
    sexes.write_text("".join(f"{s} {'FM'[i % 2]}\n" for i, s in enumerate(samples)))
    ploidy = folder / "ploidy.txt"
    ploidy.write_text("X 1 155270560 M 1\n* * * M 2\n* * * F 2\n")
    haploid = folder / "haploid.vcf.gz"
    run("bcftools", "+fixploidy", split, "-Oz", "-o", haploid, "--", "-s", sexes, "-p", ploidy)
    lines = []
    for row, line in enumerate(run("bcftools", "view", haploid).splitlines()):
        cells = line.split("\t")
        if not line.startswith("#"):
            fields = [cell.split(":") for cell in cells[9:]]
            for number, field in enumerate(fields):
                if "/" in field[0] and (row + number) % 3 == 0:
                    field[0] = field[0].replace("0/1", "1/0").replace("/", "|")
                if field[0] == "0/1" and number % 5 == 0:
                    field[0] = "./1"
            cells[9:] = [":".join(field) for field in fields]
        lines.append("\t".join(cells))
    plain, target = folder / "x.vcf", folder / "x.vcf.gz"
    plain.write_text("\n".join(lines) + "\n")
    run("bcftools", "view", "-Oz", "-o", target, plain)
    return target


@pytest.fixture(scope="module", params=CASES)
def case(request, data, tmp_path_factory):
    """Name, folder of the matrices, and the calls of the VCF that they were made of."""
    name = request.param
    dataset, file = CASES[name]
    folder = tmp_path_factory.mktemp(name)
    vcf = prepare(name, data(dataset) / file, folder)
    return name, write_folder(folder / "matrices", vcf), genotypes(vcf)


def cut(folder, to, output):
    return extract(folder, output, to, Request(), terms=list(IMPACTS))


def test_the_cases_hold_what_is_to_be_kept(case):
    name, _, expected = case
    found = {text for line in expected.values() for text in line}
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
    assert genotypes(output) == expected
    assert int(run("bcftools", "index", "-n", output)) == len(expected)
    carry = np.array([["1" in text for text in line] for line in expected.values()])
    assert counts["carriers"] == carry.any(axis=0).sum()
    assert counts["alternate_genotypes"] == carry.sum()


def test_parquet_again(case, tmp_path):
    _, folder, expected = case
    cut(folder, "parquet", tmp_path / "again")
    cut(tmp_path / "again", "bcf", tmp_path / "cohort.bcf")
    assert genotypes(tmp_path / "cohort.bcf") == expected


def without_what_plink_lacks(text):
    """Half-missing calls are missing; phase is kept of heterozygous calls alone."""
    if "." in text:
        return "." if len(text) == 1 else "./."
    return text if text in ("0|1", "1|0") else text.replace("|", "/")


def test_plink2(case, tmp_path):
    _, folder, expected = case
    cut(folder, "plink2", tmp_path / "cohort.pgen")
    out = tmp_path / "back"
    run("plink2", "--pfile", tmp_path / "cohort", "--export", "vcf", "--out", out)
    found = genotypes(out.with_suffix(".vcf"))
    assert found.keys() == expected.keys()
    for name, line in expected.items():
        assert list(map(without_what_plink_lacks, found[name])) == list(
            map(without_what_plink_lacks, line)
        )


def test_zarr(case, tmp_path):
    _, folder, expected = case
    cut(folder, "zarr", tmp_path / "cohort.vcz")
    store = zarr.open(tmp_path / "cohort.vcz", mode="r")
    calls, phased = store["call_genotype"][:], store["call_genotype_phased"][:]
    alleles = store["variant_allele"][:]
    contigs = store["contig_id"][:][store["variant_contig"][:]]
    names = [
        f"{contig}:{position}:{ref}:{alt}"
        for contig, position, (ref, alt) in zip(
            contigs, store["variant_position"][:], alleles, strict=True
        )
    ]
    assert names == list(expected)
    shown = np.array(["", ".", "0", "1"], dtype=object)[calls + 2]
    mark = np.where(calls[..., 1] == -2, "", np.where(phased, "|", "/")).astype(object)
    found = shown[..., 0] + mark + shown[..., 1]
    assert found.tolist() == list(expected.values())


def test_hail(data, tmp_path):
    """All in one session, as starting Hail takes longer than all else."""
    cases = {}
    for name, (dataset, file) in CASES.items():
        vcf = prepare(name, data(dataset) / file, tmp_path)
        folder = write_folder(tmp_path / name, vcf)
        parts = tmp_path / f"{name}.parts"
        cut(folder, "hail-parts", parts)
        cases[name] = parts, genotypes(vcf)
    with hail_session(tmp_path / "hail", memory_mb=3000, threads=2, small=True) as hl:
        for name, (parts, expected) in cases.items():
            mt = read_parts(hl, parts)
            out = tmp_path / f"{name}.tsv"
            rows = mt.select_rows(mt.site.variant_id, calls=hl.agg.collect(hl.str(mt.GT)))
            rows = rows.rows().key_by()
            rows = rows.select(
                rows.variant_id, calls=hl.delimit(rows.calls.map(lambda c: hl.or_else(c, ".")), "\t")
            )
            rows.export(exchange.uri(out), header=False)
            found = {line[0]: line[1:] for line in map(str.split, out.read_text().splitlines())}
            assert list(found) == list(expected)
            for variant, line in expected.items():
                assert found[variant] == ["." if "." in text else text for text in line]
