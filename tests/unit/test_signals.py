"""Signals of a small made-up cohort: clumps, models without conditions, known places, faults."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from genopheno import fields, pvalues
from genopheno.files import write_json
from genopheno.genotypes import Genotypes, write_bed
from genopheno.problems import StageError
from genopheno.signals import conditional, credible, genes, known, ld
from genopheno.signals.run import run
from genopheno.tools import run as tool

N, M = 200, 300
CAUSE = 120
GFF3 = """##gff-version 3
1\t.\tgene\t100\t900\t.\t+\t.\tID=gene:G1;Name=FAR;biotype=protein_coding
1\t.\tmRNA\t100\t900\t.\t+\t.\tID=T1;Parent=gene:G1
1\t.\tncRNA_gene\t118000\t123000\t.\t-\t.\tID=gene:G2;Name=NEAR%3B1;biotype=lncRNA
1\t.\tgene\t121000\t122000\t.\t-\t.\tID=gene:G3;biotype=protein_coding
"""


@dataclass(frozen=True)
class Made:
    folder: Path
    dosage: np.ndarray
    variants: pd.DataFrame
    y: np.ndarray
    frame: pd.DataFrame

    @property
    def prefix(self) -> Path:
        return self.folder / "g"

    def stage(self, out: Path, results: pd.DataFrame | None = None, **more):
        fields.write(out / "in/y.parquet", self.frame if results is None else results,
                     "association")  # fmt: skip
        options = {"p_value": 1e-6, "r2": 0.2, "kb": 50.0, "coverage": 0.95, **more}
        told = run(self.prefix, out / "in/y.parquet", "y", out, **options)
        parts = ("clumps", "members", "signals", "credible", "loci")
        return told, {part: fields.read(out / f"y.{part}.parquet") for part in parts}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Haplotypes that copy six ancestors; 2 % missing; variant 120 is a cause, 250 on X another."""
    folder = tmp_path_factory.mktemp("signals")
    rng = np.random.default_rng(4)
    ancestors = rng.permuted(np.arange(6)[:, None] < rng.integers(1, 6, M), axis=0)
    turns = np.cumsum(rng.random((2 * N, M)) < 0.03, axis=1)
    copied = np.take_along_axis(rng.integers(6, size=(2 * N, M)), turns, axis=1)
    haplotypes = ancestors[copied, np.arange(M)] ^ (rng.random((2 * N, M)) < 0.01)
    dosage = (haplotypes[::2].astype(np.int8) + haplotypes[1::2]).T
    y = dosage[CAUSE] * 0.9 + dosage[250] * 0.8 + rng.normal(size=N)
    dosage[rng.random(dosage.shape) < 0.02] = -1
    contig = np.where(np.arange(M) < 200, "1", "X")
    position = 1000 * (np.arange(M) + 1)
    ids = [f"{c}:{p}:G:A" for c, p in zip(contig, position, strict=True)]
    variants = pd.DataFrame({"variant_id": ids, "contig": contig, "position": position,
                             "effect_allele": "A", "other_allele": "G"})  # fmt: skip
    names = [f"s{i}" for i in range(N)]
    write_bed(folder / "g", dosage, variants, names)
    fits = [stats.linregress(g[g >= 0], y[g >= 0]) for g in dosage]
    frame = pd.DataFrame(dict.fromkeys(fields.names("association")), index=range(M)).assign(
        chromosome=contig, base_pair_location=position, effect_allele="A", other_allele="G",
        beta=[f.slope for f in fits], standard_error=[f.stderr for f in fits], n=N,
        neg_log10_p_value=[-np.log10(f.pvalue) for f in fits], variant_id=ids, test="linear",
        converged=True, effect_allele_frequency=0.5,
    )  # fmt: skip
    pd.DataFrame({"sample": names, "y:y": y}).to_parquet(folder / "design.parquet")
    write_json(folder / "design.json", {"traits": [{
        "name": "y", "type": "quantitative", "covariates": [], "model": "regression",
        "reason": None,
    }]})  # fmt: skip
    (folder / "genes.gff3").write_text(GFF3)
    return Made(folder, dosage, variants, y, frame)


def design(made: Made, folder: Path, **changes) -> Path:
    """The design with another entry for the trait."""
    folder.mkdir(exist_ok=True)
    (folder / "design.parquet").write_bytes((made.folder / "design.parquet").read_bytes())
    entry = json.loads((made.folder / "design.json").read_text())["traits"][0] | changes
    write_json(folder / "design.json", {"traits": [entry]})
    return folder / "design.parquet"


