"""What made the results: versions of tools and packages, parameters, input files."""

from __future__ import annotations

import os
import platform
import sys
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from genopheno import tools as field_tools

TOOLS = ["samtools", "bcftools", "fastp", "mosdepth", "tabix", "java"]

PACKAGES = (
    "genopheno",
    "snakemake",
    "hail",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "pysam",
    "cyvcf2",
    "pydantic",
    "plotly",
    "jinja2",
    "multiqc",
)


def collect(
    config: dict[str, Any],
    receipt: dict[str, Any],
    *,
    tools: list[str],
    command: str = "genopheno run",
) -> dict[str, Any]:
    """Gather what ``provenance.json`` holds.

    Parameters
    ----------
    config : the parsed configuration, as JSON values.
    receipt : content of ``submission/receipt.json``; its input files with their MD5.
    tools : names of field tools, asked for their version ('not found' where absent).
    command : what to type to make the results again.

    Returns
    -------
    dict of created (UTC, ISO 8601), command, system, packages, tools, config, inputs
    (list of file, bytes, md5, from the receipt).
    """
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "system": {
            "python": sys.version.split()[0],
            "platform": platform.platform(),
            "cores": os.cpu_count(),
        },
        "packages": {name: version for name in PACKAGES if (version := _package(name))},
        "tools": {name: _tool(name) for name in tools},
        "config": config,
        "inputs": input_files(receipt),
    }


def _tool(name: str) -> str:
    try:
        return field_tools.version(name)
    except UnicodeDecodeError:  # samtools prints the build path as bytes that are not UTF-8
        return "unreadable"


def _package(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def input_files(receipt: Any) -> list[dict[str, Any]]:
    """Every input that a receipt names with an MD5: file, bytes (or None), md5.

    The receipt is walked, so files are found wherever they stand in it: as dicts with
    the keys file (or path, name) and md5, or as a dict from file name to such a dict.
    """
    found: dict[str, dict[str, Any]] = {}

    def walk(value: Any, name: str | None) -> None:
        if isinstance(value, list):
            for item in value:
                walk(item, None)
        elif isinstance(value, dict):
            file = value.get("file") or value.get("path") or name
            if isinstance(value.get("md5"), str) and file:
                size = next((value[k] for k in ("bytes", "size", "n_bytes") if k in value), None)
                found[str(file)] = {"file": str(file), "bytes": size, "md5": value["md5"]}
            for key, item in value.items():
                walk(item, key)

    walk(receipt, None)
    return [found[file] for file in sorted(found)]
