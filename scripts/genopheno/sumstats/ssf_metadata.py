"""The metadata file of GWAS-SSF 1.0: ``{file}-meta.yaml`` beside a file of summary statistics."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from genopheno.files import md5, read_json, write_text
from genopheno.problems import fail

END = ".tsv.gz"
# The format's own list of what a person's sex in the study may be; a scan tests who is there.
SEX = "NR"


def write_metadata(text: Path, assembly: str, trait: str | None = None) -> Path:
    """Describe a ``.tsv.gz`` that a scan, `harmonise` or `meta` wrote; return the file written.

    Parameters
    ----------
    assembly : name of the genome assembly, such as GRCh38.
    trait : what was studied; None: the name that the scan has for it.

    Raises
    ------
    StageError : there is no such file, or nothing beside it that says how it came about.
    """
    if not text.is_file() or not text.name.endswith(END):
        raise fail("ssf-file", text, f"it is no file that ends in {END}", "Give the text file")
    stem = text.name.removesuffix(END)
    own, scan = text.with_name(f"{stem}.json"), text.with_name("scan.json")
    said = {one["name"]: one for one in read_json(scan)["traits"]} if scan.is_file() else {}
    if stem in said:
        about = of_scan(said[stem])
    elif own.is_file():
        about = of_summary(read_json(own))
    else:
        raise fail(
            "ssf-unknown",
            text,
            f"neither {own.name} nor a scan.json that names {stem} is beside it",
            "Give a file where genopheno left it",
        )
    if trait:
        about["trait_description"] = [trait]
    about |= {
        "data_file_name": text.name,
        "file_type": "GWAS-SSF v1.0",
        "data_file_md5sum": md5(text),
        "genome_assembly": assembly,
        "coordinate_system": "1-based",
        "is_sorted": True,
        "sex": SEX,
        "date_metadata_last_modified": date.today(),
    }
    return _write(text.with_name(f"{text.name}-meta.yaml"), about)


def of_scan(trait: Mapping[str, Any]) -> dict[str, Any]:
    """What ``scan.json`` says of a trait, in the names of GWAS-SSF."""
    binary = trait["n_cases"] is not None and trait["type"] == "binary"
    sample = {"sample_size": trait["n"], "case_control_study": binary}
    if binary:
        sample |= {"case_count": trait["n_cases"], "control_count": trait["n_controls"]}
    return {
        "trait_description": [trait["name"]],
        "samples": [sample],
        "adjusted_covariates": list(trait["covariates"]),
        "analysis_software": f"genopheno {version('genopheno')}, model {trait['model']}",
        "author_notes": (
            f"beta is the effect of one more effect allele on {_scale(trait, binary)}; the effect "
            "allele is the alternate allele"
        ),
        "is_harmonised": False,
    }


def of_summary(told: Mapping[str, Any]) -> dict[str, Any]:
    """What the JSON of `harmonise` or `meta` says, in the names of GWAS-SSF."""
    software = f"genopheno {version('genopheno')}"
    references = [str(told[name]) for name in ("fasta", "reference") if told.get(name)]
    about: dict[str, Any] = {"is_harmonised": bool(references)}
    if references:
        about["harmonisation_reference"] = ", ".join(references)
    if "studies" not in told:
        return about | {"analysis_software": software}
    names = ", ".join(study["name"] for study in told["studies"])
    return about | {
        "analysis_software": f"{software}, meta-analysis by {told['method']}",
        "author_notes": f"Meta-analysis of {names}",
    }


def _scale(trait: Mapping[str, Any], binary: bool) -> str:
    if binary:
        return "the log odds"
    if trait.get("transform", "none") != "none":
        return f"the trait after the transform {trait['transform']}"
    return f"the trait in {trait['unit']}" if trait.get("unit") else "the trait"


def _write(path: Path, about: Mapping[str, Any]) -> Path:
    import yaml

    write_text(path, yaml.safe_dump(dict(about), sort_keys=True, allow_unicode=True))
    return path