def test_r2_is_that_of_plink(made, tmp_path):
    """Unphased and phased alike, with missing genotypes, all people and some of them."""
    genotypes = Genotypes.open(made.prefix)
    keep = np.arange(N) % 3 > 0
    (tmp_path / "keep").write_text("".join(f"0\ts{i}\n" for i in np.flatnonzero(keep)))
    # --r2 with phase reports haplotype frequencies by maximum likelihood, on autosomes.
    for people, words in ((None, ()), (keep, ("--keep", tmp_path / "keep"))):
        tool(["plink1.9", "--bfile", made.prefix, *words, "--chr", 1, "--r2", "dprime",
              "--ld-snp", "1:121000:G:A", "--ld-window", 999, "--ld-window-kb", 9999,
              "--ld-window-r2", 0, "--silent", "--out", tmp_path / "l"])  # fmt: skip
        theirs = pd.read_csv(tmp_path / "l.ld", sep=r"\s+").set_index("SNP_B")["R2"]
        ours = ld.squared_correlation(genotypes, CAUSE, np.arange(200)[::-1], people)[::-1]
        ids = made.variants["variant_id"][:200]
        others = ids[ids.isin(theirs.index) & (ids.index != CAUSE)]
        assert len(others) > 190
        np.testing.assert_allclose(ours[others.index], theirs[others], rtol=2e-5, atol=1e-6)


def test_of_a_design_and_without(made, tmp_path):
    told, got = made.stage(tmp_path / "a", design=made.folder / "design.parquet",
                           gene_models=made.folder / "genes.gff3")  # fmt: skip
    signals = got["signals"]
    assert signals["method"].unique().tolist() == ["conditional"]
    assert told["variants"] == {"tested": M, "without_p": 0, "not_among_genotypes": 0}
    first = signals.iloc[0]
    assert (first["nearest_gene"], first["nearest_gene_distance"]) == ("G3", 0)
    assert got["loci"].groupby("locus")["r2"].max().tolist() == [1.0] * told["n_loci"]
    assert got["credible"]["r2"].max() == 1.0
    _, bare = made.stage(tmp_path / "b")
    assert bare["signals"]["method"].unique().tolist() == ["marginal"]
    # Alone in its locus a signal has the scan's own estimates, whether tested anew or not.
    alone = bare["signals"].merge(
        signals[signals.groupby("locus")["signal"].transform("size") == 1], on="variant_id"
    )
    assert len(alone)
    np.testing.assert_allclose(alone["beta_joint_y"], alone["beta_x"], rtol=1e-6)
    np.testing.assert_allclose(
        alone["neg_log10_p_value_conditional_y"], alone["neg_log10_p_value_x"], rtol=1e-6
    )


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"model": "lmm"}, "the linear mixed model has no conditional tests"),
        ({"type": "time-to-event"}, "time-to-event traits have no conditional tests"),
        ({"model": "wgr"}, "the predictions of step 1 are absent: nothing was conditioned on"),
    ],
)
def test_models_without_conditions_say_so(made, tmp_path, changes, why):
    told, got = made.stage(tmp_path, design=design(made, tmp_path / "d", **changes))
    assert told["notices"] == [why]
    signals = got["signals"]
    assert set(signals["method"]) == {"marginal"} and len(signals) == told["n_loci"]
    assert signals["beta_joint"].isna().all() and signals["credible_size"].gt(0).all()


def test_step_1_is_taken_from_the_trait(made, tmp_path):
    """A prediction that is nearly the trait itself, but for the cause: nothing else is left."""
    rest = made.y - np.where(made.dosage[CAUSE] < 0, 0, made.dosage[CAUSE])
    rest += np.random.default_rng(1).normal(scale=0.01, size=N)
    prediction = pd.DataFrame({"trait": "y", "sample": [f"s{i}" for i in range(N)],
                               "prediction": rest})  # fmt: skip
    loco = pd.concat([prediction.assign(chromosome=c) for c in ("1", None)])
    loco.to_parquet(tmp_path / "loco.parquet")
    told, got = made.stage(tmp_path, design=design(made, tmp_path / "d", model="wgr"),
                           loco=tmp_path / "loco.parquet")  # fmt: skip
    first = got["signals"].iloc[0]
    assert first["variant_id"] == made.variants["variant_id"][CAUSE]
    assert first["beta_joint"] == pytest.approx(1, abs=0.01) and first["method"] == "conditional"
    assert not told["notices"]


