"""The aligners: what each needs as an index, and how it is called. One row per aligner."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from genopheno.problems import fail
from genopheno.tools import Command, run

# Bases per batch of bwa mem: insert sizes are estimated per batch, so a fixed one makes the
# alignments independent of the number of threads (as in the functional-equivalence standard
# of Regier et al. 2018, Nat Commun 9:4038).
BATCH = 100_000_000


@dataclass(frozen=True)
class Job:
    """What one call of an aligner depends on.

    Attributes
    ----------
    index : prefix of the index files, see `prefix`.
    read_group : whole @RG line with ``\\t`` between fields, which every aligner here reads.
    paired : reads come as pairs, one mate after the other; False: as single reads.
    min_length : the shortest read that is given to it (bp).
    threads : threads.
    """

    index: Path
    read_group: str
    paired: bool
    min_length: int
    threads: int


@dataclass(frozen=True)
class Aligner:
    """One aligner. It reads FASTQ from standard input and writes SAM to standard output, mates
    next to each other.

    Attributes
    ----------
    program : name of the binary.
    mark : what is put behind the reference's name to name its index.
    endings : of the index files.
    index : command from (FASTA, prefix of the index, threads).
    align : command from a `Job`.
    """

    program: str
    mark: str
    endings: tuple[str, ...]
    index: Callable[[Path, Path, int], Command]
    align: Callable[[Job], Command]


def _bwa(program: str) -> Callable[[Job], Command]:
    def command(job: Job) -> Command:
        return [
            *(program, "mem", "-t", job.threads, "-K", BATCH, "-v", 1),
            *(["-p"] if job.paired else []),
            "-Y",  # soft-clip supplementary reads: their whole sequence stays in the CRAM
            *("-R", job.read_group, job.index, "-"),
        ]

    return command


def _minimap2(job: Job) -> Command:
    return [
        *("minimap2", "-a", "-x", "sr", "-t", job.threads, "-Y"),
        # Else reads that follow each other under one name are taken for mates.
        *([] if job.paired else ["--frag=no"]),
        *("-R", job.read_group, job.index, "-"),
    ]


def _snap(job: Job) -> Command:
    kind, form = ("paired", "-pairedInterleavedFastq") if job.paired else ("single", "-fastq")
    return [
        *("snap-aligner", kind, job.index, form, "-", "-o", "-sam", "-"),
        *("-t", job.threads, "-b-"),  # not tied to processors: other jobs run beside it
        *("-mrl", min(job.min_length, 50)),  # it leaves shorter reads unaligned
        *("-R", job.read_group, "-qq"),
    ]


ALIGNERS = {
    "bwa": Aligner(
        "bwa",
        "",
        (".amb", ".ann", ".bwt", ".pac", ".sa"),
        lambda fasta, index, _: ["bwa", "index", "-p", index, fasta],
        _bwa("bwa"),
    ),
    # Its .amb, .ann and .pac are named as those of bwa: a mark keeps them apart.
    "bwa-mem2": Aligner(
        "bwa-mem2",
        ".mem2",
        (".0123", ".amb", ".ann", ".bwt.2bit.64", ".pac"),
        lambda fasta, index, _: ["bwa-mem2", "index", "-p", index, fasta],
        _bwa("bwa-mem2"),
    ),
    "minimap2": Aligner(
        "minimap2",
        ".sr.mmi",
        ("",),
        # -I: the index in one part, or each part would be aligned by itself.
        lambda fasta, index, threads: [
            *("minimap2", "-x", "sr", "-t", threads, "-I", "1000G", "-d", index, fasta)
        ],
        _minimap2,
    ),
    "snap": Aligner(
        "snap-aligner",
        ".snap",
        ("/Genome", "/GenomeIndex", "/GenomeIndexHash", "/OverflowTable"),
        lambda fasta, index, threads: ["snap-aligner", "index", fasta, index, f"-t{threads}"],
        _snap,
    ),
}
# Calls as good as those of bwa in a third of its time or less (tests/bench/aligners.py).
FAST = "snap"


def prefix(name: str, reference: Path) -> Path:
    """What an aligner is given as its index of a reference."""
    return reference.with_name(reference.name + ALIGNERS[name].mark)


def index_files(name: str, reference: Path | str) -> list[str]:
    """Files of the index of a reference, beside it."""
    return [f"{prefix(name, Path(reference))}{ending}" for ending in ALIGNERS[name].endings]


def make_index(name: str, reference: Path, *, threads: int = 1) -> None:
    """Make the index of a reference for one aligner, beside the FASTA.

    Raises
    ------
    StageError : the aligner failed or made no index; nothing is left behind.
    """
    final = [Path(path) for path in index_files(name, reference)]
    with tempfile.TemporaryDirectory(prefix=f".{name}.", dir=reference.parent) as folder:
        beside = Path(folder) / reference.name
        run(ALIGNERS[name].index(reference.absolute(), prefix(name, beside).absolute(), threads))
        made = [Path(path) for path in index_files(name, beside)]
        absent = [path.name for path in made if not path.is_file()]
        if absent:
            raise fail(
                "index-incomplete",
                reference,
                f"{ALIGNERS[name].program} made no {', '.join(absent)}",
                "Check free disk space and memory, then run again",
            )
        for path, target in zip(made, final, strict=True):
            target.parent.mkdir(exist_ok=True)
            shutil.move(path, target)


def require_index(name: str, reference: Path) -> Path:
    """Prefix of the index, which must be there.

    Raises
    ------
    StageError : a file of it is absent.
    """
    absent = [path for path in index_files(name, reference) if not Path(path).is_file()]
    if absent:
        raise fail(
            "index-missing",
            absent[0],
            f"the index of {reference.name} for {name} is not there",
            f"Make it: genopheno index {reference} --aligner {name}",
        )
    return prefix(name, reference).absolute()
