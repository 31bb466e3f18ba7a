"""Parts of a scan: which pieces a job does, and what it leaves so that they can be put together.

A scan is a row of pieces (`scan`), whose bounds depend on the genotypes and the design alone.
Job k of n takes the k-th of n runs of pieces, which may be empty, and leaves a folder: the
files of each fitted trait, and ``part.json``, which says what it is a part of. Every job fits
the null models of all traits anew. They are the same in all of them, because they are
functions of the same files and the linear algebra runs single-threaded; on processors of
another kind the last digits may differ, and this is told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from genopheno.association import results
from genopheno.files import md5, read_json, write_json
from genopheno.problems import Problems, fail

FILE = "part.json"
SAMPLED, PAGE = 64, 4096  # stretches of the genotypes that stand for all, and their bytes
AGAIN = "Run 'genopheno associate --part' for it again"
CLOSE = 1e-6  # relative; more than this is no rounding


@dataclass(frozen=True)
class Part:
    """Part `number` (from 1) of `of`; `origin` names the inputs by a digest of each."""

    number: int
    of: int
    origin: dict[str, str] = field(default_factory=dict)

    def bounds(self, n: int) -> tuple[int, int]:
        """First of n pieces, and the one past the last."""
        return n * (self.number - 1) // self.of, n * self.number // self.of


def parse(text: str, origin: dict[str, str] | None = None) -> Part:
    """Part as it is written on a command line: '3/10', or '3-of-10' as Snakemake has it.

    Raises
    ------
    StageError : it is neither, or there is no such part.
    """
    number, _, of = text.replace("-of-", "/").partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise fail("part-unknown", "--part", repr(text), "Give it as 3/10, for the third of ten")
    return Part(int(number), int(of), origin or {})


def digests(genotypes: str | Path, **files: str | Path | None) -> dict[str, str]:
    """What the inputs of a scan are told apart by.

    Parameters
    ----------
    genotypes : prefix of a PLINK fileset. Of the ``.bed``, its size and some stretches count.
    files : by the name of the input; None: not given.

    Raises
    ------
    StageError : a file of the genotypes is absent.
    """
    import hashlib

    prefix = Path(genotypes)
    bed, bim, fam = (prefix.with_name(f"{prefix.name}.{e}") for e in ("bed", "bim", "fam"))
    for path in (bed, bim, fam):
        if not path.is_file():
            raise fail("genotypes-missing", path, "there is no such file", "Run the join")
    size = bed.stat().st_size
    sampled = hashlib.md5(str(size).encode())
    with open(bed, "rb") as handle:
        for at in np.linspace(0, max(size - PAGE, 0), SAMPLED, dtype=np.int64):
            handle.seek(int(at))
            sampled.update(handle.read(PAGE))
    out = {"bed": sampled.hexdigest(), "bim": md5(bim), "fam": md5(fam)}
    for name, path in files.items():
        if path is not None:
            out[name] = md5(path)
            if name in ("design", "loco"):
                out[f"{name}.json"] = md5(Path(path).with_suffix(".json"))
    return out


def machine() -> list[str]:
    """What the last digits may depend on: NumPy's version and the processor's instructions."""
    told = np.show_config(mode="dicts")
    return [np.__version__, *told.get("SIMD Extensions", {}).get("found", [])]


@dataclass(frozen=True)
class Written:
    """What a part says of itself.

    Attributes
    ----------
    part : which one it is, and of what.
    start, stop : its variants.
    facts : of the scan (`summary.scan_facts`): all parts have the same.
    machine : see `machine`.
    traits : of each fitted trait the rows of its results, those left out, and the bytes of
        its text file.
    """

    part: Part
    start: int
    stop: int
    facts: dict[str, Any]
    machine: list[str]
    traits: dict[str, dict[str, int]]


def write(folder: str | Path, part: Part, start: int, stop: int, facts: dict[str, Any]) -> None:
    """Write ``part.json`` beside the files of the traits; see `Written`."""
    traits = {t["name"]: sizes(folder, t["name"]) for t in facts["traits"] if t["reason"] is None}
    written = Written(part, start, stop, facts, machine(), traits)
    write_json(Path(folder) / FILE, asdict(written))


def sizes(folder: str | Path, trait: str) -> dict[str, int]:
    """Rows and bytes of the files of a trait."""
    import pyarrow.parquet as pq

    return {
        "rows": pq.read_metadata(results.parquet_path(folder, trait)).num_rows,
        "left_out": pq.read_metadata(results.left_out_path(folder, trait)).num_rows,
        "text_bytes": results.tsv_path(folder, trait).stat().st_size,
    }


def read(folders: Iterable[str | Path]) -> dict[Path, Written]:
    """Parts by their folder, in order, known to be all parts of one scan.

    Raises
    ------
    StageError : a part is absent, there twice or unfinished; parts are of different scans;
        or they do not hold every variant exactly once. All that is found is told at once.
    """
    problems = Problems()
    found: dict[Path, Written] = {}
    for folder in map(Path, folders):
        if not (folder / FILE).is_file():
            problems.add("part-missing", folder, f"there is no {FILE}", AGAIN)
            continue
        told = read_json(folder / FILE)
        found[folder] = Written(**{**told, "part": Part(**told["part"])})
    if not found:
        problems.add("part-missing", "parts", "there are none", AGAIN)
    problems.raise_if_any()
    first_folder, first = next(iter(found.items()))
    for folder, written in found.items():
        differs = _differences(first, written)
        if differs:
            problems.add(
                "part-of-another-scan",
                folder,
                f"it differs from {first_folder} in {', '.join(differs)}",
                "Make all parts from the same files with the same options",
            )
    problems.raise_if_any()

    found = dict(sorted(found.items(), key=lambda item: item[1].part.number))
    numbers = [written.part.number for written in found.values()]
    absent = sorted(set(range(1, first.part.of + 1)) - set(numbers))
    if absent:
        some = ", ".join(f"{number}/{first.part.of}" for number in absent[:5])
        problems.add("part-missing", "parts", f"{len(absent)} are absent: {some}", AGAIN)
    for folder, twice in zip(found, (numbers.count(n) > 1 for n in numbers), strict=True):
        if twice:
            what = f"part {found[folder].part.number} is there more than once"
            problems.add("part-duplicate", folder, what, "Give every part once")
    problems.raise_if_any()

    at = 0
    for folder, written in found.items():
        if written.start != at or written.stop < at:
            problems.add(
                "part-range",
                folder,
                f"it starts at variant {written.start}, and the part before it ends at {at}",
                AGAIN,
            )
        at = written.stop
    if at != first.facts["n_variants"]:
        what = f"the last part ends at variant {at} of {first.facts['n_variants']}"
        problems.add("part-range", list(found)[-1], what, AGAIN)
    problems.raise_if_any()
    return found


def _differences(one: Written, other: Written) -> list[str]:
    """What says that two parts are not of one scan."""
    out = [] if one.part.of == other.part.of else ["the number of parts"]
    names = sorted(one.part.origin.keys() | other.part.origin.keys())
    out += [name for name in names if one.part.origin.get(name) != other.part.origin.get(name)]
    keys = sorted(one.facts.keys() | other.facts.keys())
    return out + [key for key in keys if not _alike(one.facts.get(key), other.facts.get(key))]


def _alike(a: Any, b: Any) -> bool:
    """Equal, but for the rounding of numbers that were estimated."""
    if isinstance(a, float) and isinstance(b, float):
        return bool(np.isclose(a, b, rtol=CLOSE, atol=CLOSE))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_alike(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_alike, a, b))
    return a == b
