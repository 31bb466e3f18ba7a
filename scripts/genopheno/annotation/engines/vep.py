"""Ensembl VEP with its offline cache. The command has not been run by us.

The reader is held to the CSQ layout that VEP documents ("Output formats", VCF) and writes
into the header; it takes the fields by their names, in any order.

McLaren W et al. The Ensembl Variant Effect Predictor. Genome Biology 2016;17:122.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from genopheno.annotation.consequences import Consequence
from genopheno.annotation.engines import Reader
from genopheno.problems import fail
from genopheno.tools import Command, run


@dataclass(frozen=True)
class VepOptions:
    """How VEP is started.

    Attributes
    ----------
    cache : folder of its cache. species, assembly : of the cache.
    cache_version : release of the cache; None: that of VEP.
    container : image that holds VEP, run by Apptainer; None: VEP is on PATH.
    """

    cache: Path
    species: str = "homo_sapiens"
    assembly: str = "GRCh38"
    cache_version: int | None = None
    container: str | None = None


class Vep:
    """VEP on the sites."""

    name = "Ensembl VEP"
    info = "CSQ"
    needs_genotypes = False

    def __init__(self, reference: Path, options: VepOptions):
        self.reference, self.options = Path(reference), options

    def version(self) -> str:
        if not shutil.which(self._start()[0]):
            return "not found"
        said = run([*self._start(), "--help"])
        found = re.search(r"ensembl-vep\s*:\s*(\S+)", said)
        return found[1] if found else "unknown"

    def commands(self, calls: Path) -> list[Command]:
        program = self._start()[0]
        if not shutil.which(program):
            raise fail(
                "tool-missing",
                program,
                f"annotation.engine is vep, and {program} is not on PATH",
                "Install it (conda: envs/vep.yaml; or Apptainer, with annotation.vep.container), "
                "or take engine csq",
            )
        if str(self.options.cache) == "." or not self.options.cache.is_dir():
            raise fail(
                "vep-cache-missing",
                self.options.cache,
                "there is no such folder",
                "Fetch the cache of your species (INSTALL.pl of VEP), give annotation.vep.cache",
            )
        options = self.options
        vep = [
            *(*self._start(), "--offline", "--cache", "--dir_cache", options.cache),
            *("--species", options.species, "--assembly", options.assembly),
            *(["--cache_version", str(options.cache_version)] if options.cache_version else []),
            *("--fasta", self.reference, "--format", "vcf", "--vcf", "--vcf_info_field", self.info),
            *("--hgvs", "--symbol", "--biotype", "--canonical", "--mane", "--no_stats"),
            # Every allele and every transcript; none may be left out.
            *("--allow_non_variant", "--dont_skip", "--force_overwrite"),
            *("--input_file", "STDIN", "--output_file", "STDOUT"),
        ]
        return [["bcftools", "view", "--no-version", "-G", calls], vep]

    def reader(self, annotated: Path) -> Reader:
        header = run(["bcftools", "view", "-h", annotated])
        layout = read_layout(header, annotated, self.info)

        def read(contig: str, position: int, reference: str, alternate: str, value: str):
            return [parse_entry(entry, layout) for entry in value.split(",") if entry]

        return read

    def report(self) -> dict[str, Any]:
        """VEP takes its models from the cache and tells none that it leaves out."""
        return {"used": {}, "left_out": {"n": 0, "reasons": []}}

    def _start(self) -> list[str]:
        image = self.options.container
        return ["apptainer", "exec", image, "vep"] if image else ["vep"]


def read_layout(header: str, file: Path, info: str = "CSQ") -> dict[str, int]:
    """Field of CSQ → its place, as the VCF header says.

    Raises
    ------
    StageError : the header does not say, or a field that we need is not there.
    """
    found = re.search(rf'^##INFO=<ID={info},.*Format: ([^"]+)"', header, flags=re.MULTILINE)
    layout = {name.strip(): i for i, name in enumerate(found[1].split("|"))} if found else {}
    lacking = {"Consequence", "Gene", "SYMBOL", "Feature_type", "Feature", "BIOTYPE"} - set(layout)
    if lacking:
        raise fail(
            "vep-layout",
            file,
            f"its header does not tell the fields of {info}: {', '.join(sorted(lacking))}",
            "Run VEP with --symbol --biotype, and leave --fields out",
        )
    return layout


def parse_entry(entry: str, layout: dict[str, int]) -> Consequence:
    """Read one entry of CSQ by the layout of its header."""
    cells = entry.split("|")

    def cell(name: str) -> str:
        return cells[layout[name]] if name in layout else ""

    transcript = cell("Feature") if cell("Feature_type") == "Transcript" else ""
    mane = cell("MANE_SELECT") or ("MANE_Select" if "MANE_Select" in cell("MANE") else "")
    return Consequence(
        tuple(cell("Consequence").split("&")),
        gene_id=cell("Gene"),
        gene_symbol=cell("SYMBOL"),
        transcript=transcript,
        biotype=cell("BIOTYPE"),
        coding_change=_change(cell("HGVSc")),
        protein_change=_change(cell("HGVSp")),
        canonical=cell("CANONICAL") == "YES" if transcript else None,
        mane_select=bool(mane) if transcript else None,
    )


def _change(hgvs: str) -> str:
    """An HGVS description without the accession."""
    return unquote(hgvs.rpartition(":")[2])
