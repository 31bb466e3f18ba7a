"""Preparing a database: the whole way from a file of any form to a table with its index."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from genopheno import site_files
from genopheno.annotation.databases.columns import Column, check_names, vcf_columns
from genopheno.annotation.databases.contigs import match_contigs
from genopheno.annotation.databases.opened import Opened
from genopheno.annotation.databases.prepared import Prepared
from genopheno.annotation.databases.table import open_table, regions, vcf_as_table, write_vcf
from genopheno.annotation.databases.values import Judged, judge, typed
from genopheno.annotation.databases.vcf import KINDS, Rows, disagreements, rows_of_vcf
from genopheno.fasta import contig_lengths, faidx
from genopheno.problems import Problem, StageError, fail
from genopheno.tools import run
from genopheno.vcf import publish, records_per_contig

# A wrong build disagrees in about three of four SNVs; a few rows disagree in any database
# (rows of patched sequence, masked regions). No more of the values may be faulty.
MAX_FAULTY = 0.01
COMBINE = {"max": "max", "min": "min", "mean": "avg"}  # as bcftools calls them


def prepare(
    name: str,
    file: Path,
    *,
    reference: Path,
    out: Path,
    fields: Sequence[str] = (),
    match: str | None = None,
    rsid: bool = False,
    source: str = "",
    version: str = "",
    combine: str = "max",
) -> dict[str, Any]:
    """Bring a database into the form in which its rows are looked up.

    Parameters
    ----------
    name : its name in the configuration; prefix of its fields.
    file : VCF or BCF, BED, or table with a header; compressed or not, sorted or not, indexed
        or not. A table is one base or region a row, from 1; with ``start`` and ``end`` in the
        place of ``pos``, from 0 and half-open as in BED.
    reference : FASTA with ``.fai`` beside it (made if absent).
    out : ``.tsv.gz`` to write; its ``.tbi`` is written beside it.
    fields : INFO fields or columns to keep; of Number=A and R the values of each allele.
    match : ``allele``, ``region``, or None: region for BED and tables without alleles.
    rsid : keep the ID column (matching by allele).
    source, version : for the descriptions. combine : see `Prepared`.

    Returns
    -------
    Counts: records_in, records_outside_reference (contig or position that the reference
    lacks), alleles_left_out by kind (spanning deletion, symbolic, breakend, none, other
    letters), alleles, alleles_disagreeing (REF is not what the reference has), duplicates
    (same position and alleles; the first is kept), duplicates_differing (with other values),
    records; contigs_renamed; by field: values, values_of_wrong_type, values_of_wrong_number
    (left out).

    Raises
    ------
    StageError : no contig in common with the reference; a field that is not there; more than
        1 % of the alleles (and more than one) disagree with the reference, or of the values
        with what their field is said to be; no record left.
    """
    file, out = Path(file), Path(out)
    fields = [field.removeprefix("INFO/") for field in fields]
    check_names(name, file, fields)
    lengths = contig_lengths(faidx(reference))
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{name}.") as folder:
        work = Path(folder)
        opened = _open(name, file, fields, match, work)
        names = match_contigs(name, file, opened.form, opened.contigs, lengths, reference)
        alleles = opened.match == "allele"
        if rsid and not alleles:
            raise fail(
                "database-match",
                file,
                f"identifiers are asked of database {name}, which is matched by region",
                "An identifier is of an allele: leave 'rsid' out, or give columns ref and alt",
            )
        if not alleles:
            rows = regions(opened, names, lengths, work)
        else:
            if opened.layout:
                opened = write_vcf(opened, work / "table.vcf")
            rows = rows_of_vcf(opened, names, lengths, reference, work)
        body = work / "body.tsv"
        judged = judge(rows.path, body, opened.columns, alleles=alleles, rsid=rsid)
        columns = typed(opened.columns, judged, fractions=not alleles and combine == "mean")
        counts = _counts(name, columns, rows, judged, names)
        problems = [*_build(opened, counts, names, reference), *_values(name, opened, judged)]
        if problems:
            raise StageError(*problems)
        prepared = Prepared(
            name=name,
            match=opened.match,
            taken=tuple(columns),
            rsid=rsid,
            source=source,
            version=version,
            combine=COMBINE[combine],
            encoded=opened.encoded,
            contigs=dict(judged.contigs),
            counts=counts,
        )
        _write(prepared, body, work / "database.tsv.gz", out)
    return counts


def _open(name: str, file: Path, fields: Sequence[str], match: str | None, work: Path) -> Opened:
    """Find out what a file is, what it has of the fields, and how it is matched."""
    form = site_files.form_of(file)
    if form in ("vcf", "bcf"):
        columns = vcf_columns(name, file, form, fields)
        opened = Opened(file, file, form, columns, records_per_contig(file), "allele")
        if match == "region":
            opened = vcf_as_table(opened, work / "regions.tsv")
        return opened
    opened = open_table(name, file, form, fields)
    if match == "allele" and opened.match != "allele":
        raise fail(
            "database-match",
            file,
            f"database {name} has no columns with alleles, and cannot be matched by them",
            "Give columns ref and alt, or leave 'match' out: it is matched by region",
        )
    return replace(opened, match=match or opened.match)


def _counts(
    name: str,
    columns: Sequence[Column],
    rows: Rows,
    judged: Judged,
    names: Mapping[str, str],
) -> dict[str, Any]:
    found = rows.counts
    return {
        "name": name,
        "records_in": found["records"],
        "records_outside_reference": found["outside"] + found["beyond"],
        "regions_beyond_contig": found["beyond"],
        "contigs_renamed": {a: b for a, b in names.items() if a != b},
        "alleles_left_out": {kind: found[kind] for kind in KINDS},
        "alleles": judged.rows + judged.duplicates + found["disagreeing"],
        "alleles_disagreeing": found["disagreeing"],
        "duplicates": judged.duplicates,
        "duplicates_differing": judged.differing,
        "fields_twice_in_a_record": found["twice"],
        "records": judged.rows,
        "fields": {
            column.field: {
                "type": column.type,
                "values": judged.filled[column.name],
                "values_of_wrong_type": judged.wrong_type[column.name],
                "values_of_wrong_number": judged.wrong_number[column.name],
            }
            for column in columns
        },
    }


def _build(
    opened: Opened, counts: Mapping[str, Any], names: Mapping[str, str], reference: Path
) -> Iterator[Problem]:
    """Refuse a database of another build, and one of which nothing is left."""
    alleles, off, what = counts["alleles"], counts["alleles_disagreeing"], "alleles have a REF"
    says = f"that is not in {reference}"
    if opened.match == "region":
        off, says = counts["regions_beyond_contig"], f"beyond their contigs in {reference}"
        alleles, what = counts["records"] + off, "regions reach"
    # One odd row does not make another build, however small the database is.
    if off > max(1, MAX_FAULTY * alleles) or (off and not counts["records"]):
        places = ""
        if opened.match == "allele":
            places = f" ({', '.join(islice(disagreements(opened, names, reference), 3))})"
        yield Problem(
            "database-other-build",
            str(opened.file),
            None,
            None,
            f"{off} of {alleles} {what} {says}{places}",
            "It is of another genome build: take the file made for this reference",
        )
    elif not counts["records"]:
        left = {k: n for k, n in counts["alleles_left_out"].items() if n}
        yield Problem(
            "database-empty",
            str(opened.file),
            None,
            None,
            f"none of its {counts['records_in']} records can be used: "
            f"{counts['records_outside_reference']} lie outside the reference, alleles left out "
            f"by kind: {left or 'none'}",
            "Take the database of this build and region, with plain alleles",
        )


def _values(name: str, opened: Opened, judged: Judged) -> Iterator[Problem]:
    """Refuse fields that are not what the header says they are."""
    for column in opened.columns:
        for code, wrong, said in (
            ("database-field-type", judged.wrong_type, f"Type={column.type}"),
            ("database-field-number", judged.wrong_number, f"Number={column.number}"),
        ):
            off = wrong[column.name]
            if off > max(1, MAX_FAULTY * (off + judged.filled[column.name])):
                yield Problem(
                    code,
                    str(opened.file),
                    None,
                    column.field,
                    f"{off} values of database {name} are not of {said}, as its header says; "
                    f"the first: {judged.examples[column.name]}",
                    "Mend the header (Type=String takes any text, Number=. any number of values)",
                )


def _write(prepared: Prepared, body: Path, packed: Path, out: Path) -> None:
    head = packed.with_name("header.tsv")
    head.write_text(prepared.written(), encoding="utf-8")
    run(["cat", head, body], ["bgzip", "-c"], stdout=packed)
    end = "3" if prepared.match == "region" else "2"
    run(["tabix", "-s", "1", "-b", "2", "-e", end, packed])
    publish(packed, out)
