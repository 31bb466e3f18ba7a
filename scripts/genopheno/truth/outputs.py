"""What a comparison leaves: numbers, curve, the wrong ones as VCF, and a page."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from genopheno.files import write_text, writing
from genopheno.tools import run
from genopheno.truth.match import Level, Matched
from genopheno.truth.score import KINDS

COLUMNS = (
    *("type", "truth", "calls", "tp", "tp_calls", "fp", "fn", "genotype_errors"),
    *("precision", "recall", "f1", "genotype_error_rate"),
    *("allele_precision", "allele_recall", "allele_f1"),
)
CURVE_COLUMNS = ("type", "min_quality", "tp", "fp", "fn", "precision", "recall", "f1")
# Fields of the Global Alliance's intermediate VCF for comparisons.
HEADER = """\
##fileformat=VCFv4.2
##FILTER=<ID=PASS,Description="All filters passed">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype; phase is not compared">
##FORMAT=<ID=BD,Number=1,Type=String,Description="Decision: FN (truth), FP (call)">
##FORMAT=<ID=BK,Number=1,Type=String,Description="am: the allele alone matches; .: nothing">
##FORMAT=<ID=BVT,Number=1,Type=String,Description="Type: SNP, INDEL">
"""
COLOURS = {"snp": "#2f6690", "indel": "#c8553d"}


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Rows as TSV; numbers to six digits, what is unknown empty."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter="\t", lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        values = [row[name] for name in columns]
        writer.writerow([f"{v:.6g}" if isinstance(v, float) else v for v in values])
    return out.getvalue()


def errors(matched: Matched) -> Iterator[tuple[int, str]]:
    """Counted variants that are not right, as (0-based position, VCF line)."""
    for side, variants, levels in (
        ("truth", matched.truth, matched.truth_levels),
        ("calls", matched.calls, matched.call_levels),
    ):
        for v, level in zip(variants, levels, strict=True):
            if not v.counted or level is Level.GENOTYPE:
                continue
            decision = "FN" if side == "truth" else "FP"
            kind = "am" if level is Level.ALLELE else "."
            genotype = "1/1" if v.copies == 2 else "0/1"
            told = f"{genotype}:{decision}:{kind}:{v.kind.upper()}"
            columns = (told, "./.:.:.:.") if side == "truth" else ("./.:.:.:.", told)
            quality = "." if v.quality is None else f"{v.quality:g}"
            fields = (v.contig, v.position + 1, ".", v.ref, v.alt, quality, ".", ".")
            line = "\t".join(map(str, (*fields, "GT:BD:BK:BVT", *columns)))
            yield v.position, line


def write_errors(path: Path, lines: Sequence[str], lengths: Mapping[str, int]) -> None:
    """Write the wrong variants (sorted) as an indexed ``.vcf.gz``, truth and calls side by side."""
    contigs = "".join(f"##contig=<ID={c},length={n}>\n" for c, n in lengths.items())
    names = "#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT TRUTH CALLS".replace(" ", "\t")
    text = HEADER + contigs + "\n".join([names, *lines]) + "\n"
    index = path.with_name(path.name + ".tbi")
    with writing(index) as tbi, writing(path, suffix=".vcf.gz") as out:
        plain = out.with_suffix(".txt")
        try:
            plain.write_text(text, encoding="utf-8")
            run(["bcftools", "view", "-Oz", "-o", out, plain])
        finally:
            plain.unlink(missing_ok=True)
        run(["bcftools", "index", "-t", "-f", "-o", tbi, out])


def write_page(path: Path, title: str, report: Mapping[str, Any]) -> None:
    """Write one HTML file that opens offline: the numbers, and precision and recall over QUAL."""
    import jinja2
    import plotly.graph_objects as go

    figure = go.Figure()
    for kind in KINDS:
        rows = report["curves"][kind]
        hover = "QUAL ≥ %{customdata:.4g}<br>recall %{x:.4f}<br>precision %{y:.4f}"
        figure.add_scatter(
            x=[row["recall"] for row in rows],
            y=[row["precision"] for row in rows],
            customdata=[row["min_quality"] for row in rows],
            mode="lines+markers",
            name=kind,
            line={"color": COLOURS[kind]},
            hovertemplate=hover,
        )
    figure.update_layout(
        xaxis_title="recall", yaxis_title="precision", template="simple_white", height=520
    )
    # A folder of its own would be one more file to carry along.
    text = (
        jinja2.Environment(autoescape=True)
        .from_string(PAGE)
        .render(
            title=title,
            report=report,
            columns=COLUMNS,
            rows=[{"type": kind, **report["types"][kind]} for kind in KINDS],
            curves=any(report["curves"].values()),
        )
    )
    plot = figure.to_html(full_html=False, include_plotlyjs=True)
    write_text(path, text.replace("<!-- plot -->", plot))


PAGE = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; color: #222 }
.wide { overflow-x: auto } table { border-collapse: collapse }
th, td { padding: .3rem .7rem; text-align: right; border-bottom: 1px solid #ddd }
th:first-child, td:first-child { text-align: left }
</style></head><body>
<h1>{{ title }}</h1>
<p>Calls <code>{{ report.calls.file }}</code> (sample {{ report.calls.sample }}) against
<code>{{ report.truth.file }}</code> in {{ "{:,}".format(report.regions.bases) }} confident
bases; engine {{ report.engine }}. A wrong genotype counts as missed and as false; the
<code>allele</code> columns take it as found.</p>
<div class="wide"><table><tr>{% for c in columns %}<th>{{ c | replace("_", " ") }}</th>{% endfor %}
</tr>
{% for row in rows %}<tr>{% for c in columns %}<td>{% set v = row[c] %}{% if v is none %}–{%
elif v is float %}{{ "%.4f" | format(v) }}{% else %}{{ v }}{% endif %}</td>{% endfor %}</tr>
{% endfor %}</table></div>
<h2>Precision and recall over QUAL</h2>
{% if curves %}<!-- plot -->{% else %}<p>The calls have no QUAL.</p>{% endif %}
</body></html>
"""
