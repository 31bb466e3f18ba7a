"""Values of sorted rows, judged column by column: number, type; rows that are there twice.

Rows pass in batches of Arrow arrays, so that tens of millions of them take minutes, and
memory does not grow with their number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genopheno.annotation.databases.columns import Column

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

ONE = {
    "Integer": r"[+-]?\d{1,10}",
    "Float": r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|(?i:[+-]?(?:nan|inf|infinity))",
}
BLOCK = 16 << 20  # bytes of text of a batch
INT32 = 2**31 - 8  # lower values are free for BCF: above and below are its marks for missing


@dataclass
class Judged:
    """What was found in the values.

    Attributes
    ----------
    rows : written. contigs : rows by contig.
    duplicates : rows left out, since the one before has the same alleles; differing : those of
        them that have other values than the one that is kept.
    filled : rows with a value, by column. wrong_type, wrong_number : values left out, by
        column. examples : the first of each, by column.
    ints, floats : rows whose value reads as such, by column without a type.
    partial : columns with lists in which some numbers are missing.
    """

    rows: int = 0
    duplicates: int = 0
    differing: int = 0
    contigs: Counter[str] = field(default_factory=Counter)
    filled: Counter[str] = field(default_factory=Counter)
    wrong_type: Counter[str] = field(default_factory=Counter)
    wrong_number: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    ints: Counter[str] = field(default_factory=Counter)
    floats: Counter[str] = field(default_factory=Counter)
    partial: set[str] = field(default_factory=set)


def judge(
    rows: Path, out: Path, columns: Sequence[Column], *, alleles: bool, rsid: bool = False
) -> Judged:
    """Write the rows that stay, with the values that are what their column says.

    Parameters
    ----------
    rows : contig, position, REF, ALT, ID and origin if `alleles`, else contig, start and end;
        then `columns`; sorted, between tabs, missing is '.'.
    out : the same without the origin, and without the ID unless `rsid`.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    fixed = (
        ["contig", "position", "ref", "alt", "id", "origin"]
        if alleles
        else ["contig", "start", "end"]
    )
    judged, last = Judged(), None
    with out.open("wb") as sink:
        for batch in _batches(rows, [*fixed, *(c.name for c in columns)]):
            table = dict(zip(batch.schema.names, batch.columns, strict=True))
            if alleles:
                usable = pc.match_substring_regex(table["alt"], "^[ACGTN]+$")
                table = {name: array.filter(usable) for name, array in table.items()}
                if not len(table["alt"]):
                    continue
            for column in columns:
                table[column.name] = _judge_column(column, table, judged, alleles)
            kept = ["contig", "position", "ref", "alt"] if alleles else fixed
            kept += ["id"] if rsid and alleles else []
            lines = _joined([table[name] for name in (*kept, *(c.name for c in columns))])
            if alleles:
                keys = _joined([table[name] for name in ("contig", "position", "ref", "alt")])
                again, differ, last = _duplicates(keys, lines, last)
                judged.duplicates += int(again.sum())
                judged.differing += int(differ.sum())
                stay = pa.array(~again)
                lines = lines.filter(stay)
                table = {name: array.filter(stay) for name, array in table.items()}
            for found in pc.value_counts(table["contig"]).to_pylist():
                judged.contigs[found["values"].decode()] += found["counts"]
            for column in columns:
                _tally(column, table[column.name], judged)
            judged.rows += len(lines)
            if len(lines):
                sink.write(b"\n".join(lines.to_pylist()) + b"\n")
    return judged


def typed(columns: Sequence[Column], judged: Judged, *, fractions: bool = False) -> list[Column]:
    """Give columns without a type the narrowest that all their values have.

    `fractions`: no integers, since means of them will be taken.
    bcftools cuts a list off at a missing number, so such a column stays text.
    """
    found = []
    for column in columns:
        filled = judged.filled[column.name]
        if column.type == "" and filled and judged.ints[column.name] == filled:
            column = replace(column, type="Float" if fractions else "Integer")
        elif column.type == "" and filled and judged.floats[column.name] == filled:
            column = replace(column, type="Float")
        elif column.type == "" or column.name in judged.partial:
            column = replace(column, type="String")
        found.append(column)
    return found


def _batches(path: Path, names: list[str]) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    from pyarrow import csv

    if not path.stat().st_size:
        return
    yield from csv.open_csv(
        path,
        csv.ReadOptions(column_names=names, block_size=BLOCK),
        csv.ParseOptions(delimiter="\t", quote_char=False),
        csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.binary()), strings_can_be_null=False
        ),
    )


