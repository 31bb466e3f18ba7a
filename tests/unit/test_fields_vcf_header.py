"""INFO lines of columns, read by htslib and by bcftools."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pysam
import pytest

from genopheno import fields
from genopheno.fields.vcf_header import FIXED, info_id, info_lines, number_and_type
from genopheno.tools import run

FREQUENCY = replace(
    fields.member("sites", "{database}_{field}", database="gnomad", field="AF_eas"),
    type="double",
    unit="of alleles",
    description='"Alternate" frequency, a\\b,\nEast Asia',
    source="gnomAD",
    version="4.1",
)
FOUND = fields.member("sites", "{database}_found", database="gnomad")
COLUMNS = [*fields.TABLES["sites"], FREQUENCY, FOUND]


def test_own_columns_are_in_capitals_and_those_of_databases_as_they_are() -> None:
    lines = info_lines(COLUMNS)
    ids = [line.split("ID=")[1].split(",")[0] for line in lines]
    own = [f.name.upper() for f in fields.TABLES["sites"] if f.name not in FIXED]
    assert ids == [*own, "gnomad_AF_eas", "gnomad_found"]
    assert "GENE_SYMBOL" in ids and "RSID" not in ids
    assert 'Number=1,Type=Float,Description="\\"Alternate\\" frequency, a\\\\b,' in lines[-2]
    assert lines[-2].endswith('(unit: of alleles)",Source="gnomAD",Version="4.1">')
    assert "Number=0,Type=Flag," in lines[-1]


def test_htslib_and_bcftools_read_the_lines_and_values_under_them(tmp_path: Path) -> None:
    header = pysam.VariantHeader()
    header.add_line("##contig=<ID=1,length=100>")
    for line in info_lines(COLUMNS):
        header.add_line(line)
    assert header.info["CANONICAL"].type == "Flag"
    record = header.new_record(contig="1", start=4, alleles=("A", "G"))
    record.info.update({"GENE_SYMBOL": "APOB", "gnomad_AF_eas": 0.25, "gnomad_found": True})
    path = tmp_path / "x.vcf"
    with pysam.VariantFile(str(path), "w", header=header) as out:
        out.write(record)
    query = ["bcftools", "query", "-f", "%GENE_SYMBOL %gnomad_AF_eas %gnomad_found\n", path]
    assert run(query) == "APOB 0.25 1\n"
    kept = run(["bcftools", "view", "-h", "--no-version", path])
    assert all(line in kept.splitlines() for line in info_lines(COLUMNS))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("string", ("1", "String")),
        ("int32", ("1", "Integer")),
        ("uint8", ("1", "Integer")),
        ("float", ("1", "Float")),
        ("bool", ("0", "Flag")),
        ("list<string>", (".", "String")),
        ("list<element: double>", (".", "Float")),
        ("fixed_size_list<item: int8>[4]", (".", "Integer")),
    ],
)
def test_types_of_arrow_are_those_of_vcf(kind: str, expected: tuple[str, str]) -> None:
    assert number_and_type(kind) == expected


@pytest.mark.parametrize("kind", ["list<bool>", "timestamp[us]", "struct<a: int8>"])
def test_a_type_that_vcf_lacks_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match="no VCF type"):
        number_and_type(kind)


def test_a_name_that_vcf_does_not_allow_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be an INFO field"):
        info_id("my database_AF")
