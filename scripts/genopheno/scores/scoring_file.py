"""PGS Catalog scoring files: header, variants, and the rows that are not of an additive score.

Format: https://www.pgscatalog.org/downloads/ (scoring files, versions 1 and 2, as
published or harmonised; a harmonised file has its own places, `hm_chr` and `hm_pos`, which
are taken where they are there).
"""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from genopheno.problems import Problem, Problems

HEADER = re.compile(r"#\s*([A-Za-z_]+)\s*=\s*(.*?)\s*$")
BUILDS = {"grch37": "GRCh37", "hg19": "GRCh37", "grch38": "GRCh38", "hg38": "GRCh38"}
UNKNOWN_BUILD = {"", "nr", "na"}
MEND = "Take the file as the PGS Catalog has it, harmonised to the cohort's build"
CODINGS = ADDITIVE, DOMINANT, RECESSIVE = "additive", "dominant", "recessive"
COMPLEX = ("is_interaction", "is_haplotype", "is_diplotype")
EMPTY = {"", "na", "nan", "none", "."}


@dataclass
class ScoringFile:
    """One score as it was published.

    Attributes
    ----------
    name : how the score is called here.
    path : the file.
    header : keys and values of its header, such as pgs_id and genome_build.
    build : GRCh37 or GRCh38, of the places that are used; None: not told.
    variants : a row per usable row of the file, in its order: row (line in the file),
        contig, position (0: none), effect_allele, other_allele ('' where not given), rsid
        ('' where not given), weight (float64), coding (additive, dominant, recessive).
    left_out : rows that cannot be used, by reason.
    """

    name: str
    path: Path
    header: dict[str, str]
    build: str | None
    variants: pd.DataFrame
    left_out: dict[str, int] = field(default_factory=dict)

    @property
    def n_given(self) -> int:
        """Rows of the file."""
        return len(self.variants) + sum(self.left_out.values())


def read(name: str, path: str | Path) -> ScoringFile:
    """Read a scoring file, gzipped or not.

    Raises
    ------
    StageError : the file is absent or cut off, lacks a column, has a weight that is no
        number, or holds no usable row. All that is found is told at once.
    """
    path, problems = Path(path), Problems()
    header, table = _parse(path, problems)
    problems.raise_if_any()
    columns = set(table.columns)
    if "effect_allele" not in columns:
        problems.add(
            "score-column-missing", path, "there is no such column", MEND, column="effect_allele"
        )
    if "effect_weight" not in columns:
        by_dosage = {"dosage_0_weight", "dosage_1_weight", "dosage_2_weight"} & columns
        found = "weights by dosage are not supported" if by_dosage else "there is no such column"
        problems.add("score-column-missing", path, found, MEND, column="effect_weight")
    placed = {"hm_chr", "hm_pos"} <= columns or {"chr_name", "chr_position"} <= columns
    if not placed and not {"rsid", "hm_rsid"} & columns:
        problems.add(
            "score-column-missing",
            path,
            "there are neither places (chr_name and chr_position) nor identifiers (rsID)",
            MEND,
            column="chr_name",
        )
    problems.raise_if_any()

    harmonised = {"hm_chr", "hm_pos"} <= columns
    told = header.get("hmpos_build" if harmonised else "genome_build", "").strip()
    build = BUILDS.get(told.lower())
    if build is None and told.lower() not in UNKNOWN_BUILD:
        build = told
    variants = _variants(path, table, harmonised, problems)
    problems.raise_if_any()
    usable, left_out = _usable(table, variants)
    if usable.empty:
        problems.add("score-empty", path, f"of {len(table)} rows none is usable: {left_out}", MEND)
    problems.raise_if_any()
    return ScoringFile(name, path, header, build, usable, left_out)


def other_build(file: ScoringFile, build: str) -> Problem | None:
    """The problem that the file is of another build than the cohort's.

    A cohort's `build` that is neither GRCh37 nor GRCh38 by any of their names is not compared.
    """
    ours = BUILDS.get(build.lower())
    if not (ours and file.build) or ours == file.build:
        return None
    found = f"its places are of {file.build}, the cohort's of {ours}"
    return Problem("score-build", str(file.path), found=found, mend=MEND)


