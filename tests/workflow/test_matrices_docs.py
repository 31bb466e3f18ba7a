"""The lines of docs/matrices.md do what they say, read out of the document itself."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.unit.matrix_folder import small_folder

ROOT = Path(__file__).resolve().parents[2]
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", (ROOT / "docs/matrices.md").read_text(), re.M | re.S)
# Started once for all, with the round trips of real data.
PYTHON = [text for language, text in BLOCKS if language == "python" and "import hail" not in text]
SHELL = [text for language, text in BLOCKS if language == "sh"]


@pytest.fixture(scope="module")
def project(tmp_path_factory, genopheno):
    folder = tmp_path_factory.mktemp("project")
    matrices = small_folder(folder / "results/matrices")
    for to, name in (
        ("plink2", "cohort.pgen"),
        ("zarr", "cohort.vcz"),
        ("vcf", "annotated.vcf.gz"),
    ):
        genopheno("extract", "--to", to, "--output", matrices / name, cwd=folder)
    return folder


@pytest.mark.slow
def test_every_line_of_python(project, monkeypatch):
    assert {"pandas", "polars", "duckdb", "sgkit"} <= set(
        re.findall(r"import (\w+)", "".join(PYTHON))
    )
    monkeypatch.chdir(project)
    names: dict = {}
    values = []
    for text in PYTHON:
        # Each ends with an expression: what a reader sees in a notebook.
        first, _, last = text.strip().partition("; ")
        exec(first, names)
        values.append(eval(last, names))
    high, rare, _, matrix, samples, _ = values
    assert set(high["impact"]) == {"HIGH"}
    assert len(rare) and (rare["allele_frequency"] < 0.01).all()
    assert matrix.shape[1] == len(samples) and matrix.shape[0] > 1
    assert set(matrix.ravel()) <= {-1, 0, 1, 2}


@pytest.mark.slow
def test_every_line_of_the_shell(project, genopheno):
    assert len(SHELL) == 3
    for text in SHELL:
        said = subprocess.run(
            ["bash", "-euc", text], cwd=project, capture_output=True, text=True, env=os.environ
        )
        assert said.returncode == 0, said.stderr
        assert said.stdout
    assert (project / "frequencies.afreq").is_file()
    assert (project / "brca2/sites.parquet").is_dir()
    assert "BRCA2" in (project / "brca2-tables/sites.tsv").read_text()
    listed = subprocess.run(
        ["bcftools", "query", "-l", "region.vcf.gz"], cwd=project, capture_output=True, text=True
    )
    assert len(listed.stdout.split()) == 100  # women