def test_x_is_not_conditioned_on(made, tmp_path):
    write_json(tmp_path / "chromosomes.json", {
        "x": "X", "y": None, "mitochondrion": None, "pseudoautosomal": [], "source": "test",
    })  # fmt: skip
    told, got = made.stage(tmp_path, design=made.folder / "design.parquet",
                           chromosomes=tmp_path / "chromosomes.json")  # fmt: skip
    by = got["signals"].groupby("chromosome")["method"].agg(set).to_dict()
    assert by == {"1": {"conditional"}, "X": {"marginal"}}
    assert told["notices"] == ["X: no conditional tests where not everybody has two copies"]


def test_nothing_significant_is_said(made, tmp_path):
    told, got = made.stage(tmp_path, p_value=1e-99, design=made.folder / "design.parquet",
                           gene_models=made.folder / "genes.gff3")  # fmt: skip
    assert told["notices"] == ["no variant has p of at most 1e-99"]
    assert all(frame.empty for frame in got.values())
    empty = made.frame.iloc[:0]
    told, got = made.stage(tmp_path, results=empty, design=design(
        made, tmp_path / "d", reason="it is constant"))  # fmt: skip
    assert told["reason"] == "it is constant" and got["clumps"].empty


def test_null_p_is_counted_and_no_signal(made, tmp_path):
    frame = made.frame.copy()
    frame.loc[CAUSE, ["neg_log10_p_value", "beta", "standard_error"]] = np.nan
    frame.loc[0, "variant_id"] = "9:1:G:A"
    told, got = made.stage(tmp_path, results=frame)
    assert told["variants"] == {"tested": M - 2, "without_p": 1, "not_among_genotypes": 1}
    lost = made.variants["variant_id"][CAUSE]
    assert lost not in set(got["loci"]["variant_id"]) | set(got["members"]["variant_id"])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda f: f.assign(variant_id="9" + f["variant_id"]), "signals-variants-unknown"),
        (lambda f: pd.concat([f, f.iloc[:1]]), "variant-duplicate"),
        (
            lambda f: f.assign(
                neg_log10_p_value=f["neg_log10_p_value"].where(f.index != 3, np.inf)
            ),
            "signals-p-out-of-range",
        ),
    ],
)
def test_faulty_results_are_refused(made, tmp_path, change, code):
    with pytest.raises(StageError) as error:
        made.stage(tmp_path, results=change(made.frame).reset_index(drop=True))
    assert code in {problem.code for problem in error.value.problems}
    assert not list(tmp_path.glob("*.json"))


def test_files_of_others_are_refused(made, tmp_path):
    with pytest.raises(StageError, match="signals-columns"):
        made.frame.drop(columns="beta").to_parquet(tmp_path / "r.parquet")
        run(made.prefix, tmp_path / "r.parquet", "y", tmp_path, p_value=1, r2=1, kb=1, coverage=0.5)
    with pytest.raises(StageError, match="signals-trait-unknown"):
        made.stage(tmp_path, design=design(made, tmp_path / "d", name="z"))
    alien = pd.read_parquet(made.folder / "design.parquet").replace({"sample": {"s0": "t0"}})
    path = design(made, tmp_path / "d")
    alien.to_parquet(path)
    with pytest.raises(StageError, match="signals-sample-unknown"):
        made.stage(tmp_path, design=path)


def test_known_places(made, tmp_path):
    """The catalog's own columns; a haplotype of two places; rows without a place are counted."""
    rows = ["CHR_ID\tCHR_POS\tSNPS\tDISEASE/TRAIT\tP-VALUE", "1\t123000\trs1\theight\t1E-9",
            "1;1\t900;125000\trs2; rs3\tweight\t1E-9", "\t\trs4\tlost\t1E-9",
            "7\t5\trs5\tfar away\t1E-9"]  # fmt: skip
    with gzip.open(tmp_path / "known.tsv.gz", "wt") as out:
        out.write("\n".join(rows) + "\n")
    told, got = made.stage(tmp_path, known_list=tmp_path / "known.tsv.gz", known_kb=20,
                           design=made.folder / "design.parquet")  # fmt: skip
    assert told["known"] == {"rows": 4, "used": 3, "without_place": 1}
    signals = got["signals"].set_index("chromosome")
    hit, far = signals.loc["1"].iloc[0] if signals.loc["1"].ndim > 1 else signals.loc["1"], None
    assert (hit["known_variant"], hit["known_trait"], hit["novel"]) == ("rs1", "height", False)
    assert hit["known_distance"] == abs(int(hit["base_pair_location"]) - 123000)
    genotypes = Genotypes.open(made.prefix)
    lead = made.variants["variant_id"].tolist().index(hit["variant_id"])
    used = ~np.isnan(made.y)
    r2 = ld.squared_correlation(genotypes, lead, np.array([122, 124]), used)
    assert hit["known_r2"] == pytest.approx(r2.max())
    far = signals.loc[["X"]].iloc[0]
    assert bool(far["novel"]) is True and far["known_variant"] is None
    _, bare = made.stage(tmp_path)
    assert bare["signals"]["novel"].isna().all()


