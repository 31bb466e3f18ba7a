"""What was planted, beside what a run found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from genopheno import fields
from genopheno.demo.scores import agreement
from genopheno.demo.traits import squared_correlation
from genopheno.files import read_json
from genopheno.problems import fail

SAME = 0.9  # r² from which the top hit stands for the planted variant
RELATED = 0.0884  # KING kinship of a pair that is closer than third degree


def compare(directory: Path) -> list[dict[str, Any]]:
    """Put what ``planted.json`` says beside the tables under ``results/``.

    Returns
    -------
    One row per trait, one for the bad sample, one for the relatives, one for the scores of the
    databases. Every row has `kind` (trait, bad-sample, relatives, scores), `planted` and `found`
    (for people), and `ok`. What a missing table would say is not found.

    - trait: also trait, variant_id, gene, consequence, top_hit, neg_log10_p_value, beta and
      r2 (of the true genotypes of top hit and planted variant; NaN where the top hit is not
      among the simulated sites); ok: r2 > 0.9.
    - bad-sample: sample, verdict, reasons, in_association; ok: failed, and not in it.
    - relatives: pairs, pairs_found, least_kinship; ok: all pairs found above 0.0884.
    - scores: n (called alleles with one), found_n, invented; ok: all found, none invented.

    Raises
    ------
    StageError : the folder is no simulated project.
    """
    directory = Path(directory)
    if not (directory / "planted.json").exists():
        raise fail(
            "not-simulated",
            directory / "planted.json",
            "there is no such file",
            "Only a project made by 'genopheno demo' can be compared",
        )
    planted = read_json(directory / "planted.json")
    results = directory / "results"
    truth = true_dosages(directory / "truth/genotypes.vcf.gz")
    traits = [
        _trait(name, cause, results / f"association/{name}.parquet", truth)
        for name, cause in planted["traits"].items()
    ]
    return [
        *traits,
        _bad_sample(planted["bad_sample"], results),
        _relatives(planted["relatives"], results / "structure/kinship.parquet"),
        _scores(directory / "databases", results / "annotated/sites.parquet"),
    ]


def all_found(rows: Sequence[dict[str, Any]]) -> bool:
    """Everything that was planted was found (and there was something to find)."""
    return bool(rows) and all(row["ok"] for row in rows)


def true_dosages(path: Path) -> dict[str, np.ndarray]:
    """Alternate alleles per person, in the file's order of people, by variant_id."""
    from cyvcf2 import VCF

    return {
        f"{v.CHROM}:{v.POS}:{v.REF}:{v.ALT[0]}": (v.genotype.array()[:, :2] == 1).sum(axis=1)
        for v in VCF(str(path))
    }


def _trait(
    name: str, cause: dict[str, Any], path: Path, truth: dict[str, np.ndarray]
) -> dict[str, Any]:
    variant = cause["variant_id"]
    row = {
        "kind": "trait",
        "trait": name,
        **{key: cause[key] for key in ("variant_id", "gene", "consequence")},
        "planted": f"{name}: {variant} ({', '.join(filter(None, _names(cause)))})",
        "found": "no result",
        "top_hit": None,
        "neg_log10_p_value": float("nan"),
        "beta": float("nan"),
        "r2": float("nan"),
        "ok": False,
    }
    if not path.exists():
        return row
    scan = fields.read(path, ["variant_id", "neg_log10_p_value", "beta"])
    scan = scan.dropna(subset=["neg_log10_p_value"])
    if scan.empty:
        return row | {"found": "no variant was tested"}
    hit = scan.loc[scan["neg_log10_p_value"].idxmax()]
    top, strength = str(hit["variant_id"]), float(hit["neg_log10_p_value"])
    r2 = float("nan")
    if top in truth:
        r2 = float(squared_correlation(truth[variant], truth[top][None, :])[0])
    what = "the same variant" if top == variant else f"{top}, r² {r2:.2f}"
    return row | {
        "found": f"{what}, p = {_p_value(strength)}, beta {hit['beta']:.2f}",
        "top_hit": top,
        "neg_log10_p_value": strength,
        "beta": float(hit["beta"]),
        "r2": r2,
        "ok": bool(r2 > SAME),
    }


def _names(cause: dict[str, Any]) -> tuple[str, str]:
    return cause["gene"], cause["consequence"]


def _p_value(strength: float) -> str:
    """p as text from −log10 p, which does not underflow."""
    exponent = int(np.ceil(strength))
    return f"{10 ** (exponent - strength):.1f}e-{exponent}"


def _bad_sample(sample: str, results: Path) -> dict[str, Any]:
    row = {
        "kind": "bad-sample",
        "sample": sample,
        "planted": f"bad sample: {sample} (low depth, foreign DNA)",
        "found": "no verdict",
        "verdict": None,
        "reasons": "",
        "in_association": None,
        "ok": False,
    }
    verdicts = results / "qc/samples.parquet"
    design = results / "association/design.parquet"
    if not (verdicts.exists() and design.exists()):
        return row
    table = fields.read(verdicts, ["sample", "verdict", "reasons"]).set_index("sample")
    if sample not in table.index:
        return row
    verdict, reasons = table.loc[sample, ["verdict", "reasons"]]
    tested = sample in set(fields.read(design, ["sample"])["sample"])
    where = "still in the association" if tested else "left out of the association"
    return row | {
        "found": f"{verdict}, {where}: {reasons}",
        "verdict": verdict,
        "reasons": reasons,
        "in_association": tested,
        "ok": verdict == "fail" and not tested,
    }


def _relatives(pairs: list[dict[str, str]], path: Path) -> dict[str, Any]:
    kinds = [pair["kind"] for pair in pairs]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    row = {
        "kind": "relatives",
        "pairs": len(pairs),
        "planted": f"relatives: {len(pairs)} first-degree pairs ({counts})",
        "found": "no kinship table",
        "pairs_found": 0,
        "least_kinship": float("nan"),
        "ok": False,
    }
    if not path.exists():
        return row
    table = fields.read(path, ["sample_1", "sample_2", "kinship"])
    kinship = {
        frozenset(pair): value for *pair, value in table.itertuples(index=False) if value > RELATED
    }
    found = [
        kinship[key]
        for pair in pairs
        if (key := frozenset((pair["sample_1"], pair["sample_2"]))) in kinship
    ]
    span = f", kinship {min(found):.2f} to {max(found):.2f}" if found else ""
    return row | {
        "found": f"{len(found)} of {len(pairs)} pairs{span}",
        "pairs_found": len(found),
        "least_kinship": min(found, default=float("nan")),
        "ok": len(found) == len(pairs),
    }


def _scores(databases: Path, path: Path) -> dict[str, Any]:
    row = {
        "kind": "scores",
        "planted": "scores of coding alleles (table) and of exons (BED)",
        "found": "no table of sites",
        "n": 0,
        "found_n": 0,
        "invented": 0,
        "ok": False,
    }
    if not path.exists():
        return row
    told = agreement(databases, fields.read(path))
    n, found, invented = told["n"], told["found"], told["invented"]
    return row | {
        "found": f"{found} of {n} on the called alleles, {invented} where there is none",
        "n": n,
        "found_n": found,
        "invented": invented,
        "ok": bool(n and found == n and not invented),
    }
