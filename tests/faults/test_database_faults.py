"""Planted faults of site databases: by `genopheno check`, all at once, and by the step itself."""

from __future__ import annotations

import gzip
import json

import pytest

from tests.faults.planting import DATABASE, LENGTH, sites, sound
from tests.workflow.commands import command

GOOD = "chrom\tpos\tref\talt\tscore\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return sound(tmp_path_factory.mktemp("project"), people=2)


def genome(project):
    return (project / "reference/genome.fa").read_text().splitlines()[1]


def checked(project, files, fields=""):
    """Problems (code, file, column) and notes of a check with these databases."""
    config = project / "config/config.yaml"
    head = config.read_text().split("databases:")[0]
    lines = []
    for number, (name, content) in enumerate(files.items()):
        content = content.encode() if isinstance(content, str) else content
        (project / "databases" / name).write_bytes(content)
        lines.append(f"  d{number}:\n    file: databases/{name}\n    fields: [{fields}]\n")
    config.write_text(head + "databases:\n" + "".join(lines))
    said = command("genopheno", "check", "--json", cwd=project, check=False)
    return [(p["code"], p["file"].split("/")[-1], p["column"]) for p in json.loads(said.stdout)]


def test_every_faulty_database_is_told_at_once(project):
    vcf = sites("20", genome(project))
    files = {
        "cut.vcf.gz": gzip.compress(vcf.encode())[:-12],
        "form.tsv": "score\tname\n1\t2\n",
        "header.tsv": GOOD,
        "place.bed": f"20\t0\t{LENGTH}\tx\n20\t9\t9\tx\n",
        "other.tsv": f"{GOOD}21\t5\tA\tC\t1\n",
        "two.tsv": f"{GOOD}20\t5\tA\tC\t1\nchr20\t5\tA\tC\t1\n",
        "length.vcf": vcf.replace(f"length={LENGTH}", f"length={LENGTH + 1}"),
    }
    assert sorted(checked(project, files)) == [
        ("contig-lengths", "length.vcf", None),
        ("contig-names", "other.tsv", None),
        ("contig-names", "two.tsv", None),
        ("database-form", "form.tsv", None),
        ("database-record", "place.bed", None),
        ("gzip-truncated", "cut.vcf.gz", None),
        ("no-records", "header.tsv", None),
    ]


def test_fields_that_are_not_there(project):
    files = {
        "sites.vcf": sites("20", genome(project)),
        "table.tsv": f"{GOOD}20\t5\tA\tC\t1\n",
        "regions.bed": "20\t5\t9\n",
    }
    assert checked(project, files, "score") == [
        ("database-field-missing", "sites.vcf", "databases.d0.fields"),
        ("database-field-missing", "regions.bed", "databases.d2.fields"),
    ]


def test_chr_is_no_fault_of_a_database(project):
    files = {
        "sites.vcf.gz": gzip.compress(sites("chr20", genome(project)).encode()),
        "table.tsv": f"{GOOD}chr20\t5\tA\tC\t1\n",
    }
    assert checked(project, files) == []


def swapped(text):
    """REF and ALT the other way round."""
    head, rows = text.split("INFO\n")
    cells = [row.split("\t") for row in rows.splitlines()]
    return f"{head}INFO\n" + "".join("\t".join([*c[:3], c[4], c[3], *c[5:]]) + "\n" for c in cells)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (swapped, "database-other-build"),
        (lambda text: text.replace("20\t", "19\t"), "contigs-differ"),
        (lambda text: text.split("INFO\n")[0] + "INFO\n", "database-empty"),
    ],
)
def test_the_step_refuses_and_leaves_nothing(project, change, code):
    (project / DATABASE).with_name("bad.vcf").write_text(change(sites("20", genome(project))))
    said = command(
        *("genopheno", "database", "bad", "--file", "databases/bad.vcf"),
        *("--reference", "reference/genome.fa", "--output", "results/bad.tsv.gz"),
        cwd=project,
        check=False,
    )
    assert said.returncode == 1
    assert code in said.stdout
    assert list((project / "results").iterdir()) == []


def test_the_step_says_what_it_did(project):
    said = command(
        *("genopheno", "database", "good", "--file", DATABASE, "--rsid", "--match", "allele"),
        *("--reference", "reference/genome.fa", "--output", "results/good.tsv.gz"),
        *("--source", "Us", "--release", "7"),
        cwd=project,
    )
    assert '"records": 3' in said.stdout
    assert sorted(p.name for p in (project / "results").iterdir()) == [
        "good.tsv.gz",
        "good.tsv.gz.tbi",
    ]


def test_the_workflow_hands_the_configuration_over(tmp_path):
    project = sound(tmp_path, people=2)
    config = project / "config/config.yaml"
    config.write_text(
        config.read_text() + '    rsid: true\n    source: Our lab\'s "db"\n    version: 4.1\n'
        "  more:\n    file: databases/x.bed\n    fields: [a, b]\n    combine: mean\n"
    )
    (project / "databases/x.bed").write_text("chr20\t1\t50\tz z\t5\n")
    command("genopheno", "run", "--skip-check", "--until", "database", "-c", "2", cwd=project)
    folder = project / "results/reference/databases"
    text = gzip.open(folder / "sites.tsv.gz", "rt").read().splitlines()
    assert text[-1].split("\t")[::4] == ["20", "rs300"]
    said = json.loads(text[0].partition("=")[2])
    assert (said["source"], said["version"]) == ('Our lab\'s "db"', "4.1")
    text = gzip.open(folder / "more.tsv.gz", "rt").read().splitlines()
    assert text[-1] == "20\t2\t50\tz z\t5"
    said = json.loads(text[0].partition("=")[2])
    assert (said["source"], said["version"], said["combine"]) == ("", "", "avg")
