"""Annotation of a handful of variants of the small genome, as its tests run it."""

import json

import pytest

from genopheno import fields
from genopheno.annotation.annotate import annotate
from genopheno.annotation.databases import prepare
from genopheno.problems import StageError
from tests.unit.small_genome import (
    write_vcf,
)

AF = '##INFO=<ID=AF,Number=A,Type=Float,Description="Frequency">\n'


def run(tmp_path, genome, rows, *, databases=None, samples=(), info="", **more):
    calls = write_vcf(
        tmp_path / "calls.bcf",
        sorted(rows, key=lambda row: row[:2]),
        samples=samples,
        info=info,
    )
    out = tmp_path / "out" / "cohort.vcf.gz"
    report = annotate(
        calls,
        reference=genome.fasta,
        genes_gff3=genome.gff3,
        databases=databases or {},
        out_vcf=out,
        sites_parquet=tmp_path / "out" / "sites.parquet",
        consequences_parquet=tmp_path / "out" / "consequences.parquet",
        report_json=tmp_path / "out" / "annotation.json",
        **more,
    )
    assert report == json.loads((tmp_path / "out" / "annotation.json").read_text())
    return out, fields.read(tmp_path / "out" / "sites.parquet").set_index("variant_id"), report


def consequences(out):
    return fields.read(out.with_name("consequences.parquet"))


def refused(*arguments, **more):
    with pytest.raises(StageError) as error:
        run(*arguments, **more)
    assert not list((arguments[0] / "out").glob("*"))
    return error.value.problems


def database(tmp_path, genome, name, rows, **more):
    source = write_vcf(tmp_path / f"{name}.vcf", rows, info=AF)
    out = tmp_path / "databases" / f"{name}.tsv.gz"
    options = {"fields": ["AF"], **more}
    prepare(name, source, reference=genome.fasta, out=out, **options)
    return out


def name_of(row):
    return ":".join(map(str, row[:4]))
