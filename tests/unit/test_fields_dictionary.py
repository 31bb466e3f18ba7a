"""The data dictionary names every column of every table and no other."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import frictionless
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genopheno import fields

SEX = replace(
    fields.member("phenotypes", "{trait}", trait="sex"),
    type="string",
    codes=("female", "male", "unknown"),
)
AGE = replace(
    fields.member("phenotypes", "{trait}", trait="age"),
    unit="years",
    description="age | at <visit>",
    source="clinic",
    version="2",
)


def write(path: Path, schema: pa.Schema) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(schema.empty_table(), path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Tables as the matrices have them, one of them a file a contig, and their dictionary."""
    out = tmp_path / "matrices"
    schema = fields.schema("matrix_genotypes", {"samples": '["a", "b"]'}, sizes={"samples": 2})
    for contig in ("1", "HLA%2AA"):
        write(out / f"genotypes.parquet/{contig}.parquet", schema)
    write(out / "phenotypes.parquet", fields.schema("phenotypes", extra=[SEX, AGE]))
    write(out / "samples.parquet", fields.schema("matrix_samples"))
    fields.write_dictionary(out)
    return out


def codes(folder: Path) -> list[str]:
    return [problem.code for problem in fields.check_dictionary(folder)]


def test_every_column_of_every_table_is_told(folder: Path) -> None:
    assert fields.check_dictionary(folder) == []
    told = pd.read_csv(folder / "dictionary.tsv", sep="\t", keep_default_na=False)
    assert list(told.groupby("table", sort=False)["column"].apply(list).items()) == [
        ("genotypes", fields.names("matrix_genotypes")),
        ("phenotypes", ["participant", "sex", "age"]),
        ("samples", fields.names("matrix_samples")),
    ]
    age = told.set_index("column").loc["age"]
    assert age.to_dict() == {
        "table": "phenotypes",
        "type": "double",
        "unit": "years",
        "tier": "controlled",
        "description": "age | at <visit>",
        "source": "clinic",
        "version": "2",
        "codes": "",
    }
    text = (folder / "dictionary.md").read_text()
    assert "| `age` | double | years | controlled | age \\| at &lt;visit> | clinic 2 |" in text
    assert "A row per allele that passes: genotypes of all samples. 7 columns, in 2 files." in text


def test_the_package_is_one_for_frictionless(folder: Path) -> None:
    package = frictionless.Package(str(folder / "datapackage.json"))
    assert frictionless.Package.validate_descriptor(package.to_descriptor()).valid
    assert package.resource_names == ["genotypes", "phenotypes", "samples"]
    sex = package.get_resource("phenotypes").schema.get_field("sex")
    assert sex.type == "string" and sex.constraints["enum"] == ["female", "male", "unknown"]
    dosages = package.get_resource("genotypes").schema.get_field("dosages")
    assert dosages.type == "array" and dosages.array_item == {"type": "integer"}
    assert dosages.constraints == {"minLength": 2, "maxLength": 2}
    genotypes = package.get_resource("genotypes")
    assert [genotypes.path, *genotypes.extrapaths] == [
        "genotypes.parquet/1.parquet",
        "genotypes.parquet/HLA%2AA.parquet",
    ]
    broken = json.loads((folder / "datapackage.json").read_text())
    broken["resources"][0]["schema"]["fields"][0]["type"] = "dosage"
    assert not frictionless.Package.validate_descriptor(broken).valid


def test_values_fit_the_table_schema_by_frictionless(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        [{"sample": "s1", "participant": "p1", "sex": "female", "verdict": "pass"}]
    )
    frame = frame.reindex(columns=fields.names("cohort_samples")).assign(n_het=3, call_rate=0.5)
    frame[["n_hom_var", "n_singleton"]] = 0
    fields.write(tmp_path / "samples.parquet", frame, "cohort_samples")
    fields.write_dictionary(tmp_path)
    package = frictionless.Package(str(tmp_path / "datapackage.json"))
    schema = package.get_resource("samples").schema
    rows = fields.read(tmp_path / "samples.parquet")

    def errors(table: pd.DataFrame) -> list[str]:
        records = table.astype(object).where(table.notna(), None).to_dict("records")
        report = frictionless.validate(frictionless.Resource(data=records, schema=schema))
        return [error for (error,) in report.flatten(["type"])]

    assert errors(rows) == []
    assert errors(rows.assign(sex="f")) == ["constraint-error"]
    assert errors(rows.assign(n_het="many")) == ["type-error"]


