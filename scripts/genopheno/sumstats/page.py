"""A meta-analysis as one HTML page that opens offline."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from genopheno.files import read_json, write_text
from genopheno.sumstats import pictures
from genopheno.sumstats.meta import json_path, loci_path

TOGETHER = ("fixed", "random", "sample-size")
FORESTS = 20  # loci that are drawn
PLACES = ["chromosome", "base_pair_location", "neg_log10_p_value", "heterogeneity_i2"]
STYLE = """
body{font:15px/1.45 system-ui,sans-serif;color:#1c2430;max-width:1040px;margin:2em auto;
padding:0 1em}
h1{font-size:1.5em}h2{font-size:1.15em;margin-top:1.8em}svg{width:100%;font-size:12px}
svg text{fill:#33404f}.mid{text-anchor:middle}.end{text-anchor:end}
.axis{stroke:#33404f;fill:none}.line{stroke:#b5532c;stroke-dasharray:4 3;fill:none}
.dots{stroke-width:3;stroke-linecap:round;fill:none}.diamond{fill:#b5532c}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:1em}
table{border-collapse:collapse;width:100%;font-size:.9em}th,td{padding:.25em .6em;text-align:left;
border-bottom:1px solid #d8dee6;vertical-align:top}td.n{text-align:right}
"""


def write(meta: Path, page: Path) -> None:
    """Write the page of a meta-analysis.

    Parameters
    ----------
    meta : its Parquet file; the JSON and the table of loci are beside it.
    """
    told = read_json(json_path(meta))
    loci = pd.read_parquet(loci_path(meta))
    places = _places(meta)
    several = places[places["heterogeneity_i2"].notna()]
    body = [
        f"<h1>Meta-analysis of {len(told['studies'])} studies</h1>",
        f"<p>{told['n_variants']:,} variants, combined by {told['method']}; "
        f"{told['n_loci']} loci; lambda {_number(told['lambda_gc'])}.</p>",
        "<h2>Studies</h2>",
        _studies(told),
        "<h2>Along the genome</h2>",
        pictures.manhattan(places),
        "<h2>p-values and heterogeneity</h2>",
        '<div class="pair">',
        pictures.qq(places["neg_log10_p_value"].to_numpy(), told["lambda_gc"]),
        pictures.heterogeneity(several) if len(several) else "",
        "</div>",
        *_loci(loci),
    ]
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Meta-analysis</title><style>{STYLE}</style></head><body>"
        + "\n".join(body)
        + "</body></html>\n"
    )
    write_text(page, text)


def _places(meta: Path) -> pd.DataFrame:
    """What pictures need, a row a variant; I² only where several studies have it."""
    columns = [*PLACES, "heterogeneity_df"]
    frame = pq.read_table(meta, columns=columns, read_dictionary=["chromosome"]).to_pandas()
    frame = frame[frame["neg_log10_p_value"].notna()]
    alone = frame["heterogeneity_df"] < 1
    return frame.assign(heterogeneity_i2=frame["heterogeneity_i2"].mask(alone))[PLACES]


def _studies(told: dict) -> str:
    head = ["study", "rows", "used", "shared", "lambda", "divided by", "dropped", "matched"]
    lines = [
        "<tr>"
        + _cells(
            study["name"],
            f"{study['rows']:,}",
            f"{study['rows_used']:,}",
            f"{study['rows_shared_with_another_study']:,}",
            _number(study["lambda_gc"]),
            _number(study["genomic_control"]),
            _counts(study["rows_dropped"]),
            _counts(study["matched"] | study["oriented"]),
        )
        + "</tr>"
        for study in told["studies"]
    ]
    return f"<table><tr>{''.join(f'<th>{h}</th>' for h in head)}</tr>{''.join(lines)}</table>"


def _loci(loci: pd.DataFrame) -> Iterator[str]:
    """A forest plot a locus, in the order of the genome."""
    if loci.empty:
        yield "<h2>Loci</h2><p>No variant is as strong as a lead variant has to be.</p>"
        return
    groups = [group for _, group in loci.groupby("variant_id", sort=False)]
    strength = [float(group["neg_log10_p_value"].max()) for group in groups]
    shown = sorted(np.argsort(strength)[::-1][:FORESTS])
    yield f"<h2>Loci</h2><p>{len(groups)} lead variants; the strongest {len(shown)} are shown.</p>"
    for index in shown:
        group = groups[index]
        lead = group.iloc[0]
        name = f"{lead['rsid']}, " if isinstance(lead["rsid"], str) else ""
        title = f"{name}{lead['variant_id']}: effect of {lead['effect_allele']}"
        yield f"<h3>{escape(title)}</h3>"
        yield (
            pictures.forest(group, TOGETHER)
            if group["beta"].notna().any()
            else "<p>The studies give no effects.</p>"
        )


def _cells(first: str, *others: str) -> str:
    numbers = "".join(f'<td class="n">{escape(cell)}</td>' for cell in others[:5])
    return f"<td>{escape(first)}</td>{numbers}" + "".join(f"<td>{t}</td>" for t in others[5:])


def _counts(counts: dict[str, int]) -> str:
    told = [f"{escape(reason)}: {n:,}" for reason, n in counts.items() if n]
    return "<br>".join(told) or "none"


def _number(value: float | None) -> str:
    return "not known" if value is None else f"{value:.3f}"