@pytest.mark.parametrize(
    ("text", "code"),
    [("rsid\ttrait\nrs1\tx\n", "known-columns"), ("chr\tpos\n1\tx\n", "known-empty")],
)
def test_faulty_lists_are_refused(tmp_path, text, code):
    (tmp_path / "known.tsv").write_text(text)
    with pytest.raises(StageError, match=code):
        known.read(tmp_path / "known.tsv")


def test_genes_by_place(made, tmp_path):
    read = genes.read(made.folder / "genes.gff3")
    assert read.nearest("1", 950) == ("FAR", 50)
    assert read.nearest("1", 119_000) == ("NEAR;1", 0)
    assert read.nearest("1", 121_500) == ("G3", 0)  # in two; the coding one
    assert read.nearest("2", 1) is None
    assert read.within("1", 900, 118_000)["symbol"].tolist() == ["FAR", "NEAR;1"]
    (tmp_path / "no.gff3").write_text("##gff-version 3\n")
    with pytest.raises(StageError, match="gene-models-empty"):
        genes.read(tmp_path / "no.gff3")


def test_bayes_factors_are_ratios_of_normal_densities():
    """Wakefield 2009: the estimate's density with a true effect of variance W over that without."""
    beta, error, w = np.array([0.1, -0.5, 0.0, np.nan]), np.array([0.1, 0.1, 0.3, 0.1]), 0.2
    ours = credible.log_bayes_factors(pvalues.from_normal(beta / error), error, w)
    theirs = stats.norm.logpdf(beta, 0, np.sqrt(error**2 + w**2)) - stats.norm.logpdf(
        beta, 0, error
    )
    np.testing.assert_allclose(ours[:3], theirs[:3], rtol=1e-12)
    posterior = credible.posteriors(np.array([1000.0, 1000.0 + np.log(3), np.nan, -5.0]))
    np.testing.assert_allclose(posterior, [0.25, 0.75, 0, 0], atol=1e-12)
    assert credible.credible_set(posterior, 0.75).tolist() == [1]
    assert credible.credible_set(posterior, 0.76).tolist() == [1, 0]
    assert credible.credible_set(np.zeros(3), 0.95).size == 0


def test_score_test_is_that_of_statsmodels():
    """Given a variant and a covariate, with the intercept; complete and with gaps."""
    sm = pytest.importorskip("statsmodels.api")
    rng = np.random.default_rng(2)
    n = 300
    x = np.column_stack([np.ones(n), rng.normal(size=n), rng.binomial(2, 0.3, n)])
    y = (rng.random(n) < 1 / (1 + np.exp(0.5 - 0.8 * x[:, 2]))) * 1.0
    g = rng.binomial(2, 0.4, n) * 1.0
    null = conditional.null_model(y, x, None, True)
    ours = conditional.test(null, g[None], unique=0.1)
    fit = sm.GLM(y, x, family=sm.families.Binomial()).fit()
    statistic = fit.model.score_test(fit.params, exog_extra=g)[0]
    z = float(ours.beta[0] / ours.standard_error[0])
    assert z**2 == pytest.approx(float(np.squeeze(statistic)), rel=1e-6)
    # Covariates that separate cases from controls: no fit, and it is said.
    assert conditional.null_model(y, np.column_stack([x, y]), None, True) is None
    joint = conditional.joint(y, x, y[None], None, True)
    assert not joint.converged and np.isnan(joint.beta).all()


def test_a_copy_of_a_chosen_variant_is_not_tested(made):
    x = np.column_stack([np.ones(N), np.abs(made.dosage[CAUSE])])
    null = conditional.null_model(made.y, x, None, False)
    copies = np.stack([x[:, 1], 2 - x[:, 1], np.ones(N)])
    assert np.isnan(conditional.test(null, copies, unique=0.1).beta).all()
