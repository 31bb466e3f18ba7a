"""Summary statistics of several studies: combined, harmonised, written and read."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from genopheno.cli import app
from genopheno.problems import StageError
from genopheno.sumstats import chromosomes, match, orient
from genopheno.sumstats.combine import Options
from genopheno.sumstats.gwas_vcf import write_gwas_vcf
from genopheno.sumstats.harmonise import harmonise
from genopheno.sumstats.match import Policy
from genopheno.sumstats.meta import Limits, meta
from genopheno.sumstats.region import print_region, read_region
from genopheno.sumstats.studies import Study, read_studies
from genopheno.tools import run

FASTA = "GGCAAATCACGTTTACCGATAGACATTGGA"  # contig chr1


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    path = tmp_path / "genome.fa"
    path.write_text(f">chr1\n{FASTA}\n")
    return path


HEAD = "CHR\tBP\tA1\tA2\tBETA\tSE\tEAF\tN\n"


def write(path: Path, *rows: str) -> Path:
    path.write_text(HEAD + "".join("\t".join(row.split()) + "\n" for row in rows))
    return path


def test_alleles_on_a_reference_sequence(fasta: Path, tmp_path: Path) -> None:
    path = write(
        tmp_path / "s.txt",
        "1 1 A G 0.1 0.1 0.2 9",  # G there: as it is
        "1 3 C T 0.2 0.1 0.2 9",  # C there: swapped
        "1 4 T C 0.3 0.1 0.2 9",  # A there: T/C is on the other strand, and swapped
        "1 5 AA A 0.4 0.1 0.2 9",  # insertion or deletion: as named, moved to 3
        "1 7 A G 0.5 0.1 0.2 9",  # T there: A/G is on the other strand, and swapped
        "1 9 CT G 0.6 0.1 0.2 9",  # A there: no allele fits
        "1 99 C T 0.7 0.1 0.2 9",  # behind the end
        "2 9 C T 0.8 0.1 0.2 9",  # no such contig
    )
    out = tmp_path / "out.parquet"
    told = harmonise(
        Study(name="s", path=path), out, fasta=fasta, min_agreement=0.3, max_dropped=0.5
    )
    rows = pd.read_parquet(out)
    assert rows["variant_id"].tolist() == [
        "1:1:G:A", "1:3:C:T", "1:3:C:CA", "1:4:A:G", "1:7:T:C"
    ]  # fmt: skip
    np.testing.assert_allclose(rows["beta"], [0.1, -0.2, 0.4, -0.3, -0.5])
    np.testing.assert_allclose(rows["effect_allele_frequency"], [0.2, 0.8, 0.2, 0.8, 0.8])
    done = told["oriented"]
    assert (done[orient.MISMATCH], done[orient.BEYOND], done[orient.NO_CONTIG]) == (1, 1, 1)
    assert (done[orient.FLIPPED], done[orient.SWAPPED], done[orient.MOVED]) == (2, 3, 1)


def test_a_study_of_another_build_is_refused(fasta: Path, tmp_path: Path) -> None:
    other = {"A": "C", "C": "A", "G": "T", "T": "G"}
    rows = [f"1 {i} {other[b]} {b} 0.1 0.1 0.2 9" for i, b in enumerate(FASTA, start=1)]
    moved = [f"1 {i + 3} {other[b]} {b} 0.1 0.1 0.2 9" for i, b in enumerate(FASTA[:26], start=1)]
    harmonise(
        Study(name="s", path=write(tmp_path / "s", *rows)), tmp_path / "o.parquet", fasta=fasta
    )
    with pytest.raises(StageError, match="sumstats-build"):
        harmonise(
            Study(name="s", path=write(tmp_path / "m", *moved)), tmp_path / "m.parquet", fasta=fasta
        )
    assert not (tmp_path / "m.parquet").exists()


def test_a_table_of_sites_gives_alleles_and_frequencies(tmp_path: Path) -> None:
    sites = {
        "contig": ["chr1", "chr1", "chrX"], "position": [5, 6, 7], "reference": ["A", "C", "G"],
        "alternate": ["T", "T", "C"], "rsid": ["rs5", None, "rs7"], "gnomad_AF": [0.1, 0.2, 0.9],
    }  # fmt: skip
    pq.write_table(pa.table(sites), tmp_path / "sites.parquet")
    path = write(
        tmp_path / "s",
        "1 5 A T 1 1 0.1 9",
        "1 6 C T 1 1 0.8 9",
        "23 7 C G 1 1 0.1 9",
        "1 9 A G 1 1 0 9",
    )
    study, out = Study(name="s", path=path), tmp_path / "o.parquet"
    options = {"reference": tmp_path / "sites.parquet", "reference_frequency": "gnomad_AF"}
    told = harmonise(study, out, **options)
    rows = pd.read_parquet(out)
    # A/T and C/G are on the other strand, by frequency; the rare allele is the alternate one.
    assert rows["variant_id"].tolist() == ["1:5:A:T", "1:6:C:T", "X:7:G:C"]
    assert rows["beta"].tolist() == [1, -1, -1] and rows["rsid"].tolist() == ["rs5", None, "rs7"]
    np.testing.assert_allclose(rows["effect_allele_frequency"], [0.1, 0.2, 0.9])
    assert told["matched"][match.NOT_THERE] == 1
    with pytest.raises(StageError, match="reference-column"):
        harmonise(study, out, reference=options["reference"], reference_frequency="AF")


def three(tmp_path: Path, shift: int = 0, alleles: str = "A C") -> list[Study]:
    draw = np.random.default_rng(3)
    studies = []
    for name in "abc":
        moved, pair = (shift, alleles) if name == "c" else (0, "A C")
        rows = [
            f"{1 + i // 200} {1000 * i + 7 + moved} {pair} {draw.normal(0.3):.4f} 0.1 0.3 100"
            for i in range(400)
        ]
        studies.append(Study(name=name, path=write(tmp_path / name, *rows)))
    return studies


def test_columns_loci_and_genomic_control(tmp_path: Path) -> None:
    out = tmp_path / "m.parquet"
    studies = three(tmp_path)
    plain = meta(studies, out, options=Options(per_study=True, leave_one_out=True))
    rows = pd.read_parquet(out)
    weight = 3 / 0.1**2
    np.testing.assert_allclose(rows["beta"], rows[["a_beta", "b_beta", "c_beta"]].mean(axis=1))
    np.testing.assert_allclose(rows["without_c_beta"], rows[["a_beta", "b_beta"]].mean(axis=1))
    np.testing.assert_allclose(rows["standard_error"], weight**-0.5)
    without = rows[[f"without_{s}_neg_log10_p_value" for s in "abc"]]
    np.testing.assert_allclose(rows["leave_one_out_neg_log10_p_value"], without.min(axis=1))
    assert rows["leave_one_out_study"].tolist() == without.idxmin(axis=1).str[8].tolist()
    loci = pd.read_parquet(tmp_path / "m.loci.parquet")
    leads = loci[loci["row"] == "fixed"]
    assert plain["n_loci"] == len(leads) == 2  # 200 kb each of chromosomes 1 and 2
    tops = rows.loc[rows.groupby("chromosome")["neg_log10_p_value"].idxmax(), "variant_id"]
    assert leads["variant_id"].tolist() == tops.tolist()
    assert (
        loci.groupby("variant_id")["row"].agg(list).tolist()
        == [["a", "b", "c", "fixed", "random"]] * 2
    )
    assert plain["n_variants_by_studies"] == {"3": 400}
    lambdas = [study["lambda_gc"] for study in plain["studies"]]
    before = meta(studies, out, genomic_control=True)
    errors = pd.read_parquet(out)["standard_error"]
    np.testing.assert_allclose(errors, sum(100 / f for f in lambdas) ** -0.5)
    assert [study["genomic_control"] for study in before["studies"]] == lambdas
    after = meta(studies, out, genomic_control_after=True)
    np.testing.assert_allclose(after["lambda_gc_before"], plain["lambda_gc"])
    np.testing.assert_allclose(after["lambda_gc"], 1)
    controlled = pd.read_parquet(out)
    np.testing.assert_allclose(controlled["z_score"], rows["z_score"] / plain["lambda_gc"] ** 0.5)
    np.testing.assert_allclose(
        controlled["beta"] / controlled["standard_error"], controlled["z_score"]
    )
    with pytest.raises(StageError, match="meta-empty"):
        meta(studies, tmp_path / "none.parquet", options=Options(min_studies=4))
    assert not list(tmp_path.glob("none*")) and not list(tmp_path.glob(".meta*"))


def test_variants_of_any_kind_against_sums_row_by_row(tmp_path: Path) -> None:
    """Four studies in any order, each with its own alleles, strands, gaps and spelling."""
    draw, complement = np.random.default_rng(5), str.maketrans("ACGT", "TGCA")
    variants, truth = [], {}
    for _ in range(200):
        a, b = draw.choice(list("ACGT"), 2, replace=False)
        if draw.random() < 0.2:
            a, b = draw.permutation([a, a + "".join(draw.choice(list("ACGT"), 3))])
        place = str(draw.integers(1, 24)), int(draw.integers(1, 240_000_000))
        variants.append((*place, a, b, draw.uniform(0.05, 0.95)))
    studies = []
    for number in range(4):
        rows = []
        for contig, place, a, b, frequency in variants:
            if draw.random() < 0.2:
                continue
            beta, error = draw.normal(), draw.uniform(0.1, 1)
            effects = truth.setdefault((chromosomes.name(contig), place), {})
            effects[number] = beta, error
            e, o, effect, f = a, b, beta, frequency
            if draw.random() < 0.5:
                e, o, effect, f = o, e, -effect, 1 - f
            if len(a) == len(b) and draw.random() < 0.3:
                e, o = e.translate(complement), o.translate(complement)
            rows.append(f"{'chr' * (number % 2)}{contig} {place} {e} {o} {effect} {error} {f} 9")
        shuffled = [rows[i] for i in draw.permutation(len(rows))]
        studies.append(Study(name=f"s{number}", path=write(tmp_path / f"s{number}", *shuffled)))
    meta(studies, tmp_path / "m.parquet", policy=Policy("frequency", 0.5))
    result = pd.read_parquet(tmp_path / "m.parquet")
    assert len(result) == len(truth)
    for row in result.itertuples():
        effects = np.array(list(truth[row.chromosome, row.base_pair_location].values()))
        weight = effects[:, 1] ** -2
        expected = abs(weight @ effects[:, 0]) / weight.sum(), weight.sum() ** -0.5, len(effects)
        np.testing.assert_allclose((abs(row.beta), row.standard_error, row.n_studies), expected)


@pytest.mark.parametrize(
    ("difference", "code"), [({"shift": 5}, "meta-overlap"), ({"alleles": "A G"}, "meta-overlap")]
)
def test_studies_that_share_nothing_are_refused(difference, code, tmp_path: Path) -> None:
    with pytest.raises(StageError, match=code):
        meta(three(tmp_path, **difference), tmp_path / "m.parquet")
    loose = Limits(min_overlap=0, min_agreement=0)
    told = meta(three(tmp_path, **difference), tmp_path / "m.parquet", limits=loose)
    assert told["n_variants_by_studies"] == {"1": 400, "2": 400}


def test_studies_whose_alleles_differ_at_many_places_are_refused(tmp_path: Path) -> None:
    studies = three(tmp_path)
    rows = studies[2].path.read_text().splitlines(keepends=True)
    some = [r.replace("A\tC", "A\tG") if i % 3 == 0 else r for i, r in enumerate(rows)]
    studies[2].path.write_text("".join(some))
    with pytest.raises(StageError) as refused:
        meta(studies, tmp_path / "m.parquet")
    (problem,) = refused.value.problems
    assert (problem.code, problem.file) == ("meta-alleles", str(studies[2].path))
    meta(studies, tmp_path / "m.parquet", limits=Limits(min_agreement=0.6))


def test_sample_size_needs_people_and_says_who_lacks_them(tmp_path: Path) -> None:
    studies = three(tmp_path)
    studies[2] = studies[2].model_copy(update={"columns": {"n": ""}})
    out = tmp_path / "m.parquet"
    told = meta(studies, out, options=Options("sample-size"))
    rows = pd.read_parquet(out)
    assert told["studies"][2]["rows_without_what_the_method_needs"] == 400
    assert set(rows["direction"].str[2]) == {"?"} and rows["beta"].isna().all()
    assert rows["n_studies"].unique().tolist() == [2]


def test_the_text_is_indexed_and_a_region_is_read_alone(tmp_path: Path) -> None:
    import pysam

    out = tmp_path / "m.parquet"
    meta(three(tmp_path), out)
    with pysam.TabixFile(str(tmp_path / "m.tsv.gz")) as text:
        lines = [line.split("\t") for line in text.fetch("2", 210_000, 220_000)]
    region = read_region(out, "chr2", 210_001, 220_000)
    assert [line[8] for line in lines] == region["variant_id"].to_pylist()
    assert len(lines) == 10 and region["chromosome"].unique().to_pylist() == ["2"]


def test_a_file_of_studies_tells_all_its_faults(tmp_path: Path) -> None:
    path = tmp_path / "meta.yaml"
    path.write_text("studies:\n- {name: a, path: x, n: -1}\n- {name: 'b c', path: y, who: me}\n")
    with pytest.raises(StageError) as refused:
        read_studies(path)
    columns = [problem.column for problem in refused.value.problems]
    assert columns == ["studies.1.n", "studies.2.name", "studies.2.who"]
    path.write_text("studies:\n- {name: a, path: x, columns: {p_value: }}\n")
    (study,) = read_studies(path)
    assert study.path == tmp_path / "x" and study.columns == {"p_value": ""}
    with pytest.raises(StageError, match="at least two"):
        meta([study], tmp_path / "m.parquet")
    with pytest.raises(StageError, match="way of combining"):
        meta([study, study.model_copy(update={"name": "random"})], tmp_path / "m.parquet")


def test_gwas_vcf_is_read_back_equal(fasta: Path, tmp_path: Path) -> None:
    rows = ("1 1 A G 0.1 0.1 0.2 9", "1 3 T C 0.25 0.5 0.3 8", "1 7 C T -1e-7 0.1 . 7")
    study = Study(name="s", path=write(tmp_path / "s.txt", *rows))
    table, out = tmp_path / "t.parquet", tmp_path / "t.vcf.gz"
    harmonise(study, table, fasta=fasta)
    told = write_gwas_vcf(table, fasta, out, "glucose")
    assert told["rows"] == {"written": 3}
    form = "%CHROM\t%POS\t%REF\t%ALT[\t%ES\t%SE\t%LP\t%AF\t%NS]\n"
    lines = [line.split("\t") for line in run(["bcftools", "query", "-f", form, out]).splitlines()]
    read = pd.DataFrame(lines).replace(".", np.nan)
    ours = pd.read_parquet(table)
    assert run(["bcftools", "query", "-l", out]).split() == ["glucose"]
    assert read[[0, 2, 3]].to_numpy().tolist() == [
        ["chr1", b, a] for a, b in zip(ours["effect_allele"], ours["other_allele"], strict=True)
    ]
    names = ["base_pair_location", "beta", "standard_error", "neg_log10_p_value"]
    numbers = ours[[*names, "effect_allele_frequency", "n"]]
    np.testing.assert_allclose(read[[1, 4, 5, 6, 7, 8]].astype(float), numbers, rtol=1e-6)
    # Alleles the other way round are refused.
    turned = ours.rename(columns={"effect_allele": "other_allele", "other_allele": "effect_allele"})
    turned.to_parquet(table)
    with pytest.raises(StageError, match="gwas-vcf-reference"):
        write_gwas_vcf(table, fasta, tmp_path / "u.vcf.gz", "glucose")
    assert not list(tmp_path.glob("u.*"))


def test_lists_and_nothing_are_printed(tmp_path: Path, capsysbinary) -> None:
    table = pa.table({"contig": ["1", "1"], "position": [5, 9], "groups": [["a", "b"], None]})
    pq.write_table(table, tmp_path / "t.parquet")
    print_region(read_region(tmp_path / "t.parquet", "chr1", 5, 8), sys.stdout.buffer)
    assert capsysbinary.readouterr().out == b"contig\tposition\tgroups\n1\t5\ta;b\n"
    with pytest.raises(StageError, match="region-columns"):
        read_region(tmp_path / "t.parquet", "1", 5, 8, ["beta"])


def test_the_commands(fasta: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "1")  # commands set them; put back afterwards
    monkeypatch.setattr("genopheno.tools.log", None)

    def said(*words: str | Path) -> str:
        done = CliRunner().invoke(app, [str(word) for word in words])
        assert done.exit_code == 0, done.output
        return done.stdout

    path = write(tmp_path / "s.txt", "1 1 A G 0.1 0.1 0.2 9", "1 3 T C 0.25 0.5 0.3 8")
    out, vcf = tmp_path / "h.parquet", tmp_path / "h.vcf.gz"
    words = ["--fasta", fasta, "--column", "n=", "--n", "50", "--out", out]
    assert said("harmonise", path, *words).startswith("2 rows, 2 written")
    columns = ["--column", "variant_id", "--column", "n"]
    assert said("region", out, "chr1:1-2", *columns) == "variant_id\tn\n1:1:G:A\t50\n"
    assert said("gwas-vcf", out, "--fasta", fasta, "--out", vcf) == '{"written": 2}\n'
    said("ssf-metadata", tmp_path / "h.tsv.gz", "--assembly", "toy")
    about = (tmp_path / "h.tsv.gz-meta.yaml").read_text()
    assert f"harmonisation_reference: {fasta}\nis_harmonised: true\n" in about
