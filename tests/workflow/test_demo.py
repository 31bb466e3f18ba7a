"""The demo, as a newcomer runs it, and what runs again after a change."""

from __future__ import annotations

import csv
import gzip
import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
import yaml

from genopheno import fields
from genopheno.demo.compare import compare
from genopheno.runner import Progress

pytestmark = pytest.mark.slow

BEFORE_THE_JOIN = {
    "receive", "units", "reference", "aligner_index", "ploidy", "database", "align",
    "mark_duplicates", "read_qc", "shards", "call", "gather", "annotate", "identity", "verdicts",
}  # fmt: skip


def planned(genopheno, project: Path) -> Counter:
    """Jobs that the next run would do, by rule."""
    progress = Progress()
    for line in genopheno("run", "--dry-run", cwd=project).stdout.splitlines():
        progress.read(line)
    return +Counter({k: n for k, n in progress.total.items() if k not in ("total", "all")})


@pytest.fixture
def project(demo: tuple[Path, str], tmp_path: Path) -> Path:
    """A copy of the finished demo, to change; Snakemake's memory of it is copied too."""
    return Path(shutil.copytree(demo[0], tmp_path / "project"))


def test_the_demo_ends_with_the_path_of_its_report(demo: tuple[Path, str]) -> None:
    folder, said = demo
    assert said.strip().splitlines()[-1].endswith("results/report/report.html")
    assert (folder / "results/report/report.html").stat().st_size > 1_000_000
    assert (folder / "results/report/multiqc.html").exists()


def test_what_was_planted_is_found(demo: tuple[Path, str]) -> None:
    rows = compare(demo[0])
    assert rows and all(row["ok"] for row in rows), rows


def test_the_bad_sample_is_failed_with_its_reason_and_left_out(demo: tuple[Path, str]) -> None:
    planted = json.loads((demo[0] / "planted.json").read_text())
    verdicts = fields.read(demo[0] / "results/qc/samples.parquet").set_index("sample")
    bad = verdicts.loc[planted["bad_sample"]]
    assert bad["verdict"] == "fail"
    assert "mapped" in bad["reasons"] and "coverage" in bad["reasons"]
    assert list(verdicts.index[verdicts["verdict"] == "fail"]) == [planted["bad_sample"]]
    design = fields.read(demo[0] / "results/association/design.parquet")
    assert planted["bad_sample"] not in set(design["sample"])


def test_every_table_is_declared_and_the_dictionary_names_every_column(demo) -> None:
    results = demo[0] / "results"
    assert fields.check_tables(results) == []
    assert fields.check_codes(results) == []
    assert fields.check_dictionary(results / "matrices") == []


@pytest.mark.parametrize(
    ("path", "table"),
    [
        ("qc/samples.parquet", "sample_qc"),
        ("qc/identity/measures.parquet", "identity_measures"),
        ("qc/identity/pairs.parquet", "identity_pairs"),
        ("annotated/sites.parquet", "sites"),
        ("annotated/consequences.parquet", "consequences"),
        ("phenotypes/phenotypes.parquet", "phenotypes"),
        ("cohort/samples.parquet", "cohort_samples"),
        ("cohort/variants.parquet", "cohort_variants"),
        ("structure/components.parquet", "components"),
        ("structure/kinship.parquet", "kinship"),
        ("association/design.parquet", "design"),
        ("association/ldl.parquet", "association"),
        ("association/left_out/ldl.parquet", "association_left_out"),
        ("association/genes/sets/sets.parquet", "gene_sets"),
        ("association/genes/ldl.parquet", "gene_tests"),
        ("association/genes/left_out/ldl.parquet", "genes_left_out"),
        ("association/genes/variants/ldl.parquet", "gene_variants"),
        ("scores/scores.parquet", "scores"),
        ("scores/variants.parquet", "score_variants"),
        ("association/calibration.parquet", "calibration"),
        ("summaries/frequencies.parquet", "group_frequencies"),
        ("summaries/groups.parquet", "groups"),
        ("summaries/phenotypes.parquet", "trait_distributions"),
        ("matrices/sites.parquet", "matrix_sites"),
        ("matrices/genotypes.parquet", "matrix_genotypes"),
        ("matrices/carriers.parquet", "carriers"),
        ("matrices/consequences.parquet", "consequences"),
        ("matrices/genes.parquet", "matrix_genes"),
        ("matrices/samples.parquet", "matrix_samples"),
        ("matrices/phenotypes.parquet", "phenotypes"),
    ],
)
def test_a_table_has_all_columns_of_its_declaration(
    demo: tuple[Path, str], path: str, table: str
) -> None:
    import pyarrow.dataset as ds

    found = ds.dataset(demo[0] / "results" / path, format="parquet").schema
    assert found.metadata[b"table"].decode() == table
    own = set(fields.names(table))
    extra = [field for field in fields.fields_of(found) if field.name not in own]
    fields.declared(table, extra)  # refuses what no family of the table allows
    samples = json.loads(found.metadata.get(b"samples", b"[]"))
    declared = fields.schema(table, sizes={"samples": len(samples)})
    assert [name for name in found.names if name in own] == declared.names
    assert [found.field(name).type for name in declared.names] == declared.types


