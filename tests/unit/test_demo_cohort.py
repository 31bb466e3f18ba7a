"""The default cohort: genes, consequences, kinship, components, and that the planted is found."""

from __future__ import annotations

import itertools
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from genopheno import fields
from genopheno.demo import genes, traits, vcf
from genopheno.demo.cohort import Cohort, make_cohort
from genopheno.demo.compare import all_found, compare
from genopheno.demo.people import MINIMUM, draw_people
from genopheno.demo.project import _write_reference as write_reference
from genopheno.demo.project import plan, usable_people
from genopheno.demo.scores import expected, write_scores
from genopheno.files import write_json
from genopheno.tools import run

SEED = 20


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    return make_cohort(SEED, 100, 200_000)


@pytest.fixture(scope="module")
def folder(cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reference and truth of the default cohort, without its reads."""
    path = tmp_path_factory.mktemp("cohort")
    write_reference(path, cohort)
    vcf.write_truth(path / "truth/genotypes.vcf.gz", cohort)
    return path


def test_people_have_the_relatives_that_were_announced(cohort: Cohort) -> None:
    kinds = [relation.kind for relation in cohort.relations]
    assert kinds.count("parent-child") == 6 and kinds.count("siblings") == 2
    assert len(cohort.people) == 101 and cohort.people[-1].sample == "S101"
    assert len({p.sample for p in cohort.people}) == 101
    parents = [p for p in draw_people(40, np.random.default_rng(1)) if p.father is not None]
    assert len(parents) == 5
    with pytest.raises(ValueError, match="at least"):
        draw_people(MINIMUM - 1, np.random.default_rng(1))


def test_a_child_has_one_allele_of_each_parent(cohort: Cohort) -> None:
    row = {person.sample: i for i, person in enumerate(cohort.people)}
    for relation in cohort.relations:
        if relation.kind == "parent-child":
            a, b = (cohort.dosages[:, row[s]] for s in (relation.sample_1, relation.sample_2))
            assert np.abs(a - b).max() < 2  # never opposite homozygotes


def test_genes_are_open_reading_frames_with_splice_sites(cohort: Cohort) -> None:
    coding = [gene for gene in cohort.genes if gene.cds]
    assert len(coding) >= 9 and len(cohort.genes) > len(coding)
    for contig in cohort.sequences:
        here = [gene for gene in coding if gene.contig == contig]
        assert {gene.strand for gene in here} == {"+", "-"}
        assert all(a.end < b.start for a, b in itertools.pairwise(here))
    for gene in coding:
        sequence = cohort.sequences[gene.contig]
        protein = genes.translate(genes.coding_sequence(gene, sequence))
        assert protein[0] == "M" and protein.find("*") == len(protein) - 1
        assert len(gene.exons) >= 3
        for (_, left), (right, _) in itertools.pairwise(gene.exons):
            ends = (
                genes.letters(sequence[left : left + 2]),
                genes.letters(sequence[right - 2 : right]),
            )
            assert ends == (("GT", "AG") if gene.strand == "+" else ("CT", "AC"))


def test_bcftools_csq_agrees_on_the_consequences(cohort: Cohort, folder: Path) -> None:
    out = run(
        ["bcftools", "csq", "-l", "-p", "a", "-f", folder / "reference/genome.fa",
         "-g", folder / "reference/genes.gff3", folder / "truth/genotypes.vcf.gz"],
        ["bcftools", "query", "-f", "%CHROM:%POS:%REF:%ALT\\t%INFO/BCSQ\\n"],
    )  # fmt: skip
    said = dict(line.split("\t") for line in out.splitlines())
    names = {"inframe": "inframe_"}
    checked = 0
    for site in cohort.sites:
        if not site.consequence or site.variant_id not in said:
            continue
        entries = [entry.split("|") for entry in said[site.variant_id].split(",")]
        here = [entry for entry in entries if len(entry) > 1 and entry[1] == site.gene]
        expected = names.get(site.consequence, site.consequence)
        assert any(
            expected in e[0] or e[0].startswith("splice") or "start" in e[0] for e in here
        ), (site, entries)
        checked += 1
    assert checked > 100
    kinds = {e.split("|")[0] for text in said.values() for e in text.split(",")}
    assert {"synonymous", "missense", "stop_gained", "intron"} <= kinds
    for cause, _ in planted(cohort):
        assert f"missense|{cause.site.gene}|" in said[cause.site.variant_id]


def test_kinship_by_plink2_tells_relatives_from_others(
    cohort: Cohort, folder: Path, tmp_path: Path
) -> None:
    subprocess.run(
        ["plink2", "--vcf", folder / "truth/genotypes.vcf.gz", "--allow-extra-chr", "--maf", "0.05",
         "--make-king-table", "--threads", "1", "--out", tmp_path / "king"],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    table = pd.read_csv(tmp_path / "king.kin0", sep="\t")
    pairs = [frozenset(p) for p in zip(table["#IID1"], table["IID2"], strict=True)]
    kinship = dict(zip(pairs, table["KINSHIP"], strict=True))
    related = {frozenset((r.sample_1, r.sample_2)) for r in cohort.relations}
    assert min(kinship[pair] for pair in related) > 0.125
    # Few of the 5,042 others may pass for first-degree, so that few leave the scan.
    assert sum(value > 0.177 for pair, value in kinship.items() if pair not in related) <= 5


def components(dosages: np.ndarray, count: int = 4) -> np.ndarray:
    """(people, count) eigenvectors of the standardised relationship matrix."""
    frequency = dosages.mean(axis=1) / 2
    common = np.minimum(frequency, 1 - frequency) >= 0.05
    z = dosages[common] - 2 * frequency[common, None]
    z /= np.sqrt(2 * frequency[common] * (1 - frequency[common]))[:, None]
    return np.linalg.eigh(z.T @ z)[1][:, ::-1][:, :count]


def planted(cohort: Cohort) -> list[tuple[traits.Cause, list[dict[str, str]]]]:
    causes, table = plan(cohort, SEED)
    return [(cause, table) for cause in causes]


def test_the_first_component_separates_the_populations(cohort: Cohort) -> None:
    rows = usable_people(cohort)
    first = components(cohort.dosages[:, rows].astype(float), 1)[:, 0]
    south = np.array([cohort.people[i].population == "south" for i in rows])
    a, b = first[south], first[~south]
    assert min(a.max(), b.max()) < max(a.min(), b.min())
    assert abs(a.mean() - b.mean()) > 6 * max(a.std(), b.std())


def test_the_planted_variant_is_the_top_hit_by_statsmodels(cohort: Cohort) -> None:
    rows = usable_people(cohort)
    dosages = cohort.dosages[:, rows].astype(float)
    scores = components(dosages)
    assert 90 <= len(rows) <= 97
    for cause, table in planted(cohort):
        frequency = traits.frequencies(dosages[[cause.row]], [cohort.people[i] for i in rows])
        assert np.all((frequency > 0.2) & (frequency < 0.8))
        assert cause.site.consequence == "missense"
        frame = pd.DataFrame([table[i] for i in rows]).replace(["", "NA", "-9"], np.nan)
        binary = cause.trait == "diabetes"
        numbers = frame[["age", "bmi"] if binary else ["age"]].astype(float)
        fixed = np.column_stack([np.ones(len(rows)), numbers, frame["sex"] == "male", scores])
        y = frame["diabetes" if binary else "ldl_mmol"].astype(float).to_numpy()
        some = np.isfinite(y) & np.isfinite(fixed).all(axis=1)
        y, fixed, tested = y[some], fixed[some], dosages[:, some]
        if binary:
            assert abs(y.mean() - 0.5) < 0.1
        else:
            y = stats.norm.ppf((stats.rankdata(y) - 0.5) / len(y))
        count = tested.sum(axis=1)
        common = np.flatnonzero(np.minimum(count, 2 * len(y) - count) >= 10)
        strength = {}
        for i in common:
            design = np.column_stack([fixed, tested[i]])
            model = (
                sm.GLM(y, design, family=sm.families.Binomial()) if binary else sm.OLS(y, design)
            )
            strength[i] = -np.log10(model.fit().pvalues[-1])
        top = max(strength, key=strength.get)
        r2 = traits.squared_correlation(tested[cause.row], tested[[top]])[0]
        assert r2 > 0.9, (cause, cohort.sites[top])
        assert strength[top] > (5 if binary else 8)


def test_compare_reads_what_a_run_writes(cohort: Cohort, folder: Path) -> None:
    """The tables of a run that found all, and of one that lost a relative and a trait."""
    causes = [cause for cause, _ in planted(cohort)]
    relatives = [{"sample_1": r.sample_1, "sample_2": r.sample_2, "kind": r.kind}
                 for r in cohort.relations]  # fmt: skip
    described = {
        c.trait: {"variant_id": c.site.variant_id, "gene": c.site.gene,
                  "consequence": c.site.consequence, "effect": c.effect} for c in causes
    }  # fmt: skip
    write_json(
        folder / "planted.json",
        {"traits": described, "bad_sample": "S101", "relatives": relatives},
    )
    results = folder / "results"
    other = next(s for s in cohort.sites if s.variant_id not in str(described))
    for cause in causes:
        scan = pd.DataFrame(
            {
                f.name: {"string": "x", "bool": True}.get(f.type, 1)
                for f in fields.TABLES["association"]
            },
            index=range(2),
        )
        scan["variant_id"] = [other.variant_id, cause.site.variant_id]
        scan["neg_log10_p_value"] = [3.0, 401.5]
        fields.write(results / f"association/{cause.trait}.parquet", scan, "association")
    qc = pd.DataFrame(
        {f.name: None if f.type == "string" else 0 for f in fields.TABLES["sample_qc"]}, index=[0]
    )
    qc[["sample", "verdict", "reasons"]] = ["S101", "fail", "mean_coverage 1.0 is below 4"]
    fields.write(results / "qc/samples.parquet", qc, "sample_qc")
    pd.DataFrame({"sample": ["S001"]}).to_parquet(results / "association/design.parquet")
    kinship = pd.DataFrame(relatives).drop(columns="kind").assign(
        n_variants=500, ibs0=0.0, kinship=0.25, relationship="first-degree"
    )  # fmt: skip
    (results / "structure").mkdir()
    fields.write(results / "structure/kinship.parquet", kinship, "kinship")
    write_scores(folder / "databases", cohort, np.random.default_rng(8))
    sites = pd.DataFrame(
        [(s.variant_id, s.contig, s.position, s.ref) for s in cohort.sites],
        columns=["variant_id", "contig", "position", "reference"],
    )
    values = expected(folder / "databases", sites)
    (results / "annotated").mkdir()
    sites.assign(**values).to_parquet(results / "annotated/sites.parquet")

    rows = compare(folder)
    assert all_found(rows), rows
    assert "the same variant, p = 3.2e-402" in rows[0]["found"]
    assert rows[2]["found"].startswith("fail, left out of the association: mean_coverage")
    assert rows[3]["found"] == "8 of 8 pairs, kinship 0.25 to 0.25"

    sites.to_parquet(results / "annotated/sites.parquet")
    fields.write(results / "structure/kinship.parquet", kinship.iloc[1:], "kinship")
    scan["neg_log10_p_value"] = [9.0, 3.0]
    fields.write(results / f"association/{cause.trait}.parquet", scan, "association")
    rows = compare(folder)
    lost = [row.get("trait", row["kind"]) for row in rows if not row["ok"]]
    assert lost == [cause.trait, "relatives", "scores"]
    assert [row["top_hit"] for row in rows if row.get("trait") == cause.trait] == [other.variant_id]
