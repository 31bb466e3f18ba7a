"""Cuts of the matrices hold what bcftools, DuckDB and the tables themselves say they must."""

import json
import subprocess

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genopheno import fields
from genopheno.annotation.consequences import IMPACTS
from genopheno.matrices.extract import extract
from genopheno.matrices.formats import tsv
from genopheno.matrices.resolve import parse_region
from genopheno.matrices.select import Request
from genopheno.problems import StageError
from tests.unit.matrix_folder import SMALL_GENES, genotypes, small_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return small_folder(tmp_path_factory.mktemp("small") / "matrices")


@pytest.fixture(scope="module")
def vcf(folder):
    return folder.parent / "small.vcf.gz"


def cut(folder, output, to="bcf", **asked):
    return extract(folder, output, to, Request(**asked), terms=list(IMPACTS))


def run(*words):
    said = subprocess.run([str(w) for w in words], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    return said.stdout


def sql(folder, text):
    """DuckDB on the tables of the folder; gives the first column."""
    for table in ("sites", "consequences", "carriers"):
        text = text.replace(f"${table}", f"'{folder}/{table}.parquet/*.parquet'")
    return [row[0] for row in duckdb.connect().execute(text).fetchall()]


def test_everything_comes_back_as_it_was(folder, vcf, tmp_path):
    counts = cut(folder, tmp_path / "all.bcf")
    assert genotypes(tmp_path / "all.bcf") == genotypes(vcf)
    form = "%CHROM\t%POS\t%ID\t%REF\t%ALT\t%QUAL\t%FILTER\n"
    again = run("bcftools", "query", "-f", form, tmp_path / "all.bcf")
    assert again == run("bcftools", "query", "-f", form, vcf)
    assert counts["variants"] == 60 and counts["samples"] == 200
    carry = np.array([["1" in text for text in line] for line in genotypes(vcf).values()])
    assert counts["carriers"] == carry.any(axis=0).sum()
    assert counts["alternate_genotypes"] == carry.sum()
    assert json.loads((tmp_path / "all.bcf.json").read_text()) == counts


@pytest.mark.parametrize(
    "regions",
    [
        ["13:32,300,001-32,310,000"],  # behind the start of a deletion that reaches into it
        ["13:32300500", "13:32,330,000-32,332,000", "13:32,331,000-32,334,000"],
        ["HLA*01:01"],
        ["13:32,380,000-", "HLA*01:01:53-55"],
        ["13:1-100"],
    ],
)
def test_regions_as_bcftools_views_them(folder, vcf, tmp_path, regions):
    bed = tmp_path / "regions.bed"
    places = [parse_region(text, ["13", "HLA*01:01"]) for text in regions]
    bed.write_text("".join(f"{c}\t{s - 1}\t{min(e, 99_999_999)}\n" for c, s, e in places))
    kept = tmp_path / "kept.bcf"
    run("bcftools", "view", "-R", bed, "-Ob", "-o", kept, vcf)
    cut(folder, tmp_path / "cut.bcf", regions=regions)
    assert genotypes(tmp_path / "cut.bcf") == genotypes(kept)


def test_regions_of_a_bed_file(folder, tmp_path):
    bed = tmp_path / "regions.bed"
    bed.write_text("13\t32300000\t32310000\nHLA*01:01\t52\t55\n")
    cut(folder, tmp_path / "bed.bcf", regions_file=bed)
    cut(folder, tmp_path / "text.bcf", regions=["13:32300001-32310000", "HLA*01:01:53-55"])
    found = genotypes(tmp_path / "bed.bcf")
    assert found == genotypes(tmp_path / "text.bcf") and len(found) > 5


GENES = {"BRCA2": ["ENSG00000139618"], "ENSG2": ["ENSG2"], "TWICE": ["ENSG3", "ENSG4"]}


@pytest.mark.parametrize(
    ("genes", "consequences", "impacts"),
    [
        (["BRCA2"], [], []),
        (["TWICE"], [], ["HIGH", "MODERATE"]),
        (["BRCA2", "ENSG2"], [], ["HIGH"]),
        (["ENSG2"], ["missense_variant", "intron_variant"], []),
        (["ENSG2"], ["missense_variant", "stop_gained"], ["HIGH"]),
        ([], ["stop_gained"], []),
        ([], [], ["LOW"]),
    ],
)
def test_genes_consequences_and_impacts(folder, tmp_path, genes, consequences, impacts):
    def among(column, values):
        return f" AND {column} IN ({', '.join(map(repr, values))})" if values else ""

    ids = [i for gene in genes for i in GENES[gene]]
    wanted = among("consequence", consequences) + among("impact", impacts)
    table = "$consequences WHERE most_severe_of_gene" + among("gene_id", ids)
    if not genes:
        table = "$sites WHERE true"
    expected = sql(folder, f"SELECT DISTINCT variant_id FROM {table}{wanted}")
    counts = cut(
        folder, tmp_path / "cut.bcf", genes=genes, consequences=consequences, impacts=impacts
    )
    assert set(genotypes(tmp_path / "cut.bcf")) == set(expected)
    assert counts["variants"] == len(expected) > 0


def test_frequencies_as_bcftools_counts_them(folder, vcf, tmp_path):
    told, kept = tmp_path / "told.bcf", tmp_path / "kept.bcf"
    run("bcftools", "+fill-tags", vcf, "-Ob", "-o", told, "--", "-t", "AF,AC")
    run("bcftools", "view", "-i", "AF<=0.1 && AF>=0.01 && AC>=5", "-Ob", "-o", kept, told)
    counts = cut(folder, tmp_path / "cut.bcf", max_frequency=0.1, min_frequency=0.01, min_count=5)
    assert genotypes(tmp_path / "cut.bcf") == genotypes(kept)
    steps = [step["after"] for step in counts["left"]]
    assert steps == ["matrices", "max_frequency", "min_frequency", "min_count"]
    left = [step["variants"] for step in counts["left"]]
    assert left == sorted(left, reverse=True) and left[-1] == counts["variants"] > 0


def test_samples_as_bcftools_views_them(folder, vcf, tmp_path):
    names = ["S17", "S3", "S199", "S0"]
    run("bcftools", "view", "-s", "S0,S3,S17,S199", "-Ob", "-o", tmp_path / "kept.bcf", vcf)
    counts = cut(folder, tmp_path / "cut.bcf", samples=names)
    assert genotypes(tmp_path / "cut.bcf") == genotypes(tmp_path / "kept.bcf")
    form = "%POS\t%INFO/AC\t%INFO/AN\n"
    assert run("bcftools", "query", "-f", form, tmp_path / "cut.bcf") == run(
        "bcftools", "query", "-f", form, tmp_path / "kept.bcf"
    )
    assert counts["samples"] == 4


def test_groups(folder, tmp_path):
    cut(folder, tmp_path / "women.bcf", groups=["sex=female"])
    named = run("bcftools", "query", "-l", tmp_path / "women.bcf").split()
    assert named == [f"S{i}" for i in range(0, 200, 2)]
    cut(folder, tmp_path / "all.bcf", groups=["sex=female", "sex=male"])
    assert len(run("bcftools", "query", "-l", tmp_path / "all.bcf").split()) == 200


def test_parquet_can_be_cut_again(folder, tmp_path):
    cut(folder, tmp_path / "first", "parquet", groups=["sex=male"], genes=["BRCA2", "ENSG2"])
    first = tmp_path / "first"
    cut(first, tmp_path / "twice.bcf", max_frequency=0.01, impacts=["HIGH"], genes=["BRCA2"])
    asked = {"max_frequency": 0.01, "impacts": ["HIGH"], "genes": ["BRCA2"]}
    cut(folder, tmp_path / "once.bcf", groups=["sex=male"], **asked)
    # Frequencies stayed those of the whole cohort, and so the cuts are the same.
    assert genotypes(tmp_path / "twice.bcf") == genotypes(tmp_path / "once.bcf")
    assert fields.check_tables(first) == fields.check_dictionary(first) == []
    told = pq.read_schema(first / "sites.parquet/13.parquet").metadata
    assert told[b"samples_counted"] == b"200"
    men = pd.read_parquet(first / "samples.parquet")
    assert set(men["sex"]) == {"male"}
    people = pd.read_parquet(first / "phenotypes.parquet")
    assert set(people["participant"]) == set(men["participant"])
    whole, part = (pd.read_parquet(f / "carriers.parquet") for f in (folder, first))
    sites = pd.read_parquet(first / "sites.parquet")
    kept = whole["sample"].isin(men["sample"]) & whole["variant_id"].isin(sites["variant_id"])
    pd.testing.assert_frame_equal(part, whole[kept].reset_index(drop=True))
    lists = pd.read_parquet(first / "genotypes.parquet")
    assert {len(row) for row in lists["dosages"]} == {100}
    # A row is null where the samples that are left have plain calls only.
    exact = genotypes(tmp_path / "once.bcf")
    for name, calls in zip(lists["variant_id"], lists["calls"], strict=True):
        if name in exact:
            assert (calls is None) == (set(exact[name]) <= {"0/0", "0/1", "1/1", "./."})


def test_genes_of_a_cut_are_counted_anew(folder, tmp_path):
    cut(folder, tmp_path / "rare", "parquet", max_frequency=0.1)
    found = pd.read_parquet(tmp_path / "rare/genes.parquet").set_index("gene_id")
    rows = pd.read_parquet(tmp_path / "rare/consequences.parquet")
    rows = rows[rows["most_severe_of_gene"]].groupby("gene_id")
    assert found["n_variants"].to_dict() == rows["variant_id"].nunique().to_dict()
    assert found["start"].to_dict() == rows["position"].min().to_dict()
    assert found["end"].to_dict() == rows["position"].max().to_dict()
    high = rows["impact"].apply(lambda impacts: (impacts == "HIGH").sum())
    assert found["n_high"].to_dict() == high.to_dict()
    assert set(found.index) == {gene[0] for gene in SMALL_GENES}


def test_all_transcripts_are_in_the_vcf(folder, tmp_path):
    cut(folder, tmp_path / "all.vcf.gz", "vcf")
    form = "%CHROM:%POS:%REF:%ALT\t%Gene\t%Consequence\t%HGVSc\n"
    said = run("bcftools", "+split-vep", tmp_path / "all.vcf.gz", "-d", "-f", form)
    found = [tuple(line.split("\t")) for line in said.splitlines() if "\t.\t" not in line]
    rows = pd.read_parquet(folder / "consequences.parquet")
    columns = ["variant_id", "gene_id", "terms", "coding_change"]
    assert found == list(rows[columns].itertuples(index=False, name=None))


def test_columns_of_the_sites_are_info(folder, tmp_path):
    cut(folder, tmp_path / "all.bcf")
    form = "%CHROM:%POS:%REF:%ALT\t%GENE_SYMBOL\t%INFO/IMPACT\t%CALL_RATE\t%ALLELE_COUNT\n"
    rows = [
        line.split("\t")
        for line in run("bcftools", "query", "-f", form, tmp_path / "all.bcf").splitlines()
    ]
    sites = pd.read_parquet(folder / "sites.parquet").set_index("variant_id")
    for name, symbol, impact, rate, count in rows:
        site = sites.loc[name]
        assert symbol == (site["gene_symbol"] or ".") and impact == (site["impact"] or ".")
        assert float(rate) == pytest.approx(site["call_rate"], rel=1e-5)
        assert int(count) == site["allele_count"]


def test_psam_has_sex_and_traits(folder, tmp_path):
    cut(folder, tmp_path / "c.pgen", "plink2", traits=["height"])
    found = pd.read_table(tmp_path / "c.psam")
    assert list(found.columns) == ["#IID", "SEX", "height"]
    people = pd.read_parquet(folder / "samples.parquet")[["participant", "sex"]].merge(
        pd.read_parquet(folder / "phenotypes.parquet")[["participant", "height"]]
    )
    assert list(found["SEX"].map({1: "male", 2: "female"})) == list(people["sex"])
    np.testing.assert_allclose(found["height"], people["height"])


def test_tables_for_spreadsheets(folder, tmp_path):
    cut(folder, tmp_path / "t", "tsv", genes=["BRCA2"])
    cut(folder, tmp_path / "c.bcf", genes=["BRCA2"])
    names = run("bcftools", "query", "-l", tmp_path / "c.bcf").split()
    expected = [
        (variant, names[i], text)
        for variant, line in genotypes(tmp_path / "c.bcf").items()
        for i, text in enumerate(line)
        if "1" in text
    ]
    found = pd.read_table(tmp_path / "t/carriers.tsv", dtype=str)
    columns = ["variant_id", "sample", "genotype"]
    assert list(found[columns].itertuples(index=False, name=None)) == expected
    sites = pd.read_table(tmp_path / "t/sites.tsv")
    kept = (
        pd.read_parquet(folder / "sites.parquet").set_index("variant_id").loc[sites["variant_id"]]
    )
    np.testing.assert_allclose(sites["allele_frequency"], kept["allele_frequency"], rtol=0)
    people = pd.read_table(tmp_path / "t/samples.tsv")
    assert len(people) == 200 and {"ldl", "height"} <= set(people.columns)


def test_numbers_of_single_precision_keep_their_digits():
    kept = pa.field("element", pa.float32())  # as Parquet names it
    table = pa.table(
        {
            "one": pa.array([0.015, None], pa.float32()),
            "several": pa.array([[0.015, 1e-7], None], pa.list_(kept)),
            "double": pa.array([0.1 + 0.2, 2.0]),
        }
    )
    assert list(tsv._rows(table)) == [("0.015", "0.015,1e-7", 0.1 + 0.2), ("", "", 2.0)]


def test_all_that_is_unknown_is_told_at_once(folder, tmp_path):
    with pytest.raises(StageError) as error:
        cut(
            folder,
            tmp_path / "none" / "cut.bcf",
            regions=["chr13:1-5", "13:9-3"],
            genes=["BRCA1", "BRCA2"],
            consequences=["missense"],
            impacts=["HIGHEST"],
            max_frequency=1.5,
            samples=["S1", "s200"],
            groups=["sex=woman", "age=3"],
            traits=["LDL"],
        )
    found = {problem.code: problem for problem in error.value.problems}
    assert set(found) == {
        "unknown-contig",
        "region-malformed",
        "unknown-gene",
        "unknown-consequence",
        "unknown-impact",
        "frequency-range",
        "unknown-sample",
        "unknown-group",
        "unknown-trait",
    }
    assert found["unknown-contig"].mend == "Like it: 13"
    assert "BRCA2" in found["unknown-gene"].mend
    assert "missense_variant" in found["unknown-consequence"].mend
    assert found["unknown-trait"].mend == "Like it: ldl"
    assert not (tmp_path / "none").exists()


def test_nothing_left(folder, tmp_path):
    for to, name in (("vcf", "c.vcf.gz"), ("bcf", "c.bcf"), ("parquet", "p"), ("tsv", "t")):
        counts = cut(folder, tmp_path / name, to, regions=["13:1-100"])
        assert counts["variants"] == counts["carriers"] == 0
    assert genotypes(tmp_path / "c.vcf.gz") == genotypes(tmp_path / "c.bcf") == {}
    for table in ("sites", "genotypes", "carriers", "consequences", "genes", "samples"):
        own = pd.read_parquet(tmp_path / f"p/{table}.parquet")
        whole = pd.read_parquet(folder / f"{table}.parquet")
        assert list(own.columns) == list(whole.columns)
    assert cut(tmp_path / "p", tmp_path / "again.bcf")["variants"] == 0
    for to, name in (("plink2", "c.pgen"), ("zarr", "c.vcz")):
        with pytest.raises(StageError, match="selection-empty"):
            cut(folder, tmp_path / name, to, regions=["13:1-100"])
        assert not (tmp_path / name).exists()


def test_what_is_cut_is_never_replaced(folder, tmp_path):
    with pytest.raises(StageError, match="output-is-input"):
        cut(folder, folder, "parquet")
    with pytest.raises(StageError, match="output-is-input"):
        cut(folder, folder.parent, "tsv")
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter.txt").write_text("years of work")
    with pytest.raises(StageError, match="output-exists"):
        cut(folder, other, "parquet")
    assert (other / "chapter.txt").is_file()
    cut(folder, tmp_path / "cut", "parquet", genes=["BRCA2"])
    cut(folder, tmp_path / "cut", "parquet", genes=["TWICE"])  # its own may be replaced
    assert "HLA%2A01%3A01.parquet" in {p.name for p in (tmp_path / "cut/sites.parquet").iterdir()}


def test_tables_that_do_not_fit_are_refused(folder, tmp_path):
    cut(folder, tmp_path / "broken", "parquet")
    path = tmp_path / "broken/genotypes.parquet/13.parquet"
    table = pq.read_table(path)
    pq.write_table(table.take(list(range(len(table) - 1, -1, -1))), path)
    with pytest.raises(StageError, match="tables-differ"):
        cut(tmp_path / "broken", tmp_path / "c.bcf")
    assert not (tmp_path / "c.bcf").exists()
    with pytest.raises(StageError, match="matrices-incomplete"):
        cut(tmp_path, tmp_path / "c.bcf")


def test_the_command_says_what_it_wrote(folder, tmp_path, genopheno):
    said = genopheno(
        *("extract", "--matrices", folder, "--gene", "BRCA2", "--impact", "HIGH,MODERATE"),
        *("--max-af", "0.1", "--to", "parquet", "--output", tmp_path / "brca2"),
        cwd=tmp_path,
    ).stdout
    sites = pd.read_parquet(tmp_path / "brca2/sites.parquet")
    lists = pd.read_parquet(tmp_path / "brca2/genotypes.parquet")
    counts = json.loads((tmp_path / "brca2.json").read_text())
    assert f"{len(sites)} variants of 200 samples written to" in said
    assert "matrices 60, gene 21, impact 11, max frequency" in said
    assert f"{counts['carriers']} carriers ({counts['alternate_genotypes']} genotypes" in said
    certain = np.stack(lists["dosages"]) > 0  # './1' carries, and has no dosage
    assert counts["carriers"] >= certain.any(axis=0).sum() > 0