def _parse(path: Path, problems: Problems) -> tuple[dict[str, str], pd.DataFrame]:
    """Keys of the header in small letters, and the table as text."""
    header: dict[str, str] = {}
    nothing = pd.DataFrame()
    if not path.is_file():
        problems.add("score-file-missing", path, "there is no such file", "Give its path")
        return header, nothing
    with open(path, "rb") as handle:
        zipped = handle.read(2) == b"\x1f\x8b"
    skip = 0
    try:
        with (gzip.open if zipped else open)(path, "rt", encoding="utf-8") as handle:
            for line in handle:
                if not line.startswith("#"):
                    break
                skip += 1
                if found := HEADER.match(line):
                    header[found[1].lower()] = found[2]
        table = pd.read_csv(
            path,
            sep="\t",
            skiprows=skip,
            dtype=str,
            keep_default_na=False,
            compression="gzip" if zipped else None,
        )
    except (EOFError, OSError, UnicodeDecodeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        problems.add("score-file-unreadable", path, reason, "Download it again")
        return header, nothing
    table.columns = [str(c).strip().lower() for c in table.columns]
    table.index = pd.RangeIndex(skip + 2, skip + 2 + len(table))  # lines of the file
    return header, table


def _text(table: pd.DataFrame, *names: str) -> pd.Series:
    """The first of the columns that is there, empty where missing; later ones fill its gaps."""
    out = pd.Series("", index=table.index)
    for name in names:
        if name in table:
            column = table[name].str.strip()
            column = column.mask(column.str.lower().isin(EMPTY), "")
            out = out.mask(out == "", column)
    return out


def _variants(
    path: Path, table: pd.DataFrame, harmonised: bool, problems: Problems
) -> pd.DataFrame:
    place = ("hm_chr", "hm_pos") if harmonised else ("chr_name", "chr_position")
    weight = pd.to_numeric(_text(table, "effect_weight"), errors="coerce")
    bad = ~np.isfinite(weight)
    for row, value in table.loc[bad, "effect_weight"].head(5).items():
        problems.add(
            "score-weight",
            path,
            f"{value!r} is no number ({int(bad.sum())} such rows)",
            MEND,
            row=int(row),
            column="effect_weight",
        )
    position = pd.to_numeric(_text(table, place[1]), errors="coerce").fillna(0)
    dominant, recessive = (_flag(table, name) for name in ("is_dominant", "is_recessive"))
    return pd.DataFrame(
        {
            "row": table.index,
            "contig": _text(table, place[0]).str.removeprefix("chr"),
            "position": position.astype(np.int64),
            "effect_allele": _text(table, "effect_allele").str.upper(),
            "other_allele": _text(table, "other_allele", "hm_inferotherallele").str.upper(),
            "rsid": _text(table, "hm_rsid", "rsid"),
            "weight": weight,
            "coding": np.select([dominant, recessive], [DOMINANT, RECESSIVE], ADDITIVE),
        },
        index=table.index,
    )


def _flag(table: pd.DataFrame, name: str) -> np.ndarray:
    return _text(table, name).str.lower().isin({"true", "1", "t", "yes"}).to_numpy()


def _usable(table: pd.DataFrame, variants: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """Rows of an additive score (or dominant, recessive), each variant once."""
    place = variants["contig"].where(variants["position"] > 0, "")
    place = place.where(place == "", place + ":" + variants["position"].astype(str))
    place = place.where(place != "", variants["rsid"])
    alleles = variants["effect_allele"] + variants["other_allele"]
    twice = pd.DataFrame({"place": place, "e": variants["effect_allele"], "a": alleles})
    complex_rows = np.zeros(len(table), bool)
    for name in COMPLEX:
        complex_rows |= _flag(table, name)
    keep = np.ones(len(table), bool)
    left_out: dict[str, int] = {}
    for reason, wrong in (
        ("interaction, haplotype or diplotype", complex_rows),
        ("alleles are not bases", ~alleles.str.fullmatch("[ACGT]+").to_numpy()),
        ("no place and no identifier", (place == "").to_numpy()),
        ("a repeated row", twice.duplicated().to_numpy()),
    ):
        if n := int((keep & wrong).sum()):
            left_out[reason] = n
        keep &= ~wrong
    return variants[keep].reset_index(drop=True), left_out
