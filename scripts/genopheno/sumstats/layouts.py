"""Which column of a file of summary statistics holds what.

A column has a role, by the names of GWAS-SSF. Programs whose names mean something of their own
(SAIGE tests Allele2, METAL Allele1) are recognised by columns that only they write; the other
files by names that everyone understands alike. What is given by hand goes before both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from genopheno.problems import Problem, Problems

# Role → names, in order of preference; compared without case and punctuation.
NAMES: dict[str, tuple[str, ...]] = {
    "chromosome": ("chromosome", "chrom", "chr", "contig", "hm_chrom"),
    "base_pair_location": (
        "base_pair_location", "position", "pos", "bp", "bp_hg19", "bp_hg38", "genpos", "hm_pos",
    ),
    "effect_allele": (
        "effect_allele", "ea", "tested_allele", "coded_allele", "allele1", "a1", "al1", "alt",
        "alternate", "hm_effect_allele",
    ),
    "other_allele": (
        "other_allele", "non_effect_allele", "noneffect_allele", "nea", "oa", "reference_allele",
        "noncoded_allele", "non_coded_allele", "allele2", "a2", "al2", "allele0", "a0", "ref",
        "reference", "hm_other_allele",
    ),
    "beta": ("beta", "effect", "b", "log_or", "log_odds", "hm_beta"),
    "odds_ratio": ("odds_ratio", "or", "hazard_ratio", "hr", "hm_odds_ratio"),
    "standard_error": ("standard_error", "se", "stderr", "sebeta", "se_beta", "log_or_se"),
    "ci_lower": ("ci_lower", "ci_low", "l95", "or_95l", "hm_ci_lower"),
    "ci_upper": ("ci_upper", "ci_high", "u95", "or_95u", "hm_ci_upper"),
    "z_score": ("z_score", "zscore", "z", "z_stat"),
    "p_value": ("p_value", "pvalue", "pval", "p_val", "p", "p_bolt_lmm", "p_bolt_lmm_inf"),
    "neg_log10_p_value": (
        "neg_log_10_p_value", "neg_log10_p_value", "neglog10p", "neglog10pval", "log10p", "mlogp",
        "minuslog10p", "nlog10p",
    ),
    "effect_allele_frequency": (
        "effect_allele_frequency", "effect_allele_freq", "eaf", "freq_effect", "a1freq", "a1_freq",
        "freq1", "af", "freq", "hm_effect_allele_frequency",
    ),
    "n": ("n", "n_total", "total_n", "sample_size", "samplesize", "nmiss", "obs_ct", "weight"),
    "n_cases": ("n_cases", "n_case", "ncase", "ncases", "cases"),
    "n_controls": ("n_controls", "n_ctrl", "n_control", "ncontrol", "ncontrols", "controls"),
    "info": ("info", "rsq", "r2hat", "imputation_quality", "imputationinfo"),
    "variant_id": (
        "variant_id", "markername", "marker_name", "markerid", "snpid", "id", "hm_variant_id",
    ),
    "rsid": ("rsid", "rs_id", "snp", "rs", "rs_number", "hm_rsid"),
    "test": ("test",),
}  # fmt: skip
ROLES = tuple(NAMES)


@dataclass(frozen=True)
class Layout:
    """The columns of one program.

    Attributes
    ----------
    name : the program, or ``named`` where only the names of columns were gone by.
    mark : columns that only it writes.
    columns : role → column, where its names do not mean what `NAMES` takes them for.
    chromosome_25 : what it writes as 25: the mitochondrion (GWAS-SSF), or the part of X that Y
        shares (PLINK).
    """

    name: str
    mark: frozenset[str] = frozenset()
    columns: Mapping[str, str] | None = None
    chromosome_25: str = "MT"


def _layout(name: str, mark: str, columns: str = "", chromosome_25: str = "X") -> Layout:
    pairs = (pair.split("=") for pair in columns.split())
    return Layout(name, frozenset(mark.split()), dict(pairs), chromosome_25)


LAYOUTS = (
    _layout(
        "gwas-catalog-harmonised",
        "hm_chrom hm_pos hm_other_allele hm_effect_allele",
        "chromosome=hm_chrom base_pair_location=hm_pos effect_allele=hm_effect_allele "
        "other_allele=hm_other_allele beta=hm_beta odds_ratio=hm_odds_ratio rsid=hm_rsid "
        "effect_allele_frequency=hm_effect_allele_frequency ci_lower=hm_ci_lower "
        "ci_upper=hm_ci_upper variant_id=hm_variant_id",
        "MT",
    ),
    _layout(
        "regenie",
        "GENPOS ALLELE0 ALLELE1 A1FREQ LOG10P",
        "effect_allele=ALLELE1 other_allele=ALLELE0 base_pair_location=GENPOS",
    ),
    # GENPOS is a place on the genetic map here.
    _layout(
        "bolt-lmm",
        "BP GENPOS ALLELE1 ALLELE0 F_MISS",
        "effect_allele=ALLELE1 other_allele=ALLELE0 base_pair_location=BP",
    ),
    _layout(
        "saige",
        "MarkerID Allele1 Allele2 AF_Allele2",
        "effect_allele=Allele2 other_allele=Allele1 effect_allele_frequency=AF_Allele2 "
        "p_value=p.value",
    ),
    # The tested allele is A1; the other one is what is left of REF and ALT.
    _layout("plink2", "REF ALT A1 OBS_CT", "effect_allele=A1 p_value=P"),
    _layout("gwas-ssf", "base_pair_location effect_allele other_allele", "", "MT"),
)  # fmt: skip
NAMED = Layout("named")


@dataclass(frozen=True)
class Columns:
    """What was understood of a header.

    Attributes
    ----------
    layout : the program whose file it is, or ``named``.
    of : role → column of the file.
    reference, alternate : columns REF and ALT, where the other allele is whichever of them is
        not the tested one.
    """

    layout: Layout
    of: Mapping[str, str]
    reference: str | None = None
    alternate: str | None = None

    @property
    def names(self) -> list[str]:
        """Columns of the file that are read."""
        pair = [name for name in (self.reference, self.alternate) if name]
        return list(dict.fromkeys([*self.of.values(), *pair]))


def understand(
    header: Sequence[str], path: str | Path, given: Mapping[str, str] | None = None
) -> Columns:
    """Give every role its column.

    Parameters
    ----------
    header : names of the columns of the file.
    given : role → column, by hand; '' for a column that must not be used.

    Raises
    ------
    StageError : a column is there twice, a given role or column does not exist, or what every
        analysis needs is not there: a place, two alleles, and an effect or a z-score.
    """
    given, found = dict(given or {}), Problems()
    for name in sorted({name for name in header if list(header).count(name) > 1}):
        found.add("sumstats-columns", path, f"the column {name!r} is there twice", "Rename one")
    for role, name in given.items():
        if role not in NAMES:
            mend = f"Roles are {', '.join(ROLES)}"
            found.add("sumstats-columns", path, f"{role!r} is no role of a column", mend)
        elif name and name not in header:
            what = f"it has no column {name!r}, which was given as {role}"
            found.add("sumstats-columns", path, what, f"Its columns are {', '.join(header)}")
    layout = next((known for known in LAYOUTS if known.mark <= set(header)), NAMED)
    found.raise_if_any()
    of: dict[str, str] = {}
    low = {_bare(name): name for name in reversed(header)}
    for role, names in NAMES.items():
        own = (layout.columns or {}).get(role)
        if role in given:
            of[role] = given[role]
        elif own in header:
            of[role] = own
        else:
            of[role] = next((low[_bare(name)] for name in names if _bare(name) in low), "")
    of = {role: name for role, name in of.items() if name}
    pair: tuple[str | None, str | None] = (None, None)
    if layout.name == "plink2" and "other_allele" not in given:
        of.pop("other_allele", None)
        pair = "REF", "ALT"
    found.extend(_missing(of, header, path, bool(pair[0])))
    found.raise_if_any()
    return Columns(layout, of, *pair)


def _missing(
    of: Mapping[str, str], header: Sequence[str], path: str | Path, pair: bool
) -> list[Problem]:
    needs = {
        "the chromosome and position (or an identifier such as 1:12345:A:G)": (
            {"chromosome", "base_pair_location"} <= of.keys() or "variant_id" in of or "rsid" in of
        ),
        "the effect allele": "effect_allele" in of,
        "the other allele": "other_allele" in of or pair,
        "the effect (beta, odds ratio or z-score)": bool(
            {"beta", "odds_ratio", "z_score"} & of.keys()
        ),
        "the standard error, p-value, confidence interval or z-score": bool(
            {"standard_error", "p_value", "neg_log10_p_value", "z_score"} & of.keys()
            or {"ci_lower", "ci_upper"} <= of.keys()
        ),
    }
    mend = f"Its columns are {', '.join(header)[:300]}; name the right one in the study's columns"
    return [
        Problem("sumstats-columns", str(path), found=f"no column holds {what}", mend=mend)
        for what, there in needs.items()
        if not there
    ]


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