def _judge_column(
    column: Column, table: dict[str, pa.Array], judged: Judged, alleles: bool
) -> pa.Array:
    """Values of one column; what is not what it says becomes '.', and is counted."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    values = table[column.name]
    values = pc.if_else(pc.equal(values, b""), pa.scalar(b".", pa.binary()), values)
    if column.type == "Flag":
        return values
    if alleles and column.number in ("A", "R"):
        values = _of_the_allele(column, values, table["origin"])
    filled = pc.not_equal(values, b".")
    if column.type == "":
        return values
    wrong = np.zeros(len(values), bool)
    expected = {"A": 1, "R": 2}.get(column.number)
    if column.number.isdigit():
        expected = int(column.number)
    # Text with one value may hold commas of its own.
    if expected and (column.type in ONE or column.number in ("A", "R")):
        commas = pc.count_substring(values, b",")
        wrong = _numpy(_and(pc.not_equal(commas, expected - 1), filled))
        _tell(judged.wrong_number, judged.examples, column, values, table, wrong)
    if column.type in ONE:
        one = f"(?:{ONE[column.type]}|\\.)"
        fits = pc.match_substring_regex(values, f"^{one}(?:,{one})*$")
        if column.type == "Integer":
            fits = _and(fits, pc.invert(_too_large(values, fits)))
        off = _numpy(_and(pc.invert(fits), filled)) & ~wrong
        _tell(judged.wrong_type, judged.examples, column, values, table, off)
        wrong = wrong | off
        if pc.any(_and(pc.match_substring_regex(values, r"(^\.,)|(,\.(,|$))"), filled)).as_py():
            judged.partial.add(column.name)
    return (
        pc.if_else(pa.array(wrong), pa.scalar(b".", pa.binary()), values) if wrong.any() else values
    )


def _tally(column: Column, values: pa.Array, judged: Judged) -> None:
    """Count the values that there are; of a column without a type, those that are numbers."""
    import pyarrow.compute as pc

    filled = values.filter(pc.not_equal(values, b"."))
    judged.filled[column.name] += len(filled)
    if column.type == "":
        ints = pc.match_substring_regex(filled, f"^(?:{ONE['Integer']})$")
        judged.ints[column.name] += _count(_and(ints, pc.invert(_too_large(filled, ints))))
        floats = pc.match_substring_regex(filled, f"^(?:{ONE['Float']})$")
        judged.floats[column.name] += _count(floats)


def _of_the_allele(column: Column, values: pa.Array, origin: pa.Array) -> pa.Array:
    """Of a value per allele, that of this row's allele; made too long where the number is wrong."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    several = pc.match_substring_regex(origin, r"\|\d+$")
    places = np.flatnonzero(_numpy(several))
    if not len(places):
        return values
    changed = values.to_pylist()
    for i in places.tolist():
        _, _, _, alternates, index = origin[i].as_py().rsplit(b"|", 4)
        number, parts = alternates.count(b",") + 1, changed[i].split(b",")
        if changed[i] == b".":
            continue
        if column.number == "A":
            # With the wrong number of values nobody knows whose they are.
            changed[i] = parts[int(index) - 1] if len(parts) == number else changed[i] + b",?"
        else:
            right = len(parts) == number + 1
            changed[i] = parts[0] + b"," + parts[int(index)] if right else changed[i] + b",?,?"
    return pa.array(changed, pa.binary())


def _too_large(values: pa.Array, numbers: Any) -> pa.Array:
    """Integers that BCF, with its 32 bits, cannot hold."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    large = np.zeros(len(values), bool)
    long = _numpy(_and(pc.match_substring_regex(values, r"\d{10}"), numbers))
    for i in np.flatnonzero(long).tolist():
        parts = values[i].as_py().split(b",")
        large[i] = any(part != b"." and abs(int(part)) > INT32 for part in parts)
    return pa.array(large)


def _tell(
    tally: Counter[str],
    examples: dict[str, str],
    column: Column,
    values: pa.Array,
    table: dict[str, pa.Array],
    wrong: np.ndarray,
) -> None:
    number = int(wrong.sum())
    if number:
        i = int(wrong.argmax())
        position = table.get("position", table.get("start"))[i].as_py().decode()
        value = values[i].as_py().decode(errors="replace").replace(",?", "")
        place = f"{table['contig'][i].as_py().decode()}:{position}"
        examples.setdefault(column.name, f"{value[:40]!r} at {place}")
        tally[column.name] += number


def _duplicates(
    keys: pa.Array, lines: pa.Array, last: tuple[bytes, bytes] | None
) -> tuple[np.ndarray, np.ndarray, tuple[bytes, bytes]]:
    """Rows whose key is that of the row before; those whose line is not that of the first."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    before = last or (b"", b"")
    all_keys = pa.concat_arrays([pa.array([before[0]], pa.binary()), keys])
    all_lines = pa.concat_arrays([pa.array([before[1]], pa.binary()), lines])
    again = np.concatenate([[False], _numpy(pc.equal(all_keys[1:], all_keys[:-1]))])
    first = np.maximum.accumulate(np.where(again, 0, np.arange(len(again))))
    differ = again & _numpy(pc.not_equal(all_lines, all_lines.take(pa.array(first))))
    end = int(first[-1])
    return again[1:], differ[1:], (all_keys[end].as_py(), all_lines[end].as_py())


def _joined(arrays: Sequence[pa.Array]) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.binary_join_element_wise(*arrays, pa.scalar(b"\t", pa.binary()))


def _and(a: Any, b: Any) -> Any:
    import pyarrow.compute as pc

    return pc.and_(a, b)


def _count(mask: Any) -> int:
    import pyarrow.compute as pc

    return pc.sum(mask).as_py() or 0


def _numpy(mask: Any) -> np.ndarray:
    return mask.to_numpy(zero_copy_only=False)
