"""The stage `signals`: clumps, independent signals and credible sets of one trait, into files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from genopheno import fields
from genopheno.chromosomes import SexChromosomes
from genopheno.files import write_json
from genopheno.genotypes import Genotypes
from genopheno.signals import finemap, genes, known, ld, tables, trait
from genopheno.signals import tested as results_of_scan
from genopheno.signals.clump import clump
from genopheno.signals.conditional import Estimates
from genopheno.signals.locus import loci as put_together
from genopheno.signals.select import Locus, Region
from genopheno.signals.tested import Tested

Correlate = Callable[[int, np.ndarray], np.ndarray]  # see `clump.clump`


def run(
    genotypes_prefix: str | Path,
    results: str | Path,
    name: str,
    out_dir: str | Path,
    *,
    p_value: float,
    r2: float,
    kb: float,
    coverage: float,
    design: str | Path | None = None,
    loco: str | Path | None = None,
    sites: str | Path | None = None,
    gene_models: str | Path | None = None,
    chromosomes: str | Path | None = None,
    known_list: str | Path | None = None,
    known_kb: float = 500,
    progress: Callable[[str], None] = lambda said: None,
) -> dict[str, Any]:
    """Write ``{name}.clumps.parquet``, ``.members.parquet``, ``.signals.parquet``,
    ``.credible.parquet``, ``.loci.parquet`` and ``{name}.json``.

    Where no variant is significant the tables are empty, and the JSON says so.

    Parameters
    ----------
    genotypes_prefix : PLINK fileset that was scanned, without ``.bed``.
    results : ``{trait}.parquet`` of the scan.
    p_value, r2, kb : p up to which a variant may be an index; least r² and greatest distance of
        its clump, in 1,000 bp.
    coverage : posterior probability of a credible set.
    design, loco : files of the scan's design and step 1, for conditional tests; None: there are
        none, and correlations are those of everybody.
    sites, gene_models : annotated sites and GFF3, for genes and consequences.
    chromosomes : ``chromosomes.json`` of the reference; None: everybody has two copies of all.
    known_list, known_kb : known associations, and how far one may lie from a signal that is
        then not novel.

    Raises
    ------
    StageError : see `tested.read`, `trait.read`, `known.read` and `genes.read`.
    """
    genotypes, out_dir = Genotypes.open(genotypes_prefix), Path(out_dir)
    scanned = results_of_scan.read(results, genotypes)
    told = trait.read(design, name, genotypes.samples, loco) if design else None
    listed = known.read(known_list) if known_list else None
    models = genes.read(gene_models) if gene_models else None
    keep = None if told is None else told.used

    def correlate(row: int, others: np.ndarray) -> np.ndarray:
        return ld.squared_correlation(genotypes, row, others, keep)

    p = scanned.neg_log10_p
    clumps = clump(
        scanned.contig, scanned.position, p, correlate, index_below=p_value, r2=r2, kb=kb
    )
    loci = put_together(clumps, scanned, kb=kb)
    progress(f"{len(clumps)} clumps in {len(loci)} loci")
    sex = SexChromosomes.read(Path(chromosomes)) if chromosomes else SexChromosomes()

    found, notices = [], []
    for locus in loci:
        why = _no_conditions(told, locus, sex, scanned.position)
        if why is None:
            region = Region(genotypes, locus, told)
            above = float(-np.log10(p_value))
            made = finemap.conditional(region, locus, told, above=above, coverage=coverage)
        else:
            made = finemap.marginal(locus, _as_scanned(scanned, locus), told, coverage)
        notices += [said for said in (why, made.notice) if said]
        found.append(made)
    annotation = tables.Annotation(sites, models)
    with_lead = [_correlations(correlate, locus, locus.lead) for locus in loci]
    in_sets = [
        [_correlations(correlate, locus, s.lead, s.members) for s in one.signals]
        for one, locus in zip(found, loci, strict=True)
    ]
    signals = tables.signals(found, loci, scanned, annotation)
    leads = [
        int(locus.rows[s.lead]) for one, locus in zip(found, loci, strict=True) for s in one.signals
    ]
    signals = _with_known(signals, leads, listed, known_kb, scanned, correlate)
    made = {
        "clumps": tables.clumps(clumps, scanned, loci, annotation),
        "members": tables.members(clumps, scanned),
        "signals": signals,
        "credible": tables.credible(found, loci, scanned, in_sets, annotation),
        "loci": tables.locus_variants(loci, scanned, with_lead),
    }
    names = {"members": "clump_members", "loci": "locus_variants"}
    summary = {
        "trait": name,
        "type": told and told.type,
        "model": told and told.model,
        "p_value": p_value,
        "r2": r2,
        "kb": kb,
        "coverage": coverage,
        "n_people": genotypes.n_samples if keep is None else int(keep.sum()),
        "variants": scanned.counts,
        "n_significant": int((p >= -np.log10(p_value)).sum()),
        "n_clumps": len(clumps),
        "n_loci": len(loci),
        "n_signals": len(signals),
        "known": listed and listed.counts,
        "reason": told and told.reason,
        "notices": list(dict.fromkeys(notices)),
        "loci": [_about(i, locus, scanned, models) for i, locus in enumerate(loci, 1)],
    }
    if not clumps:
        summary["notices"].append(f"no variant has p of at most {p_value:g}")
    for part, frame in made.items():
        fields.write(out_dir / f"{name}.{part}.parquet", frame, names.get(part, part))
    write_json(out_dir / f"{name}.json", summary)
    return summary


def _no_conditions(
    told: trait.Trait | None, locus: Locus, sex: SexChromosomes, position: np.ndarray
) -> str | None:
    """Why the variants of a locus cannot be conditioned on each other; None: they can."""
    if told is None:
        return "no design was given: nothing was conditioned on"
    if told.no_conditions:
        return told.no_conditions
    if (sex.regions(locus.contig, position[locus.rows]) != "").any():
        return f"{locus.contig}: no conditional tests where not everybody has two copies"
    return None


def _as_scanned(scanned: Tested, locus: Locus) -> Estimates:
    names = ("beta", "standard_error", "neg_log10_p_value")
    return Estimates(*(scanned.numbers(name, locus.rows) for name in names))


def _correlations(
    correlate: Correlate, locus: Locus, lead: int, members: np.ndarray | None = None
) -> np.ndarray:
    """r² of the variants of a locus, or some of them, with one of it, which has 1."""
    if members is None:
        members = np.arange(len(locus.rows))
    out = correlate(int(locus.rows[lead]), locus.rows[members])
    out[members == lead] = 1.0
    return out


def _with_known(
    signals: pd.DataFrame,
    leads: list[int],
    listed: known.Known | None,
    kb: float,
    scanned: Tested,
    correlate: Correlate,
) -> pd.DataFrame:
    rows = []
    for (_, signal), row in zip(signals.iterrows(), leads, strict=True):
        if listed is None:
            rows.append((None, None, None, np.nan, None))
            continue
        near = listed.near(signal["chromosome"], signal["base_pair_location"], kb)
        if near.empty:
            rows.append((None, None, None, np.nan, True))
            continue
        contig = signal["chromosome"]
        there = known.rows_at(scanned, contig, near)
        r2 = np.where(there == row, 1.0, correlate(row, there))
        best = float(np.nanmax(r2)) if np.isfinite(r2).any() else np.nan
        first = near.iloc[0]
        rows.append((first["variant"], first["trait"], int(first["distance"]), best, False))
    names = ["known_variant", "known_trait", "known_distance", "known_r2", "novel"]
    made = pd.DataFrame(rows, columns=names, index=signals.index)
    made["known_distance"] = made["known_distance"].astype("Int32")
    made["known_r2"] = made["known_r2"].astype(float)
    made["novel"] = made["novel"].astype("boolean")
    return pd.concat([signals, made], axis=1)


def _about(
    number: int, locus: Locus, scanned: Tested, models: genes.Genes | None
) -> dict[str, Any]:
    """What a picture of a locus needs beside its variants."""
    held = [] if models is None else models.within(locus.contig, locus.start, locus.stop)
    return {
        "locus": number,
        "contig": locus.contig,
        "start": locus.start,
        "stop": locus.stop,
        "lead": scanned.table["variant_id"][int(locus.rows[locus.lead])].as_py(),
        "genes": [] if models is None else held.drop(columns="contig").to_dict("records"),
    }
