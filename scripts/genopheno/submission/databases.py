"""Site databases as they are handed in: VCF, BED or table, verified in one pass."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from genopheno import site_files
from genopheno.problems import Problem, StageError
from genopheno.submission import contigs
from genopheno.submission.streams import COPY, Fault, Stream, lines_of

VCF = b"##fileformat=VCF"


def read_database(path: str | Path) -> contigs.Sequence:
    """Verify a site database in one pass (`Fault` at the first thing that is wrong).

    The contigs are those of the records; the lengths are from the header of a VCF where it
    has them. The fields are INFO fields, or the names of columns beside the place.
    """
    stream = Stream(Path(path))
    found = contigs.Sequence(str(path), "database", fields=[])
    blocks = (lines for lines in lines_of(stream) if lines)
    first = next(blocks, [])
    if first and first[0].startswith(VCF):
        _read_vcf(_chain(first, blocks), found)
    elif first and first[0].startswith(b"BCF\2"):
        raise Fault(
            "not-vcf",
            f"{path} does not begin with '{VCF.decode()}'",
            "Give a VCF, plain or bgzip (bcftools view -O z turns BCF into it)",
        )
    else:
        _read_table(_chain(first, blocks), found)
    if not found.records:
        raise Fault("no-records", f"{path} has a header but no records", COPY)
    found.size, found.md5 = stream.size, stream.md5
    return found


def lacking(name: str, database: contigs.Sequence, fields: Sequence[str]) -> Iterator[Problem]:
    """Fields that are asked for and that a database does not have."""
    there = database.fields
    if there is None:
        return
    wanted = [field.removeprefix("INFO/") for field in fields]
    missing = [field for field in wanted if field not in there]
    # Columns of a BED may be named in their order by the configuration.
    if missing and not (_is_bed(database.path) and len(wanted) <= len(there)):
        yield Problem(
            "database-field-missing",
            database.path,
            None,
            f"databases.{name}.fields",
            f"database {name} has no field {', '.join(missing)}",
            f"It has: {', '.join(sorted(there)) or 'none'}",
        )


def _chain(first: list[bytes], blocks: Iterable[list[bytes]]) -> Iterator[list[bytes]]:
    yield first
    yield from blocks


def _is_bed(path: str) -> bool:
    return site_files.is_bed(path)


def _read_vcf(blocks: Iterable[list[bytes]], found: contigs.Sequence) -> None:
    lengths: dict[str, int] = {}
    last: bytes | None = None
    for lines in blocks:
        if last is not None and not lines[0].startswith(b"#"):
            # Nearly always the whole block is of one contig: count instead of splitting.
            mark = last + b"\t"
            if sum(map(bytes.startswith, lines, [mark] * len(lines))) == len(lines):
                found.records += len(lines)
                continue
        for line in lines:
            if line.startswith(b"##contig=<"):
                _contig_line(line.decode("utf-8", "replace"), lengths)
            elif line.startswith(b"##INFO=<ID="):
                found.fields.append(line[len(b"##INFO=<ID=") :].split(b",")[0].decode("latin-1"))
            elif line.strip() and not line.startswith(b"#"):
                name, tab, _ = line.partition(b"\t")
                if not tab:
                    raise Fault(
                        "vcf-record",
                        f"{found.path}: record {found.records + 1} has no columns between tabs",
                        COPY,
                    )
                if name != last:
                    last = name
                    text = name.decode("latin-1")
                    found.contigs[text] = lengths.get(text, 0)
                found.records += 1


def _contig_line(line: str, lengths: dict[str, int]) -> None:
    name = re.search(r"[<,]ID=([^,>]+)", line)
    length = re.search(r"[<,]length=(\d+)", line)
    if name:
        lengths[name[1]] = int(length[1]) if length else 0


def _read_table(blocks: Iterable[list[bytes]], found: contigs.Sequence) -> None:
    layout, bed = None, _is_bed(found.path)
    number = 0
    for lines in blocks:
        for raw in lines:
            number += 1
            line = raw.decode("utf-8", "replace").rstrip("\r")
            if not line.strip() or line.startswith("##"):
                continue
            cells = line.removeprefix("\ufeff").removeprefix("#").split("\t")
            headed = cells[0].strip().lower() in site_files.CONTIG
            if layout is None and (headed or not bed):
                names = [cell.strip() for cell in cells]
                layout = _layout(found.path, names, bed)
                found.fields = names[3:] if bed else list(layout.fields)
                continue
            if line.startswith(("#", "track", "browser")):
                continue
            if layout is None:
                layout = site_files.bed_layout([], len(cells), [])
                more = (f"column{i}" for i in range(4, len(cells) + 1))
                found.fields = [a for a, _ in zip(_names(more), cells[3:], strict=False)]
            place = site_files.place(cells, layout)
            if place is None:
                raise Fault(
                    "database-record",
                    f"{found.path}, line {number}: {line[:60]!r} has no contig and place",
                    "Give the columns of the header, between tabs; positions are whole numbers, "
                    "and a start is not behind its end",
                )
            found.contigs.setdefault(place[0], 0)
            found.records += 1


def _names(more: Iterable[str]) -> Iterator[str]:
    """Standard names of the columns of a BED beyond the third, then numbers."""
    for i, name in enumerate(more):
        yield site_files.BED[i] if i < len(site_files.BED) else name


def _layout(path: str, names: list[str], bed: bool) -> site_files.Layout:
    if bed:
        return site_files.bed_layout(names, len(names), [])
    try:
        return site_files.layout(path, names)
    except StageError as error:
        problem = error.problems[0]
        raise Fault(problem.code, problem.found, problem.mend) from None
