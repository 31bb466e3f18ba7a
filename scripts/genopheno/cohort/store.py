"""The store of a cohort that grows: parts, each a Hail VDS, and a list of what is in them.

New samples become a new part, so that adding them costs what they cost, however many are in
already. A sample that left, or whose gVCF changed, is taken out of its part, which is written
anew without it. Many small parts are joined. ``store.json`` is the truth: a folder that it does
not list is what a killed run left, and is removed, unless it can be resumed.

The parts come from Hail's combiner (Poplin 2018 for the gVCF; scalable variant call
representation, SVCR, for the VDS), which keeps reference blocks apart from variants.
"""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from genopheno.cohort import parts
from genopheno.files import md5, read_json, remove, write_json
from genopheno.problems import fail

MAX_PARTS = 20  # more are joined: each is opened for every position
VERSION = 1


@dataclass(frozen=True)
class Change:
    """What an update did, by sample names; the parts, and the contigs they have records on."""

    added: list[str]
    changed: list[str]
    removed: list[str]
    kept: int
    parts: list[Path]
    contigs: list[str]

    def counts(self) -> dict[str, Any]:
        return {
            "samples": self.kept + len(self.added) + len(self.changed),
            "added": self.added,
            "changed": self.changed,
            "removed": self.removed,
            "kept": self.kept,
            "parts": len(self.parts),
        }


@contextmanager
def locked(store: Path) -> Iterator[None]:
    """Keep others away from the store while it is changed.

    Raises
    ------
    StageError : another process is at it.
    """
    store.mkdir(parents=True, exist_ok=True)
    with open(store / ".lock", "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise fail(
                "store-locked", store, "another process is changing it", "Wait for its end"
            ) from None
        yield


def read(store: Path) -> dict[str, Any]:
    """What ``store.json`` says; an empty store where there is none."""
    path = store / "store.json"
    if not path.is_file():
        return {"version": VERSION, "options": None, "parts": [], "samples": {}, "next": 1}
    state = read_json(path)
    if state.get("version") != VERSION:
        raise fail(
            "store-version",
            path,
            f"its version is {state.get('version')}, this program reads {VERSION}",
            "Remove the folder: it is combined anew from the gVCFs",
        )
    return state


def options(hail_version: str, build: str, contigs: dict[str, int]) -> dict[str, str]:
    """What all parts of a store must have in common."""
    lengths = "".join(f"{name} {length}\n" for name, length in contigs.items())
    return {
        "hail": hail_version,
        "build": build,
        "contigs_md5": hashlib.md5(lengths.encode()).hexdigest(),
        **parts.OPTIONS,
    }


def update(
    hl: ModuleType,
    store: Path,
    gvcfs: dict[str, Path],
    genome: Any,
    *,
    build: str,
    contigs: dict[str, int],
    branch_factor: int = parts.BRANCH_FACTOR,
) -> Change:
    """Bring the store to hold exactly these samples.

    Parameters
    ----------
    gvcfs : sample to its combiner-ready gVCF (bgzip, ``.tbi``). genome : Hail reference genome.
    build, contigs : its name, contigs and lengths (bases).
    branch_factor : gVCFs that one step of the combiner joins.

    Raises
    ------
    StageError : no gVCF was given, or one is missing.
    """
    if not gvcfs:
        raise fail("combine-nothing", store, "no gVCF was given", "Check the sample sheet")
    state = read(store)
    wanted = options(hl.version(), build, contigs)
    if state["options"] not in (None, wanted):
        # Of another reference or Hail: nothing of it can be used, the gVCFs can.
        state |= {"parts": [], "samples": {}}
    state["options"] = wanted
    _forget_lost(store, state)
    _save(store, state)
    signatures = {s: signature(path, state["samples"].get(s)) for s, path in gvcfs.items()}
    before = state["samples"]
    changed = [s for s in gvcfs if s in before and before[s]["md5"] != signatures[s]["md5"]]
    added = [s for s in gvcfs if s not in before]
    removed = [s for s in before if s not in gvcfs]
    new = [s for s in gvcfs if s in changed or s in added]
    if removed or changed:
        take_out(hl, store, state, {*removed, *changed})
    if new:
        _append(hl, store, state, {s: gvcfs[s] for s in new}, signatures, genome, branch_factor)
    if len(state["parts"]) > MAX_PARTS:
        _compact(hl, store, state)
    for sample in gvcfs:  # of kept samples, whose file may be a newer copy of the same
        state["samples"][sample] = signatures[sample]
    _save(store, state)
    kept = len(gvcfs) - len(new)
    paths = [store / part["name"] for part in state["parts"]]
    return Change(added, changed, removed, kept, paths, _contigs(state["parts"]))


