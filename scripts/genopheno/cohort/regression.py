"""Single-variant tests through Hail (``engine: hail``), on exactly the numbers of a design.

The design (``design.parquet`` with ``design.json`` beside it) holds, per sample and trait, the
transformed trait ``y:{trait}`` and its covariates ``x:{trait}:{covariate}``; a null keeps the
sample out of that trait. Every trait is a regression of its own, so that no trait's missing
values touch another's.

Differs from the NumPy engine
    Where a genotype is missing Hail puts the mean over the trait's people and goes on with all
    of them; the degrees of freedom count them too. `n` and the frequency here count the called
    genotypes only. Without missing genotypes the two engines are to agree.
    X and Y outside the pseudoautosomal regions and the mitochondrion are not tested.
    Binary traits: variants below `firth_below` are refined by Hail's Firth test, which fits the
    full model (no approximation). The effect of a variant that keeps its score test is the
    one-step estimate, score / information.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from genopheno.chromosomes import SexChromosomes
from genopheno.cohort import exchange
from genopheno.cohort.session import SMALL, hail_session
from genopheno.files import read_json
from genopheno.problems import fail

if TYPE_CHECKING:
    import hail as hl

TOLERANCE = 1e-10  # of a Newton step; Hail's own 1e-6 shows in the sixth digit
EVERYBODY_HAS_TWO = SexChromosomes()
BinaryTest = Literal["score-firth", "score", "firth", "wald"]


def run(
    cohort_mt: str | Path,
    design_parquet: str | Path,
    tmp_dir: str | Path,
    *,
    chromosomes: SexChromosomes = EVERYBODY_HAS_TWO,
    min_allele_count: int = 10,
    firth_below: float = 0.05,
    binary_test: BinaryTest = "score-firth",
    threads: int = 1,
    memory_mb: int = 4000,
    spark_conf: dict[str, str] | None = None,
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Test every passing variant against every fitted trait of the design, trait after trait.

    Parameters
    ----------
    cohort_mt : matrix that `join` wrote.
    design_parquet : the design; its JSON lies beside it.
    tmp_dir : folder for temporary files; removed at the end.
    chromosomes : variants where not everybody has two copies are passed over.
    min_allele_count : variants with fewer minor alleles among a trait's people are left out.
    firth_below : 'score-firth' refines variants whose score test gives p below this.
    binary_test : 'wald', 'score' and 'firth' do the one test for all variants.

    Yields
    ------
    (trait, frame) : the columns of table `association` in the order of the genome, but instead
        of `neg_log10_p_value`, which another room makes, `statistic` with `df`: Student's t with
        `df` degrees of freedom where there are any, else (null) chi-squared with one.

    Raises
    ------
    StageError : a sample of the design is not in the matrix.
    """
    columns = pd.read_parquet(design_parquet)
    traits = read_json(Path(design_parquet).with_suffix(".json"))["traits"]
    size = sum(file.stat().st_size for file in Path(cohort_mt).rglob("*") if file.is_file())
    tmp_dir = Path(tmp_dir)
    with hail_session(
        tmp_dir,
        memory_mb=memory_mb,
        threads=threads,
        small=size < SMALL,
        spark_conf=spark_conf,
    ) as hl:
        mt = hl.read_matrix_table(exchange.uri(cohort_mt))
        mt = mt.filter_rows(mt.passes).select_entries("GT").select_cols()
        if absent := sorted(set(columns["sample"]) - set(mt.s.collect())):
            raise fail(
                "design-sample-unknown",
                design_parquet,
                f"{len(absent)} samples have no genotypes, such as {', '.join(absent[:5])}",
                "Make the design from the sample table of the same join",
            )
        mt = mt.select_rows(rsid=mt.site.rsid, **exchange.variant_columns(mt))
        mt = mt.filter_rows(has_two(mt.contig, mt.position, chromosomes))
        for trait in traits:
            if trait.get("reason") is not None:
                continue
            part = people_of(columns, trait["name"], trait["covariates"])
            binary = trait["type"] == "binary"
            ready = annotate(mt, part, min_allele_count, binary=binary)
            if binary:
                found = logistic(ready, part, binary_test, firth_below, tmp_dir)
            else:
                found = linear(ready, part, tmp_dir)
            yield trait["name"], as_association(found, binary)


def has_two(
    contig: hl.Expression, position: hl.Expression, chromosomes: SexChromosomes
) -> hl.Expression:
    """Whether everybody has two copies: autosomes and pseudoautosomal regions."""
    import hail as hl

    single = {chromosomes.x, chromosomes.y, chromosomes.mitochondrion} - {None}
    two = ~hl.literal(single or {""}).contains(contig)
    for name, start, end in chromosomes.pseudoautosomal:
        two |= (contig == name) & (position > start) & (position <= end)
    return two