def test_a_finished_run_followed_by_another_does_nothing(demo, genopheno) -> None:
    said = genopheno("run", cwd=demo[0]).stdout
    assert "Nothing to be done" in said


def test_a_changed_phenotype_value_runs_the_join_and_what_follows(project, genopheno) -> None:
    path = project / "config/participants.csv"
    with open(path, newline="") as handle:
        rows = list(csv.DictReader(handle))
    rows[5]["age"] = str(float(rows[5]["age"]) + 1)
    with open(path, "w", newline="") as handle:
        writer = csv.DictWriter(handle, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    plan = planned(genopheno, project)
    assert plan["phenotypes"] == plan["join"] == plan["associate"] == plan["report"] == 1
    assert not BEFORE_THE_JOIN & set(plan), plan
    said = genopheno("run", cwd=project).stdout
    assert f"{sum(plan.values()) + 1} jobs" in said  # with the target
    assert not planned(genopheno, project)


def test_an_added_sample_aligns_no_finished_one_again(project, genopheno) -> None:
    planted = json.loads((project / "planted.json").read_text())
    sheet = project / "config/samples.csv"
    with open(sheet, newline="") as handle:
        rows = list(csv.DictReader(handle))
    row = dict(next(row for row in rows if row["sample"] != planted["bad_sample"]))
    for end in ("fastq_1", "fastq_2"):
        copy = f"reads/added_{end}.fastq.gz"
        lines = gzip.decompress((project / row[end]).read_bytes()).splitlines(keepends=True)
        # Without its last pair, since a file that is the same under another name is refused.
        (project / copy).write_bytes(gzip.compress(b"".join(lines[:-4]), 1))
        row[end] = copy
    row["sample"] = "added"
    with open(sheet, "a", newline="") as handle:
        csv.DictWriter(handle, rows[0]).writerow(row)
    plan = planned(genopheno, project)
    assert plan["align"] == plan["mark_duplicates"] == plan["read_qc"] == 1
    assert not {"reference", "aligner_index", "database", "shards"} & set(plan), plan
    said = genopheno("run", "--until", "read_qc", cwd=project).stdout
    assert "Done" in said
    plan = planned(genopheno, project)
    assert not {"align", "mark_duplicates", "read_qc"} & set(plan), plan
    assert plan["call"] == 2


@pytest.mark.parametrize("name", ["alignments", "calls"])
def test_a_later_run_can_start_from_its_sheets(demo, genopheno, tmp_path, name) -> None:
    project = demo[0].resolve()
    config = yaml.safe_load((project / "config/config.yaml").read_text())
    config["samples"] = str(project / f"results/sheets/{name}.csv")
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    said = genopheno("check", "--config", tmp_path / "config.yaml", cwd=project)
    assert "No problems found" in said.stdout


def test_status_counts_steps_and_names_the_failed_sample(demo, genopheno) -> None:
    said = genopheno("status", cwd=demo[0]).stdout
    planted = json.loads((demo[0] / "planted.json").read_text())
    assert "align" in said and planted["bad_sample"] in said and "fail" in said


def test_the_plain_snakemake_command_finds_nothing_to_do(demo) -> None:
    from tests.workflow.commands import command

    root = Path(__file__).resolve().parents[2]
    said = command(
        "snakemake", "--snakefile", root / "workflow/Snakefile", "--cores", "2", cwd=demo[0]
    )
    assert "Nothing to be done" in said.stdout
