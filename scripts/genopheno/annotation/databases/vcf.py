"""Rows of a VCF as the calls are written: split, left-aligned, held to the reference."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from genopheno.annotation.databases.columns import Column
from genopheno.annotation.databases.opened import Opened
from genopheno.problems import fail
from genopheno.site_files import records
from genopheno.tools import keep_stderr, run

# The record before it was split, and which of its alleles this one is (bcftools norm).
ORIGIN = "GENOPHENO_ORIGIN"
KINDS = ("spanning", "symbolic", "breakend", "none", "other")

# A record becomes what bcftools can neither misread nor refuse: contigs named as in the
# reference, all values text. bcftools takes text in the place of a number for a missing
# value, and ends at a wrong Number; here both are judged later, and counted.
TAKE = r"""
function kind(a) {
    if (a == "*") return "spanning"
    if (a ~ /^</) return "symbolic"
    if (a == "." || a == "") return "none"
    if (a ~ /[][]/ || a ~ /^\.[A-Za-z]/ || a ~ /[A-Za-z]\.$/) return "breakend"
    return "other"
}
BEGIN {
    FS = OFS = "\t"
    while ((getline line < contigs) > 0) {
        split(line, c, "\t"); to[c[1]] = c[2]; size[c[1]] = c[3]
    }
    while ((getline line < wanted) > 0) { split(line, c, "\t"); column[c[1]] = c[2] }
    while ((getline line < header) > 0) print line
}
/^#/ { next }
/^[ \r]*$/ { next }
{ sub(/\r$/, ""); n["records"]++ }
NF < 8 || $2 !~ /^[0-9]+$/ { if (!n["malformed"]++) first = substr($0, 1, 60); next }
!($1 in to) || $2 < 1 || $2 + length($4) - 1 > size[$1] { n["outside"]++; next }
$4 !~ /^[ACGTNacgtn]+$/ { n["other"]++; next }
$5 ~ /[^ACGTNacgtn,]/ || $5 == "" {
    m = split($5, a, ","); usable = 0
    if (m == 0) n["none"]++
    for (i = 1; i <= m; i++) if (a[i] ~ /^[ACGTNacgtn]+$/) usable++; else n[kind(a[i])]++
    if (!usable) next
}
{
    info = ""; m = split($8, part, ";")
    for (i = 1; i <= m; i++) {
        at = index(part[i], "="); key = at ? substr(part[i], 1, at - 1) : part[i]
        if (!(key in column)) continue
        if (index(";" info, ";" column[key] "=")) { n["twice"]++; continue }
        info = info ";" column[key] "=" (at ? substr(part[i], at + 1) : "1")
    }
    print to[$1], $2, $3, $4, $5, ".", ".", info == "" ? "." : substr(info, 2)
}
END { for (k in n) print k, n[k] > counts; if (first != "") print "first", first > counts }
"""
# bcftools norm takes over the lower case of a masked reference.
UPPER_CASE = r'BEGIN { FS = OFS = "\t" } { $3 = toupper($3); $4 = toupper($4); print }'


@dataclass(frozen=True)
class Rows:
    """Sorted rows of a database: contig, position, REF, ALT, ID, origin, and its columns.

    Attributes
    ----------
    path : between tabs; missing is '.'.
    counts : records, outside, other, spanning, symbolic, breakend, none, twice, disagreeing.
    """

    path: Path
    counts: Counter[str]


def rows_of_vcf(
    opened: Opened,
    names: Mapping[str, str],
    lengths: Mapping[str, int],
    reference: Path,
    work: Path,
) -> Rows:
    """Bring the alleles of a VCF or BCF into the form of the calls.

    Parameters
    ----------
    names : contig of the file → contig of the reference; others are left out.
    lengths : contig → bp of the reference.
    work : folder for temporary files.

    Raises
    ------
    StageError : lines that are no records.
    """
    columns = opened.columns
    files = {name: work / name for name in ("contigs", "wanted", "header", "counts")}
    files["contigs"].write_text("".join(f"{a}\t{b}\t{lengths[b]}\n" for a, b in names.items()))
    keys = [c.name if opened.layout else c.field for c in columns]  # as `table.write_vcf` has them
    pairs = zip(keys, columns, strict=True)
    files["wanted"].write_text("".join(f"{key}\t{c.name}\n" for key, c in pairs))
    files["header"].write_text(_plain_header(columns, lengths))
    given = [word for name, path in files.items() for word in ("-v", f"{name}={path}")]
    cells = ["%CHROM", "%POS", "%REF", "%ALT", "%ID", f"%INFO/{ORIGIN}"]
    cells += [f"%INFO/{column.name}" for column in columns]
    norm = ["bcftools", "norm", "--no-version", "-m", "-any", "-f", reference, "-c", "x"]
    log, rows = work / "norm.log", work / "rows.tsv"
    run(
        unpacked(opened),
        ["awk", *given, TAKE],
        keep_stderr([*norm, "--old-rec-tag", ORIGIN, "-Ou"], log),
        ["bcftools", "query", "-f", "\t".join(cells) + "\n"],
        ["awk", UPPER_CASE],
        sorting(work, "-k2,2n", "-k3,3", "-k4,4"),
        stdout=rows,
    )
    counts: Counter[str] = Counter()
    for line in files["counts"].read_text(errors="replace").splitlines():
        key, _, number = line.partition("\t")
        if key == "first":
            raise fail(
                "database-record",
                opened.file,
                f"{counts['malformed'] or 'some'} lines are no VCF records, the first: {number!r}",
                "Give VCF: eight columns between tabs, the position as a number",
            )
        counts[key] = int(number)
    counts["disagreeing"] = _skipped(log)
    return Rows(rows, counts)


def unpacked(opened: Opened) -> list[str | Path]:
    """Command that writes a VCF or BCF as text."""
    if opened.form == "bcf":
        return ["bcftools", "view", "--no-version", opened.path]
    return ["gzip", "-cdf", opened.path]


def disagreements(opened: Opened, names: Mapping[str, str], reference: Path) -> Iterator[str]:
    """Places where REF is not what the reference has, as 'contig:position T, not C'."""
    import pysam

    with tempfile.NamedTemporaryFile() as text, pysam.FastaFile(str(reference)) as fasta:
        run(unpacked(opened), stdout=text.name)
        for _, cells in records(text.name, 0):
            contig, position, ref = names.get(cells[0]), int(cells[1]), cells[3]
            if contig:
                there = fasta.fetch(contig, position - 1, position - 1 + len(ref))
                if there.upper() != ref.upper():
                    yield f"{cells[0]}:{position} {ref[:20]}, not {there[:20] or '-'}"


def sorting(work: Path, *keys: str) -> list[str | Path]:
    """GNU sort by contig and these keys; rows that are alike stay in their order."""
    options = ["-s", "-t", "\t", "-S", "512M", "-T", work, "-k1,1", *keys]
    return ["env", "LC_ALL=C", "sort", *options]


def _plain_header(columns: Sequence[Column], lengths: Mapping[str, int]) -> str:
    lines = ["##fileformat=VCFv4.2"]
    lines += [f"##contig=<ID={contig},length={length}>" for contig, length in lengths.items()]
    lines += [f'##INFO=<ID={c.name},Number=.,Type=String,Description="">' for c in columns]
    return "\n".join([*lines, "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]) + "\n"


def _skipped(log: Path) -> int:
    """Alleles whose REF is not the reference, from the last line of bcftools norm."""
    found = re.search(
        r"^Lines\s+(total/split\S*):\s+(\S+)", log.read_text(errors="replace"), re.MULTILINE
    )
    if not found:
        raise fail("tool-failed", "bcftools", "norm gave no counts", "Check its version")
    return int(dict(zip(found[1].split("/"), found[2].split("/"), strict=False))["skipped"])