def test_what_is_given_replaces_what_the_folder_says(folder: Path) -> None:
    schema = pq.read_schema(folder / "samples.parquet")
    fields.write_dictionary(folder, {"samples.parquet": (schema, "samples.parquet", "People.")})
    assert "## samples\n\nPeople. " in (folder / "dictionary.md").read_text()
    assert codes(folder) == ["dictionary-differs"] * 6 + ["dictionary-files"]


def test_no_table_or_two_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no table"):
        fields.write_dictionary(tmp_path)
    schema = fields.schema("units")
    with pytest.raises(ValueError, match="two of one name"):
        fields.write_dictionary(tmp_path, {"a.parquet": (schema, "a"), "a.pq": (schema, "b")})
    assert codes(tmp_path) == ["dictionary-missing"]


def test_a_column_added_without_the_dictionary_is_found(folder: Path) -> None:
    more = fields.member("phenotypes", "{trait}", trait="ldl")
    write(folder / "phenotypes.parquet", fields.schema("phenotypes", extra=[SEX, AGE, more]))
    found = fields.check_dictionary(folder)
    assert [problem.code for problem in found] == ["dictionary-differs"] * 3
    assert all("not told: ['ldl']" in problem.found for problem in found)


def test_a_column_too_many_in_the_dictionary_is_found(folder: Path) -> None:
    write(folder / "phenotypes.parquet", fields.schema("phenotypes", extra=[SEX]))
    found = fields.check_dictionary(folder)
    assert [problem.code for problem in found] == ["dictionary-differs"] * 3
    assert all("told and not there: ['age']" in problem.found for problem in found)


def test_a_table_too_many_or_too_few_is_found(folder: Path) -> None:
    shutil.copy(folder / "samples.parquet", folder / "more.parquet")
    assert codes(folder) == ["dictionary-differs"] * 3 + ["dictionary-files"]
    (folder / "more.parquet").unlink()
    (folder / "genotypes.parquet/1.parquet").unlink()
    assert codes(folder) == ["dictionary-files"]


def test_columns_in_another_order_or_of_another_type_are_found(folder: Path) -> None:
    path = folder / "dictionary.tsv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], lines[2], lines[1], *lines[3:]]))
    assert codes(folder) == ["dictionary-differs"]
    path.write_text("".join(lines).replace("age\tdouble", "age\tstring"))
    assert codes(folder) == ["dictionary-type"]


def test_files_of_one_table_must_have_the_same_columns(folder: Path) -> None:
    schema = fields.schema("matrix_genotypes", sizes={"samples": 3})
    write(folder / "genotypes.parquet/HLA%2AA.parquet", schema)
    assert codes(folder) == ["columns-differ"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda s: s.append(pa.field("age", "int32", metadata={"description": "x"})),
         "column-undeclared"),
        (lambda s: s.set(0, pa.field("sample_1", "int8", metadata={"description": "x"})),
         "column-type"),
        (lambda s: s.set(0, pa.field("sample_1", "string")), "column-undescribed"),
        (lambda s: s.remove_metadata().with_metadata({"table": "sampels"}), "table-undeclared"),
        (lambda s: s.with_metadata({}), "table-undeclared"),
        (lambda s: s.remove(3), None),
    ],
)  # fmt: skip
def test_a_column_or_table_that_the_registry_lacks_is_found(tmp_path, change, code) -> None:
    schema = change(fields.schema("kinship"))
    write(tmp_path / "results" / "kinship.parquet", schema)
    write(tmp_path / "results" / ".temporary.parquet", pa.schema([("x", "int8")]))
    found = fields.check_tables(tmp_path / "results")
    assert [problem.code for problem in found] == ([code] if code else [])
    assert all(problem.file.endswith("results/kinship.parquet") for problem in found)


def test_values_of_a_coded_column_are_its_codes(tmp_path: Path) -> None:
    case = fields.member("phenotypes", "{trait}", trait="t2d")
    told = fields.schema("phenotypes", extra=[replace(case, codes=("0", "1")), SEX])
    rows = [("p1", 1.0, "male"), ("p2", 0.0, None), ("p3", None, "unknown")]

    def problems(*more: tuple) -> list[tuple]:
        columns = zip(*[*rows, *more], strict=True)
        table = pa.table([pa.array(c, t) for c, t in zip(columns, told.types, strict=True)], told)
        pq.write_table(table, tmp_path / "phenotypes.parquet")
        return [(p.column, p.found) for p in fields.check_codes(tmp_path)]

    assert problems() == []
    assert problems(("p4", 2.0, "m")) == [
        ("t2d", "values that are no codes: 2"),
        ("sex", "values that are no codes: m"),
    ]
