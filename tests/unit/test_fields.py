"""The registry of columns: every table has a schema with meanings, and refuses what it lacks."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genopheno import fields
from genopheno.fields.field import columns

SIZES = {"samples": 3}


@pytest.mark.parametrize("table", fields.TABLES)
def test_every_declared_table_has_a_schema_with_meanings(table: str) -> None:
    schema = fields.schema(table, sizes=SIZES)
    assert schema.names == fields.names(table)
    assert len(set(schema.names)) == len(schema.names)
    assert schema.metadata == {
        b"table": table.encode(),
        b"description": fields.DESCRIPTIONS[table].encode(),
    }
    for name in schema.names:
        assert schema.field(name).metadata[b"description"]
        assert schema.field(name).metadata[b"tier"] in (b"open", b"controlled")


@pytest.mark.parametrize("table", fields.TABLES)
def test_a_description_stands_alone(table: str) -> None:
    """It is read in a VCF header or a dictionary, without the line before it."""
    leaning = re.compile(
        r"^(its|likewise|those) |\b(of|among|at|from) (them|it)$|(of|among) them\b"
    )
    columns = (*fields.TABLES[table], *fields.FAMILIES.get(table, ()))
    assert [f.name for f in columns if leaning.search(f.description)] == []


def test_descriptions_and_families_are_those_of_tables() -> None:
    assert fields.DESCRIPTIONS.keys() == fields.TABLES.keys()
    assert fields.FAMILIES.keys() <= fields.TABLES.keys()


@pytest.mark.parametrize(
    ("table", "family"), [(t, f.name) for t, found in fields.FAMILIES.items() for f in found]
)
def test_a_member_of_every_family_is_allowed_and_described(table: str, family: str) -> None:
    values = {name: f"some_{name}" for name in re.findall(r"\{(\w+)\}", family)}
    member = fields.member(table, family, **values)
    assert "{" not in member.name + member.description
    schema = fields.schema(table, extra=[member], sizes=SIZES)
    assert schema.names[-1] == member.name
    assert all(value in member.name for value in values.values())


def test_what_is_known_of_a_column_survives_the_file(tmp_path: Path) -> None:
    told = fields.member("sites", "{database}_{field}", database="clinvar", field="CLNSIG")
    told = replace(
        told, type="list<string>", source="ClinVar", version="2024-05", codes=("a", "b, c")
    )
    schema = fields.schema("sites", {"more": "of it"}, extra=[told])
    pq.write_table(schema.empty_table(), tmp_path / "sites.parquet")
    found = pq.read_schema(tmp_path / "sites.parquet")
    assert found.metadata[b"more"] == b"of it" and found.metadata[b"table"] == b"sites"
    assert fields.fields_of(found)[-1] == replace(told, type="list<element: string>")
    own = [replace(f, type="") for f in fields.fields_of(found)[:-1]]
    assert own == [replace(f, type="") for f in fields.TABLES["sites"]]


def test_lists_of_fixed_size_take_their_length_from_what_is_given() -> None:
    schema = fields.schema("matrix_genotypes", sizes={"samples": 7})
    assert schema.field("dosages").type == pa.list_(pa.int8(), 7)
    with pytest.raises(KeyError, match="samples"):
        fields.schema("matrix_genotypes")


def test_a_column_that_no_family_allows_is_refused() -> None:
    with pytest.raises(ValueError, match="no family allows the column 'age'"):
        fields.schema("units", extra=[fields.Field("age", "int32", "y", "years")])
    twice = [fields.member("matrix_samples", "pc{number}", number="1")] * 2
    with pytest.raises(ValueError, match="twice: \\['pc1'\\]"):
        fields.schema("matrix_samples", extra=twice)


def test_a_table_with_an_undeclared_or_missing_column_is_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame({name: ["x"] for name in fields.names("units")})
    fields.write(tmp_path / "units.parquet", frame, "units", {"batch": "7"})
    found = pq.read_schema(tmp_path / "units.parquet")
    assert found.names == fields.names("units")
    assert found.metadata[b"batch"] == b"7" and b"pandas" not in found.metadata
    with pytest.raises(ValueError, match="undeclared \\['extra'\\]"):
        fields.write(tmp_path / "x.parquet", frame.assign(extra=1), "units")
    with pytest.raises(ValueError, match="missing columns \\['lane'\\]"):
        fields.write(tmp_path / "x.parquet", frame.drop(columns="lane"), "units")


def test_the_compact_form_of_columns() -> None:
    (field,) = columns("open", "a| string | | what it is (0|1) | a tool | x, y\n")
    assert (field.name, field.description, field.source) == ("a", "what it is (0|1)", "a tool")
    assert field.codes == ("x", "y")
    for line in ("a | string | bp", "a | string | | b | c | d | e"):
        with pytest.raises(ValueError, match="cells in the column"):
            columns("open", line)


def test_columns_go_to_numpy_and_back_without_pandas():
    import subprocess
    import sys

    code = """
import sys, numpy as np
from genopheno import fields
for values in (np.array([1.5, np.nan, -2.0]), np.array([], float), np.arange(70, dtype=np.int32),
               np.array([True, False] * 9)):
    back = fields.numbers(fields.column(values))
    assert back.dtype == values.dtype
    np.testing.assert_array_equal(back, values)
assert fields.column(np.array([1.0, np.nan])).to_pylist() == [1.0, None]
assert fields.words(["a", "", "é"]).to_pylist() == ["a", "", "é"]
assert "pandas" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
