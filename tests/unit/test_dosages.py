"""Imputed genotypes: every format to the same dosages, the scan of them, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from threadpoolctl import threadpool_limits

from genopheno import fields
from genopheno.association import build, scan
from genopheno.association.dosages import Dosages
from genopheno.chromosomes import SexChromosomes
from genopheno.dosages import files
from genopheno.dosages.prepare import prepare
from genopheno.dosages.quality import mach_r2
from genopheno.genotypes import Genotypes, write_bed
from genopheno.problems import StageError
from genopheno.tools import run
from tests.unit.imputed import Imputed

N, M_1, M_X = 120, 40, 16
LENGTHS = {"chr1": 6000, "chrX": 4000}
SEXES = SexChromosomes("chrX", None, None, (("chrX", 0, 1000),), "made up")
STEP = 1 / 16384  # what PLINK 2 rounds to


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """As the commands do it: the workers are ours, not those of the linear algebra library."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Reference, the cohort's fileset, and imputed dosages of its people and others.

    The first people of the cohort are not among the imputed; the imputed are in another order.
    """
    folder, rng = tmp_path_factory.mktemp("imputed"), np.random.default_rng(11)
    bases = {name: "".join(rng.choice(list("ACGT"), n)) for name, n in LENGTHS.items()}
    fasta = folder / "genome.fa"
    fasta.write_text("".join(f">{name}\n{text}\n" for name, text in bases.items()))
    contig = np.repeat(list(LENGTHS), [M_1, M_X])
    position = np.r_[np.arange(M_1) * 100 + 50, np.arange(M_X) * 200 + 150]
    reference = [bases[c][p - 1] for c, p in zip(contig, position, strict=True)]
    other = dict(zip("ACGT", "CGTA", strict=True))
    variants = pd.DataFrame(
        {"contig": contig, "position": position, "reference": reference}
    ).assign(alternate=[other[base] for base in reference])
    cohort = [f"s{i}" for i in range(N)]
    samples = [*cohort[:4:-1], "stranger1", "stranger2"]
    sex = np.repeat([1, 2], N // 2)
    shape = len(variants), len(samples)
    share = rng.uniform(0.1, 0.5, (shape[0], 1))
    dosage = np.clip(rng.binomial(2, share, shape) + rng.normal(0, 0.2, shape), 0, 2)
    sexes = np.array([dict(zip(cohort, sex, strict=True)).get(s, 2) for s in samples])
    single = ((contig == "chrX") & (position > 1000))[:, None] & (sexes == 1)
    haploid = np.clip(rng.binomial(1, share, shape) + rng.normal(0, 0.1, shape), 0, 1) * 2
    dosage = np.where(single, haploid, dosage).round(3)
    dosage[3:20:4, ::9] = np.nan
    imputed = Imputed(variants, samples, dosage, single, lengths=LENGTHS)
    hard = pd.DataFrame(
        {
            "variant_id": "chr1:1:G:A", "contig": "chr1", "position": [1],
            "effect_allele": "A", "other_allele": "G",
        }
    )  # fmt: skip
    write_bed(folder / "g", np.ones((1, N), np.int8), hard, cohort, sex)
    return folder, fasta, imputed


def prepared(world, out: Path, *files: Path, reference=True, chromosomes=SEXES):
    folder, fasta, _ = world
    told = prepare(
        list(files), folder / "g", out / "d", reference=fasta if reference else None,
        chromosomes=chromosomes,
    )  # fmt: skip
    return Dosages.of(out / "d", Genotypes.open(folder / "g").samples), told


def expected(imputed: Imputed, found: Dosages) -> np.ndarray:
    """(variants, people of the cohort); NaN: missing."""
    place = [imputed.samples.index(s) if s in imputed.samples else -1 for s in found.samples]
    out = imputed.dosage[:, place]
    out[:, np.array(place) < 0] = np.nan
    return out


def read(found: Dosages) -> np.ndarray:
    values = found.read(0, found.n_variants).astype(float)
    return np.where(values < 0, np.nan, values)


WRITERS = {
    "vcf": lambda i, out: i.vcf(out / "i.vcf.gz"),
    "bcf": lambda i, out: i.vcf(out / "i.bcf"),
    "gp": lambda i, out: i.vcf(out / "i.vcf", fields="GT:GP"),
    "bgen 8 bits": lambda i, out: i.bgen(out / "i.bgen"),
    "bgen 16 bits": lambda i, out: i.bgen(out / "i.bgen", bits=16),
    "bgen 11 bits, turned": lambda i, out: i.bgen(out / "i.bgen", bits=11, flipped={0, 5, 50}),
    "bgen phased, zstd": lambda i, out: i.bgen(
        out / "i.bgen", bits=16, phased=True, packing="zstd"
    ),
    "pgen": lambda i, out: i.pgen(out / "i"),
}
ERROR = {"bgen 8 bits": 1 / 250, "bgen 11 bits, turned": 1 / 1000}  # of the file itself


@pytest.mark.parametrize("kind", WRITERS)
def test_every_format_gives_the_dosages_of_the_cohort(world, tmp_path, kind):
    imputed = world[2]
    if kind == "pgen":  # plink2 takes the sexes from elsewhere; a man's 0 to 2 stays so
        imputed = imputed.of(imputed.variants.contig == "chr1")
    if "bgen" in kind:  # the writer of the tests has no missing people
        imputed = replace(imputed, dosage=np.nan_to_num(imputed.dosage))
    found, told = prepared(world, tmp_path, WRITERS[kind](imputed, tmp_path))
    np.testing.assert_allclose(
        read(found), expected(imputed, found), rtol=0, atol=ERROR.get(kind, 3 * STEP)
    )
    table = found.table.to_pandas()
    for ours, theirs in zip(
        ("contig", "position", "other_allele", "effect_allele"), imputed.variants, strict=True
    ):
        np.testing.assert_array_equal(table[ours], imputed.variants[theirs])
    assert list(found.covered) == [False] * 5 + [True] * (N - 5)
    assert told["samples_without_dosages"] == [f"s{i}" for i in range(5)]
    (file,) = told["files"]
    assert file["n_samples_not_in_cohort"] == 2
    assert file["n_variants"] == told["n_variants"] == len(imputed.variants)
    assert file["n_turned"] == (3 if "turned" in kind else 0)


def test_files_by_chromosome_are_joined(world, tmp_path):
    imputed = world[2]
    first = imputed.of(imputed.variants.contig == "chr1").vcf(tmp_path / "1.vcf.gz")
    some = np.arange(len(imputed.samples) - 9, -1, -1)
    second = imputed.of(imputed.variants.contig == "chrX", some).bgen(tmp_path / "x.bgen", bits=16)
    with pytest.raises(StageError, match="dosages-contig-twice"):
        prepared(world, tmp_path, first, second, first)
    found, told = prepared(world, tmp_path, first, second)
    assert [len(told["files"]), told["n_variants"]] == [2, M_1 + M_X]
    wanted = expected(imputed, found)
    wanted[M_1:, [s not in [imputed.samples[i] for i in some] for s in found.samples]] = np.nan
    here = ~np.isnan(wanted)
    np.testing.assert_allclose(read(found)[here], wanted[here], rtol=0, atol=3 * STEP)
    assert np.isnan(read(found)[~here]).all()


def test_quality_is_of_the_file_or_mach_s(world, tmp_path):
    imputed = world[2].of(world[2].variants.contig == "chr1", slice(N - 5))
    given = np.linspace(0.2, 1, M_1).round(2)
    with_quality = replace(imputed, quality=given)
    for tag in ("R2", "DR2", "INFO"):
        found, told = prepared(world, tmp_path, with_quality.vcf(tmp_path / f"{tag}.vcf", tag=tag))
        np.testing.assert_array_equal(found.info, given)
        assert told["quality"] == {"from_file": M_1, "mach_r2": 0}
    found, told = prepared(world, tmp_path, imputed.vcf(tmp_path / "none.vcf"))
    assert told["quality"] == {"from_file": 0, "mach_r2": M_1}
    run(
        [
            *("plink2", "--pfile", tmp_path / "d", "--freq", "cols=+machr2"),
            *("--bad-freqs", "--out", tmp_path / "f"),
        ]
    )
    theirs = pd.read_csv(tmp_path / "f.afreq", sep="\t").MACH_R2
    np.testing.assert_allclose(found.info, theirs, rtol=1e-4)  # of dosages before rounding


def test_quality_where_people_have_one_copy():
    """Certain genotypes have a quality near 1, in women, in men, and in both; noise near 0."""
    rng = np.random.default_rng(1)
    copies = np.repeat([1, 2, 0], [20_000, 20_000, 100])
    certain = np.where(copies == 1, 2 * rng.binomial(1, 0.3, 40_100), rng.binomial(2, 0.3, 40_100))
    for people in (copies == 1, copies == 2, copies >= 0):
        assert mach_r2(certain[people], copies[people]) == pytest.approx(1, abs=0.03)
    assert mach_r2(np.full(len(copies), 0.6), copies) == pytest.approx(0, abs=1e-9)
    assert mach_r2(np.zeros(len(copies)), copies) is None
    assert mach_r2(certain[copies == 0], copies[copies == 0]) is None


@pytest.mark.parametrize(
    ("code", "spoil"),
    [
        ("dosages-not-sorted", lambda i, out: i.of([1, 0, 2]).vcf(out / "i.vcf")),
        ("dosages-not-sorted", lambda i, out: i.of([0, M_1, 1]).vcf(out / "i.vcf")),
        ("dosages-no-sample-shared", lambda i, out: i.of(people=[-1, -2]).vcf(out / "i.vcf")),
        ("dosages-field-missing", lambda i, out: i.vcf(out / "i.vcf", fields="GT")),
        ("dosages-ploidy-unknown", lambda i, out: i.vcf(out / "i.vcf", fields="DS")),
        ("dosages-format", lambda i, out: write(out / "i.bgen", b"no bgen at all")),
        ("dosages-format", lambda i, out: write(out / "i.txt", b"")),
        ("dosages-format", lambda i, out: write(out / "i.vcf", b"no vcf at all")),
        ("dosages-missing", lambda i, out: out / "i.vcf"),
        ("dosages-truncated", lambda i, out: cut(i.vcf(out / "i.vcf.gz"), 100)),
        ("dosages-truncated", lambda i, out: cut(i.vcf(out / "i.bcf"), 28)),
        ("dosages-truncated", lambda i, out: cut(i.bgen(out / "i.bgen"), 300)),
        ("dosages-(truncated|format)", lambda i, out: cut(i.pgen(out / "i"), 300)),
        ("dosages-size", lambda i, out: shorter(i.bgen(out / "i.bgen").with_suffix(".sample"))),
        ("dosages-size", lambda i, out: shorter(i.pgen(out / "i").with_suffix(".psam"))),
        ("dosages-without-names", lambda i, out: unnamed(i.bgen(out / "i.bgen"))),
        ("dosages-other-build", lambda i, out: moved(i).vcf(out / "i.vcf")),
        ("dosages-other-build", lambda i, out: longer(i).vcf(out / "i.vcf")),
        ("dosages-empty", lambda i, out: renamed(i).vcf(out / "i.vcf")),
        ("sample-duplicate", lambda i, out: i.of(people=[5, 5, 6]).bgen(out / "i.bgen")),
        ("dosages-out-of-range", lambda i, out: beyond(i, 2.3).vcf(out / "i.vcf")),
        ("dosages-out-of-range", lambda i, out: beyond(i, -0.1).vcf(out / "i.vcf")),
        ("dosages-out-of-range", lambda i, out: doubled(i.vcf(out / "i.vcf", fields="GT:GP"))),
    ],
)
def test_what_is_refused(world, tmp_path, code, spoil):
    whole = world[2]
    imputed = replace(whole, dosage=np.nan_to_num(whole.dosage))
    if "pgen" in spoil.__code__.co_names:
        imputed = imputed.of(imputed.variants.contig == "chr1")
    with pytest.raises(StageError, match=code):
        prepared(world, tmp_path, spoil(imputed, tmp_path))
    assert not (tmp_path / "d.pgen").exists() and not (tmp_path / "d.json").exists()


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def cut(path: Path, less: int) -> Path:
    return write(path, path.read_bytes()[:-less])


def shorter(path: Path) -> Path:
    """A list of people without its last; gives the file of genotypes beside."""
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    return path.with_suffix(".bgen" if path.suffix == ".sample" else ".pgen")


def unnamed(path: Path) -> Path:
    path.with_suffix(".sample").unlink()
    return path


def moved(imputed: Imputed) -> Imputed:
    return Imputed(
        **vars(imputed)
        | {"variants": imputed.variants.assign(position=imputed.variants.position + 7)}
    )


def longer(imputed: Imputed) -> Imputed:
    return replace(imputed, lengths=LENGTHS | {"chrX": 4001})


def renamed(imputed: Imputed) -> Imputed:
    return Imputed(
        **vars(imputed.of([0, 1]))
        | {"variants": imputed.variants[:2].assign(contig="9"), "lengths": {"9": 6000}}
    )


def beyond(imputed: Imputed, value: float) -> Imputed:
    dosage = imputed.dosage.copy()
    dosage[3, 7] = value
    return replace(imputed, dosage=dosage)


def doubled(path: Path) -> Path:
    """Probabilities that add up to two."""
    return write(path, path.read_bytes().replace(b":1,0,0", b":1,0,1"))


TRAITS = [
    {"name": "height", "type": "quantitative", "covariates": ["age"]},
    {"name": "case", "type": "binary", "covariates": ["age"]},
    {"name": "gappy", "type": "quantitative", "covariates": ["age"]},
]


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(2)
    table = pd.DataFrame({"participant": [f"s{i}" for i in range(N)], "age": rng.normal(50, 9, N)})
    table["height"] = table.age * 0.1 + rng.normal(size=N)
    table["case"] = (rng.random(N) < 0.4) * 1.0
    table["gappy"] = table.height.where(rng.random(N) < 0.9)
    return table


def scanned(world, people, out: Path, *, prefix=None, model="regression", **options):
    """Tables of the traits, and scan.json."""
    samples = people[["participant"]].assign(sample=people.participant)
    design = build.design(
        samples, people, {"traits": TRAITS}, None, n_components=0, relatives="keep",
        choose=lambda trait: (model, ""),
    )  # fmt: skip
    scan.run(
        prefix or world[0] / "g",
        design,
        out_dir=out,
        **{
            "min_allele_count": 1, "firth_below": 0.2, "exact_firth_below": 0.05, "threads": 2,
            "chromosomes": SEXES,
        } | options,
    )  # fmt: skip
    found = {t["name"]: fields.read(out / f"{t['name']}.parquet") for t in TRAITS}
    return found, json.loads((out / "scan.json").read_text())


@pytest.mark.parametrize(
    ("model", "correction"), [("regression", "firth"), ("regression", "spa"), ("lmm", "firth")]
)
def test_whole_dosages_are_hard_calls_bit_for_bit(world, people, tmp_path, model, correction):
    """Missing ones, X of both sexes and people without dosages among them."""
    folder, _, imputed = world
    order = [s for s in Genotypes.open(folder / "g").samples if s in imputed.samples]
    whole = np.where(imputed.single, 2 * (imputed.dosage / 2).round(), imputed.dosage.round())
    imputed = replace(imputed, dosage=whole).of(people=[imputed.samples.index(s) for s in order])
    hard = imputed.variants.rename(
        columns={"reference": "other_allele", "alternate": "effect_allele"}
    )
    hard["variant_id"] = (
        hard.contig + ":" + hard.position.astype(str) + ":" + hard.other_allele + ":"
        + hard.effect_allele
    )  # fmt: skip
    sex = np.repeat([1, 2], N // 2)[5:]
    calls = np.nan_to_num(imputed.dosage, nan=-1).astype(np.int8)
    write_bed(tmp_path / "g", calls, hard, order, sex)
    options = {"model": model, "correction": correction}
    known = people[people.participant.isin(order)]
    mine, _ = scanned(world, known, tmp_path / "a", prefix=tmp_path / "g", **options)
    # The same hard calls for the relationship of the mixed model.
    told = prepare(
        [imputed.vcf(tmp_path / "i.vcf.gz")], tmp_path / "g", tmp_path / "d", chromosomes=SEXES
    )
    assert told["n_missing_dosages"] == np.isnan(imputed.dosage).sum() > 0
    theirs, said = scanned(
        world, known, tmp_path / "b", prefix=tmp_path / "g", dosages=tmp_path / "d",
        min_imputation_quality=0.0, **options,
    )  # fmt: skip
    assert "heterozygous" not in said["coding"]
    for trait in mine:
        assert mine[trait]["info"].isna().all() and theirs[trait]["info"].notna().all()
        pd.testing.assert_frame_equal(
            mine[trait].drop(columns="info"), theirs[trait].drop(columns="info"), check_exact=True
        )


def test_dosages_against_statsmodels_and_plink2(world, people, tmp_path):
    """The cohort has people without dosages: they are in no model."""
    imputed = world[2].of(world[2].variants.contig == "chr1")
    dosages, _ = prepared(world, tmp_path, imputed.vcf(tmp_path / "i.vcf.gz"))
    options = {"dosages": tmp_path / "d", "min_imputation_quality": 0.0}
    found, told = scanned(world, people, tmp_path / "out", **options)
    stored = read(dosages)
    y, age = people.height.to_numpy(), people.age.to_numpy()
    for j, row in found["height"].iterrows():
        g = stored[j]
        keep = ~np.isnan(g)
        fit = sm.OLS(y[keep], np.column_stack([np.ones(keep.sum()), age[keep], g[keep]])).fit()
        assert row.n == keep.sum()
        np.testing.assert_allclose(row.beta, fit.params[-1], rtol=1e-9)
        np.testing.assert_allclose(row.standard_error, fit.bse[-1], rtol=1e-9)
        np.testing.assert_allclose(row.neg_log10_p_value, -np.log10(fit.pvalues[-1]), rtol=1e-8)
        np.testing.assert_allclose(row.effect_allele_frequency, g[keep].mean() / 2, rtol=1e-9)
    table = people.rename(columns={"participant": "#IID"})
    table["case"] += 1
    table[["#IID", "height", "case"]].to_csv(tmp_path / "y.txt", sep="\t", index=False)
    table[["#IID", "age"]].to_csv(tmp_path / "x.txt", sep="\t", index=False)
    run(
        [
            *("plink2", "--pfile", tmp_path / "d", "--pheno", tmp_path / "y.txt", "--threads", 1),
            *("--covar", tmp_path / "x.txt", "--covar-variance-standardize", "--out"),
            *(tmp_path / "p", "--glm", "firth", "omit-ref", "hide-covar", "cols=+a1freq,+beta"),
        ]
    )
    plink = pd.read_csv(tmp_path / "p.height.glm.linear", sep="\t")
    np.testing.assert_array_equal(found["height"].variant_id, plink.ID)
    np.testing.assert_array_equal(found["height"].n, plink.OBS_CT)
    for ours, theirs in (
        ("beta", "BETA"), ("standard_error", "SE"), ("effect_allele_frequency", "A1_FREQ"),
    ):  # fmt: skip
        np.testing.assert_allclose(found["height"][ours], plink[theirs], rtol=1e-5, atol=1e-6)
    case, firth = found["case"], pd.read_csv(tmp_path / "p.case.glm.firth", sep="\t")
    refitted = case.test == "firth"
    assert refitted.any() and set(case.test) >= {"score", "firth"}
    np.testing.assert_allclose(case.beta[refitted], firth.BETA[refitted], atol=2e-3)
    assert told["samples"]["notices"][-1] == "5 people have no dosages: tested for nothing"


def test_poorly_imputed_variants_are_left_out_and_say_so(world, people, tmp_path):
    given = np.r_[np.repeat([0.2, 0.9], M_1 // 2), np.repeat(0.31, M_X)]
    imputed = replace(world[2], quality=given)
    prepared(world, tmp_path, imputed.vcf(tmp_path / "i.vcf.gz"))
    options = {"dosages": tmp_path / "d", "min_imputation_quality": 0.3}
    found, told = scanned(world, people, tmp_path / "out", **options)
    for trait, entry in zip(found, told["traits"], strict=True):
        np.testing.assert_array_equal(found[trait]["info"], given[given > 0.3])
        assert entry["variants_left_out"] == {"min imputation quality": M_1 // 2}
    assert told["parameters"]["min_imputation_quality"] == 0.3
    assert told["coding"]["variants"] == {"diploid": M_1 + 5, "X": M_X - 5}


def test_dosages_of_another_cohort_are_refused(world, people, tmp_path):
    prepared(world, tmp_path, world[2].vcf(tmp_path / "i.vcf.gz"))
    hard = Genotypes.open(world[0] / "g")
    write_bed(tmp_path / "g", np.ones((1, N), np.int8), hard.variants, hard.samples[::-1])
    options = {"dosages": tmp_path / "d", "prefix": tmp_path / "g"}
    with pytest.raises(StageError, match="dosages-other-samples"):
        scanned(world, people, tmp_path / "out", **options)
    cut(tmp_path / "d.pgen", 50)
    with pytest.raises(StageError, match="dosages-truncated"):
        scanned(world, people, tmp_path / "out", dosages=tmp_path / "d")


def test_check_tells_all_that_headers_say(world, tmp_path):
    whole = world[2]
    good = whole.vcf(tmp_path / "good.vcf.gz")
    strangers = whole.of(people=[-1, -2]).bgen(tmp_path / "strangers.bgen")
    assert files.check([good], whole.samples[:3]) == []
    found = files.check([good, strangers, tmp_path / "none.bcf"], whole.samples[:-2])
    assert [problem.code for problem in found] == ["dosages-no-sample-shared", "dosages-missing"]