def signature(path: Path, known: dict[str, Any] | None) -> dict[str, Any]:
    """Size, time and MD5 of a gVCF; the MD5 is read again only where the others differ."""
    try:
        now = path.stat()
    except OSError:
        raise fail("gvcf-missing", path, "there is no such file", "Run its sample again") from None
    seen = {"size": now.st_size, "mtime_ns": now.st_mtime_ns}
    if known and all(known[key] == value for key, value in seen.items()):
        return known
    return {**seen, "md5": md5(path)}


def take_out(hl: ModuleType, store: Path, state: dict[str, Any], gone: set[str]) -> None:
    """Write the parts that hold some of `gone` anew without them, and remove the old ones."""
    left = []
    for part in state["parts"]:
        stay = [s for s in part["samples"] if s not in gone]
        if len(stay) == len(part["samples"]):
            left.append(part)
        elif stay:
            name = _next(state)
            parts.without(hl, store / part["name"], set(part["samples"]) & gone, store / name)
            left.append({**part, "name": name, "samples": stay})
    state["parts"] = left
    state["samples"] = {s: v for s, v in state["samples"].items() if s not in gone}
    _save(store, state)


def _append(hl, store, state, gvcfs, signatures, genome, branch_factor) -> None:
    plan = {
        "samples": {s: signatures[s]["md5"] for s in gvcfs},
        "options": state["options"],
        "branch_factor": branch_factor,
    }
    work = store / "work"
    pending = work / "pending.json"
    known = read_json(pending) if pending.is_file() else {}
    if known.get("plan") != plan or (store / known["name"]).exists():
        # Another job, or one killed when it wrote its end: begun anew.
        remove(work)
        known = {"name": _next(state), "plan": plan}
        _save(store, state)  # so that the name is not given twice
        remove(store / known["name"])
        write_json(pending, known)
    contigs = parts.combine(
        hl,
        gvcfs,
        store / known["name"],
        work=work,
        genome=genome,
        branch_factor=branch_factor,
    )
    state["parts"].append({"name": known["name"], "samples": list(gvcfs), "contigs": contigs})
    state["samples"] |= {s: signatures[s] for s in gvcfs}
    _save(store, state)
    remove(work)


def _compact(hl, store, state) -> None:
    """Join the smallest parts, so that half as many are left: large ones are seldom written."""
    by_size = sorted(state["parts"], key=lambda part: len(part["samples"]))
    joined = by_size[: len(by_size) - MAX_PARTS // 2 + 1]
    name = _next(state)
    contigs = _contigs(joined)
    parts.join(hl, [store / part["name"] for part in joined], contigs, store / name)
    names = {part["name"] for part in joined}
    state["parts"] = [part for part in state["parts"] if part["name"] not in names]
    samples = [sample for part in joined for sample in part["samples"]]
    state["parts"].append({"name": name, "samples": samples, "contigs": contigs})
    _save(store, state)


def _forget_lost(store: Path, state: dict[str, Any]) -> None:
    """Samples whose part somebody deleted are not in; they are combined once more."""
    state["parts"] = [part for part in state["parts"] if (store / part["name"]).is_dir()]
    there = {sample for part in state["parts"] for sample in part["samples"]}
    state["samples"] = {s: v for s, v in state["samples"].items() if s in there}


def _contigs(parts_of_state: list[dict[str, Any]]) -> list[str]:
    return sorted({contig for part in parts_of_state for contig in part["contigs"]})


def _next(state: dict[str, Any]) -> str:
    number = state["next"]
    state["next"] = number + 1
    return f"part-{number:06d}.vds"


def _save(store: Path, state: dict[str, Any]) -> None:
    """Write the list, then remove the parts that it no longer names."""
    write_json(store / "store.json", state)
    _drop_strangers(store, state)


def _drop_strangers(store: Path, state: dict[str, Any]) -> None:
    named = {part["name"] for part in state["parts"]}
    pending = store / "work" / "pending.json"
    if pending.is_file():
        named.add(read_json(pending)["name"])
    for path in store.glob("*.vds"):
        if path.name not in named:
            remove(path)
