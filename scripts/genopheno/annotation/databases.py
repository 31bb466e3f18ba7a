"""Site databases (ClinVar, gnomAD, dbSNP ...) brought into the form of the calls.

A database row is found by its exact alleles, so it has to be written like the calls:
one alternate allele per row, left-aligned against the same reference. A prepared
database is self-describing: its INFO fields are named ``{database}_{FIELD}``, its ID
column is empty unless it is the source of rsids, and its header line
``##genopheno_database`` holds the counts of the preparation.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from genopheno.fasta import contig_lengths, faidx
from genopheno.problems import fail
from genopheno.tools import keep_stderr, run
from genopheno.vcf import count_records, publish, records_per_contig

# A wrong build disagrees in about three of four SNVs; a few rows disagree in any database
# (rows of patched sequence, masked regions).
MAX_DISAGREEING = 0.01
UPPER_CASE = r"""BEGIN { FS = OFS = "\t" }
/^#/ { print; next }
{ $4 = toupper($4); if ($5 !~ /[<\[\]]/) $5 = toupper($5); print }"""
HEADER_KEY = "##genopheno_database="


def prepare(
    name: str,
    vcf_in: Path,
    *,
    reference: Path,
    fields: Sequence[str],
    rsid: bool = False,
    out_vcf: Path,
) -> dict[str, Any]:
    """Split, left-align, check against the reference, thin out, sort and index a database.

    Parameters
    ----------
    name : its name in the configuration; prefix of its INFO fields.
    vcf_in : VCF or BCF, compressed or not, indexed or not, sorted or not.
    reference : FASTA with ``.fai`` beside it (made if absent).
    fields : INFO fields to keep; allele by allele where the header says Number=A or R.
    rsid : keep the ID column.
    out_vcf : ``.vcf.gz`` to write; its ``.tbi`` is written beside it.

    Returns
    -------
    Counts: records_in, records_outside_reference (dropped: contig or position that the
    reference lacks), alleles, alleles_disagreeing (dropped: REF is not what the reference
    has), duplicates (dropped: same position and alleles, first kept), records.

    Raises
    ------
    StageError : a field the header lacks, no contig in common with the reference, more
        than 1 % of the alleles (and more than one) disagree with the reference (another
        build), no record.
    """
    vcf_in, out_vcf = Path(vcf_in), Path(out_vcf)
    fields = [field.removeprefix("INFO/") for field in fields]
    others = _check_fields(name, vcf_in, fields)
    lengths = contig_lengths(faidx(reference))
    per_contig = records_per_contig(vcf_in)
    _check_contigs(name, vcf_in, per_contig, lengths, reference)

    out_vcf.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out_vcf.parent, prefix=f".{name}.") as folder:
        work = Path(folder)
        inside = work / "reference.tsv"
        inside.write_text("".join(f"{c}\t1\t{n}\n" for c, n in lengths.items()))
        renames = work / "renames.tsv"
        renames.write_text("".join(f"INFO/{f} {name}_{f}\n" for f in fields))
        removed = [f"INFO/{field}" for field in others] if fields else ["INFO"]
        removed += [] if rsid else ["ID"]
        thin = ["-x", ",".join(removed)] if removed else []
        norm = ["bcftools", "norm", "--no-version"]
        # The reference check stops at a contig it does not know, so those leave first.
        run(
            ["bcftools", "view", "--no-version", "-G", "-T", inside, "-Ou", vcf_in],
            ["bcftools", "annotate", "--no-version", *thin, "--rename-annots", renames, "-Ou"],
            keep_stderr([*norm, "-m", "-any", "-f", reference, "-c", "x"], work / "norm.log"),
            # bcftools norm takes over the lower case of a masked reference.
            ["awk", UPPER_CASE],
            ["bcftools", "sort", "-T", work / "sort", "-Ou"],
            keep_stderr([*norm, "-d", "exact", "-Ob"], work / "dedup.log"),
            stdout=work / "sites.bcf",
        )
        run(["bcftools", "index", work / "sites.bcf"])
        total_in, disagreeing = _norm_counts(work / "norm.log")
        agreeing, _ = _norm_counts(work / "dedup.log")
        records = count_records(work / "sites.bcf")
        counts = {
            "name": name,
            "fields": fields,
            "rsid": rsid,
            "records_in": sum(per_contig.values()),
            "records_outside_reference": sum(per_contig.values()) - total_in,
            "alleles": agreeing + disagreeing,
            "alleles_disagreeing": disagreeing,
            "duplicates": agreeing - records,
            "records": records,
        }
        _check_build(vcf_in, counts, reference)
        line = work / "header"
        line.write_text(f"{HEADER_KEY}{json.dumps(counts)}\n")
        vcf = work / "database.vcf.gz"
        add_line = ["bcftools", "annotate", "--no-version", "-h", line, "-Oz", "-o", vcf]
        run([*add_line, work / "sites.bcf"])
        run(["bcftools", "index", "-t", vcf])
        publish(vcf, out_vcf)
    return counts


@dataclass(frozen=True)
class Prepared:
    """What the header of a prepared database says.

    Attributes
    ----------
    columns : INFO column in the file → field name without the prefix.
    rsid : whether its ID column is to be taken.
    counts : counts of the preparation.
    """

    name: str
    columns: dict[str, str]
    rsid: bool
    counts: dict[str, Any]


def read_prepared(name: str, vcf: Path) -> Prepared:
    """Read the header of a prepared database.

    Raises
    ------
    StageError : it was not prepared, or under another name.
    """
    for line in _header(vcf):
        if line.startswith(HEADER_KEY):
            counts = json.loads(line.removeprefix(HEADER_KEY))
            if counts["name"] == name:
                columns = {f"{name}_{field}": field for field in counts["fields"]}
                return Prepared(name, columns, counts["rsid"], counts)
    raise fail(
        "database-not-prepared",
        vcf,
        f"its header does not say that it was prepared as {name!r}",
        f"Run 'genopheno database {name}' on it",
    )


def _header(vcf: Path) -> list[str]:
    return run(["bcftools", "view", "-h", vcf]).splitlines()


def _check_fields(name: str, vcf: Path, fields: Sequence[str]) -> list[str]:
    """The INFO fields of the header that were not asked for."""
    there = sorted(
        line.removeprefix("##INFO=<ID=").split(",", 1)[0]
        for line in _header(vcf)
        if line.startswith("##INFO=<ID=")
    )
    missing = [field for field in fields if field not in there]
    if missing:
        raise fail(
            "database-field-missing",
            vcf,
            f"database {name} has no INFO field {', '.join(missing)}",
            f"It has: {', '.join(there) or 'none'}",
        )
    return [field for field in there if field not in fields]


def _check_contigs(
    name: str, vcf: Path, found: dict[str, int], lengths: dict[str, int], reference: Path
) -> None:
    if not found:
        raise fail(
            "database-empty",
            vcf,
            f"database {name} holds no record",
            "Fetch it again; the download may be cut short",
        )
    if not set(found) & set(lengths):
        raise fail(
            "contigs-differ",
            vcf,
            f"no contig of database {name} ({_some(found)}) is in the reference {reference} "
            f"({_some(lengths)})",
            "Rename its contigs with 'bcftools annotate --rename-chrs', or take the database "
            "of this build",
        )


def _check_build(vcf: Path, counts: dict[str, Any], reference: Path) -> None:
    alleles, disagreeing = counts["alleles"], counts["alleles_disagreeing"]
    # One odd row does not make another build, however small the database is.
    if disagreeing > max(1, MAX_DISAGREEING * alleles) or (disagreeing and not counts["records"]):
        places = ", ".join(islice(_disagreements(vcf, reference), 3))
        raise fail(
            "database-other-build",
            vcf,
            f"{disagreeing} of {alleles} alleles have a REF that is not in {reference} ({places})",
            "It is of another genome build: take the file made for this reference",
        )
    if not counts["records"]:
        raise fail(
            "database-empty",
            vcf,
            f"none of its {counts['records_in']} records lies within the reference",
            "Take the database of this build and region",
        )


def _disagreements(vcf: Path, reference: Path) -> Iterator[str]:
    """Places where REF is not what the reference has, as 'contig:position T, not C'."""
    import pysam

    with pysam.VariantFile(str(vcf)) as records, pysam.FastaFile(str(reference)) as fasta:
        known = set(fasta.references)
        for record in records:
            if record.chrom in known and record.ref:
                there = fasta.fetch(record.chrom, record.start, record.start + len(record.ref))
                if there.upper() != record.ref.upper():
                    yield f"{record.chrom}:{record.pos} {record.ref[:20]}, not {there[:20] or '-'}"


def _norm_counts(log: Path) -> tuple[int, int]:
    """Records read and alleles skipped, from the last line of bcftools norm."""
    for line in log.read_text(errors="replace").splitlines():
        if line.startswith("Lines ") and "total/split" in line:
            numbers = dict(
                zip(
                    line.split(":")[0].split()[1].split("/"),
                    line.split(":")[1].split("/"),
                    strict=False,
                )
            )
            return int(numbers["total"]), int(numbers["skipped"])
    raise fail("tool-failed", "bcftools", "norm gave no counts", "Check its version")


def _some(names: dict[str, Any]) -> str:
    shown = list(names)[:5]
    return ", ".join(shown) + (", ..." if len(names) > len(shown) else "")
