"""The report: one HTML file that opens offline, made from the files of the stages."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

from genopheno.files import writing
from genopheno.report import (
    association,
    cohort,
    controls,
    coverage,
    genes,
    interactions,
    matrices,
    outputs,
    overview,
    samples,
    scores,
    signals,
    structure,
    variants,
)
from genopheno.report.blocks import embed
from genopheno.report.read import Results


def write(
    results: Path,
    out_html: Path,
    *,
    project: str,
    config: dict[str, Any],
    provenance: dict[str, Any],
) -> None:
    """Write the report of a project.

    Parameters
    ----------
    results : the project's ``results`` folder. A file that is absent leaves a sentence
        in its section, so the report of a partial run can be made too.
    out_html : HTML to write. It holds its script, styles and data, and loads nothing.
    project : name of the project, for the title.
    config : the parsed configuration, as JSON values; shown, and its QC limits drawn.
    provenance : what `genopheno.report.provenance.collect` returns.

    Raises
    ------
    StageError : a result file is there and cannot be read.
    """
    import jinja2
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    held = Results(results)
    tested, best, books = association.section(held)
    limits = _limits(config)
    groups = (config.get("summaries") or {}).get("groups") or []
    sections = [
        overview.section(held, best),
        samples.section(held, limits),
        coverage.section(held, limits.get("mean_coverage", {})),
        variants.section(held),
        *([compared] if (compared := controls.section(held)) else []),
        structure.section(held),
        tested,
        *([products] if (products := interactions.section(held)) else []),
        *([behind] if (behind := signals.section(held)) else []),
        *([sets] if (sets := genes.section(held)) else []),
        *([scored] if (scored := scores.section(held)) else []),
        cohort.section(held, groups),
        matrices.section(held),
        outputs.files(held),
        outputs.provenance(provenance, config),
    ]
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("genopheno.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["embed"] = embed
    folder = resources.files("genopheno.report") / "templates"
    parts = {
        name: Markup((folder / name).read_text(encoding="utf-8"))  # our own files, not names
        for name in ("report.css", "report.js", "plots.js")
    }
    text = environment.get_template("report.html.j2").render(
        project=project,
        build=(config.get("reference") or {}).get("build") or "",
        created=provenance.get("created") or "",
        version=(provenance.get("packages") or {}).get("genopheno", ""),
        sections=sections,
        books=books,
        plotly=Markup(get_plotlyjs()),
        parts=parts,
    )
    with writing(out_html) as beside:
        beside.write_text(text, encoding="utf-8")


def _limits(config: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Bounds per measure, with the defaults of the assay where the config is silent."""
    from genopheno.assays import ASSAYS

    defaults = ASSAYS[config.get("assay") or "genome"]
    given = (config.get("sample_qc") or {}).get("limits") or {}
    merged = {name: bounds for name, (bounds, _) in defaults.items()} | {
        name: limit for name, limit in given.items() if isinstance(limit, dict)
    }
    return {
        name: {k: float(v) for k, v in limit.items() if v is not None}
        for name, limit in merged.items()
    }