def people_of(columns: pd.DataFrame, trait: str, covariates: list[str]) -> pd.DataFrame:
    """The rows of a design with no null for the trait: sample, y, and the covariates x0, x1, …"""
    names = ["sample", f"y:{trait}", *(f"x:{trait}:{name}" for name in covariates)]
    part = columns[names].dropna()
    return part.set_axis(["sample", "y", *(f"x{i}" for i in range(len(covariates)))], axis=1)


def annotate(
    mt: hl.MatrixTable, part: pd.DataFrame, min_allele_count: int, *, binary: bool
) -> hl.MatrixTable:
    """The trait's people with `y`, covariates `c` and null residual `r`; rows with counts.

    Haploid genotypes count twice, as in the PLINK fileset.
    """
    import hail as hl

    y = part["y"].to_numpy()
    x = np.column_stack([np.ones(len(part)), part.iloc[:, 2:].to_numpy()])
    residual = y - (_null_probabilities(x, y) if binary else 0)
    kind = hl.tstruct(y=hl.tfloat64, c=hl.tarray(hl.tfloat64), r=hl.tfloat64)
    rows = {
        sample: hl.Struct(y=float(y[i]), c=[float(v) for v in x[i, 1:]], r=float(residual[i]))
        for i, sample in enumerate(part["sample"])
    }
    numbers = hl.literal(rows, hl.tdict(hl.tstr, kind))
    mt = mt.filter_cols(numbers.contains(mt.s))
    mt = mt.annotate_cols(**numbers[mt.s])
    mt = mt.select_entries(
        x=hl.float64(hl.if_else(mt.GT.ploidy == 1, 2, 1) * mt.GT.n_alt_alleles())
    )
    called = hl.is_defined(mt.x)
    mt = mt.annotate_rows(
        n_called=hl.agg.count_where(called),
        n_cases=hl.agg.count_where(called & (mt.y == 1)),
        alleles_x=hl.agg.sum(mt.x),
        alleles_x_cases=hl.agg.filter(mt.y == 1, hl.agg.sum(mt.x)),
        score_x=hl.agg.sum(mt.x * mt.r),
        score_1=hl.agg.filter(called, hl.agg.sum(mt.r)),
    )
    minor = hl.min(mt.alleles_x, 2 * mt.n_called - mt.alleles_x)
    return mt.filter_rows((minor >= min_allele_count) & (minor > 0))


CARRIED = [
    "variant_id",
    "contig",
    "position",
    "reference",
    "alternate",
    "rsid",
    "n_called",
    "n_cases",
    "alleles_x",
    "alleles_x_cases",
    "score_x",
    "score_1",
]


def linear(mt: hl.MatrixTable, part: pd.DataFrame, tmp_dir: Path) -> pd.DataFrame:
    """Least squares; Student's t with n - k - 1 degrees of freedom, k counting the intercept."""
    import hail as hl

    k = part.shape[1] - 1  # covariates and the intercept
    table = hl.linear_regression_rows(
        y=mt.y, x=mt.x, covariates=_covariates(mt, k - 1), pass_through=CARRIED
    )
    frame = _collect(table, ["beta", "standard_error", "t_stat"], tmp_dir)
    frame = frame.rename(columns={"t_stat": "statistic"})
    frame["df"] = float(len(part) - k - 1)
    frame["test"] = "linear"
    frame["converged"] = frame["statistic"].notna()
    return frame


def logistic(
    mt: hl.MatrixTable,
    part: pd.DataFrame,
    binary_test: BinaryTest,
    firth_below: float,
    tmp_dir: Path,
) -> pd.DataFrame:
    """Logistic regression; chi-squared statistics with one degree of freedom."""
    import hail as hl

    k = part.shape[1] - 2
    if binary_test in ("wald", "firth"):
        return _logistic(mt, binary_test, k, tmp_dir)
    scored = _logistic(mt, "score", k, tmp_dir)
    poor = scored["p_value"] < firth_below
    if binary_test == "score" or not poor.any():
        return scored
    chosen = hl.literal(set(scored.loc[poor, "variant_id"]))
    refined = _logistic(mt.filter_rows(chosen.contains(mt.variant_id)), "firth", k, tmp_dir)
    scored = scored.set_index("variant_id")
    refined = refined.set_index("variant_id")
    scored.loc[refined.index, refined.columns] = refined
    return scored.reset_index()


