"""Controls and truth sets of a project that cannot be compared, found by its check."""

from __future__ import annotations

from pathlib import Path

import pytest

from genopheno.project import check_project
from tests.faults.planting import sound

CONFIG, SHEET, REGIONS = Path("config/config.yaml"), Path("config/samples.csv"), Path("known.bed")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sound project whose first sample is a control."""
    monkeypatch.chdir(sound(tmp_path))
    from genopheno import settings
    from genopheno.submission.reference import contigs

    name, length = next(iter(contigs(settings.load(CONFIG).reference.fasta).items()))
    Path("known.vcf").write_text(
        f"##fileformat=VCFv4.2\n##contig=<ID={name},length={length}>\n"
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS\n"
    )
    REGIONS.write_text(f"{name}\t0\t{length}\n")
    with CONFIG.open("a") as handle:
        handle.write("\ntruth_sets:\n  known: {calls: known.vcf, regions: known.bed}\n")
    head, *rows = SHEET.read_text().splitlines()
    rows = [row + (",known" if row.startswith("S01,") else ",") for row in rows]
    SHEET.write_text("\n".join([f"{head},control", *rows]) + "\n")
    return tmp_path


def found() -> list[tuple]:
    return [(p.code, Path(p.file), p.column) for p in check_project(CONFIG, quiet=True)]


def test_a_sound_control_needs_no_participant(project: Path) -> None:
    assert found() == []
    table = Path("config/participants.csv")
    rows = [row for row in table.read_text().splitlines() if not row.startswith("P01,")]
    table.write_text("\n".join(rows) + "\n")
    assert found() == []


def test_a_truth_set_that_nobody_knows(project: Path) -> None:
    SHEET.write_text(SHEET.read_text().replace(",known", ",knwon"))
    assert found() == [("unknown-truth-set", SHEET, "control")] * 2


def test_regions_empty_and_outside_the_reference(project: Path) -> None:
    whole = REGIONS.read_text()
    REGIONS.write_text("# nothing\n")
    assert found() == [("bed-empty", REGIONS, None)]
    contig, start, end = whole.split()
    REGIONS.write_text(f"{contig}\t{start}\t{int(end) + 1}\n")
    assert found() == [("bed-outside", REGIONS, None)]
    REGIONS.write_text(f"chr{contig}\t{start}\t{end}\n")
    assert found() == [("contig-names", REGIONS, None)]