def _logistic(mt: hl.MatrixTable, test: str, k: int, tmp_dir: Path) -> pd.DataFrame:
    import hail as hl

    table = hl.logistic_regression_rows(
        test=test,
        y=mt.y,
        x=mt.x,
        covariates=_covariates(mt, k),
        pass_through=CARRIED,
        tolerance=TOLERANCE,
    )
    if test == "score":
        frame = _collect(table, ["chi_sq_stat", "p_value"], tmp_dir)
        chi2 = frame["chi_sq_stat"]
        # Missing genotypes are the mean, and residuals sum to 0 over all people.
        score = frame["score_x"] - frame["alleles_x"] / frame["n_called"] * frame["score_1"]
        frame["beta"] = (chi2 / score).where(score != 0)
        frame["converged"] = chi2.notna()
    else:
        table = table.transmute(converged=table.fit.converged)
        if test == "wald":
            frame = _collect(
                table, ["beta", "standard_error", "z_stat", "p_value", "converged"], tmp_dir
            )
            chi2 = frame["z_stat"] ** 2
        else:
            frame = _collect(table, ["beta", "chi_sq_stat", "p_value", "converged"], tmp_dir)
            chi2 = frame["chi_sq_stat"]
        frame["converged"] = frame["converged"].eq(True)
    frame["statistic"] = chi2
    if test != "wald":
        frame["standard_error"] = (frame["beta"].abs() / np.sqrt(chi2)).where(chi2 > 0)
    frame["df"] = np.nan
    frame["test"] = test
    return frame


def _covariates(mt: hl.MatrixTable, k: int) -> list[Any]:
    return [1.0, *(mt.c[i] for i in range(k))]


def _collect(table: hl.Table, names: list[str], tmp_dir: Path) -> pd.DataFrame:
    """The carried columns and `names`, by way of a text file: collecting rows is slow."""
    path = tmp_dir / "regression.tsv"
    table = table.key_by()
    columns = [*CARRIED, *names]
    table.select(**{name: exchange.as_text(table[name]) for name in columns}).export(
        exchange.uri(path)
    )
    frame = pd.read_csv(
        path,
        sep="\t",
        quoting=csv.QUOTE_NONE,
        dtype={name: str for name in CARRIED[:6] if name != "position"},
        keep_default_na=False,
        na_values={name: ["", exchange.MISSING, "NaN"] for name in ("rsid", *names)},
        float_precision="round_trip",
    )
    path.unlink()
    if "converged" in frame:
        frame["converged"] = frame["converged"].map({"true": True, "false": False, True: True})
    return frame


def _null_probabilities(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Fitted probabilities, (n,), of the logistic regression of y on x, (n, k), by Newton steps."""
    beta = np.zeros(x.shape[1])
    for _ in range(50):
        mu = 1 / (1 + np.exp(-(x @ beta)))
        information = x.T @ (x * (mu * (1 - mu))[:, None])
        step = np.linalg.lstsq(information, x.T @ (y - mu), rcond=None)[0]
        beta += step
        if np.abs(step).max() < 1e-10:
            break
    return 1 / (1 + np.exp(-(x @ beta)))


def as_association(frame: pd.DataFrame, binary: bool) -> pd.DataFrame:
    """Give the columns their published names; null statistics where the fit did not converge."""
    n_controls = frame["n_called"] - frame["n_cases"]
    alleles_controls = frame["alleles_x"] - frame["alleles_x_cases"]
    out = pd.DataFrame(
        {
            "chromosome": frame["contig"],
            "base_pair_location": frame["position"].astype("int32"),
            "effect_allele": frame["alternate"],
            "other_allele": frame["reference"],
            "beta": frame["beta"],
            "standard_error": frame["standard_error"],
            "effect_allele_frequency": frame["alleles_x"] / (2 * frame["n_called"]),
            "statistic": frame["statistic"],
            "df": frame["df"],
            "variant_id": frame["variant_id"],
            "rsid": frame["rsid"],
            "n": frame["n_called"].astype("int32"),
            "n_cases": frame["n_cases"] if binary else None,
            "n_controls": n_controls if binary else None,
            "effect_allele_frequency_cases": (
                frame["alleles_x_cases"] / (2 * frame["n_cases"]) if binary else None
            ),
            "effect_allele_frequency_controls": (
                alleles_controls / (2 * n_controls) if binary else None
            ),
            "info": np.nan,
            "test": frame["test"],
            "converged": frame["converged"].astype(bool),
        }
    )
    out.loc[~out["converged"], ["beta", "standard_error", "statistic"]] = np.nan
    return out
