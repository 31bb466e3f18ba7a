"""Measures of the reads of one sample: samtools stats and mosdepth on its CRAM."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from genopheno.files import write_json, writing
from genopheno.problems import fail
from genopheno.reads.counts import FastpCounts, fastp_counts
from genopheno.tools import library_path, run

Metrics = dict[str, str | int | float | None]
TARGETS = ("target_mean_coverage", "target_median_coverage", "target_breadth_10x")
KEPT = ("mosdepth.summary.txt", "mosdepth.global.dist.txt")


def read_qc(
    cram: Path,
    *,
    reference: Path,
    fastp_jsons: Sequence[Path],
    sample: str,
    participant: str,
    out_dir: Path,
    threads: int,
    targets: Path | None = None,
) -> Metrics:
    """Measure the reads of a sample and write ``metrics.json``.

    Parameters
    ----------
    cram : alignments of the sample, duplicates marked, indexed.
    reference : FASTA of the CRAM.
    fastp_jsons : fastp reports of its units; none: the alignment was taken as it is, and what
        was handed in is what it holds.
    sample, participant : names for the table.
    out_dir : gets ``{sample}.stats``, ``{sample}.mosdepth.summary.txt``,
        ``{sample}.mosdepth.global.dist.txt``, ``contigs.json`` (length in bp and mean depth by
        contig, in the order of the reference) and ``metrics.json``.
    threads : threads; the two tools run side by side.
    targets : BED of what was captured, to be measured besides.

    Returns
    -------
    The read-level columns of table ``sample_qc``; a measure without data is None. Depth
    leaves out duplicates, secondary and quality-failed reads, and counts a base once where
    the mates of a pair overlap (mosdepth).

    Raises
    ------
    StageError : a tool failed, the targets are empty, or the CRAM holds another number of reads
        than fastp passed.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    handed_in = fastp_counts(fastp_jsons) if fastp_jsons else None
    with tempfile.TemporaryDirectory(prefix=".qc.", dir=out_dir) as folder:
        scratch = Path(folder)
        half = max(1, threads // 2)
        bed, bases = _merged(targets, scratch / "targets.bed") if targets else (None, 0)
        with ThreadPoolExecutor(2) as pool:
            stats = pool.submit(_stats, cram, reference, scratch / "stats", half)
            depth = pool.submit(_mosdepth, cram, reference, scratch / sample, half, bed)
            text = stats.result()
            depth.result()
        numbers = summary_numbers(text)
        counts = handed_in or counts_of_stats(text)
        made = scratch / f"{sample}.mosdepth"
        summary = Path(f"{made}.summary.txt").read_text()
        whole = Path(f"{made}.global.dist.txt").read_text()
        lengths = _lengths(reference)
        metrics = {
            "sample": sample,
            "participant": participant,
            **read_measures(counts, numbers, trimmed=handed_in is not None),
            "insert_size_median": median_insert_size(text),
            **depth_measures(summary, whole, sum(lengths.values())),
            **dict.fromkeys(TARGETS),
        }
        if bed:
            part = Path(f"{made}.region.dist.txt").read_text()
            found = depth_measures(summary, part, bases, row="total_region")
            metrics |= {name: found[name.removeprefix("target_")] for name in TARGETS}
        found = int(numbers["raw total sequences"])
        if found != counts.reads_after:
            raise fail(
                "reads-lost",
                cram,
                f"fastp passed {counts.reads_after} reads of sample {sample}, the CRAM holds "
                f"{found}",
                "Delete the CRAM and run again: the sample is aligned anew",
            )
        for path, name in (
            (scratch / "stats", f"{sample}.stats"),
            *((scratch / f"{sample}.{end}", f"{sample}.{end}") for end in KEPT),
        ):
            with writing(out_dir / name) as beside:
                path.replace(beside)
    # Not sorted by name: the order is that of the reference.
    with writing(out_dir / "contigs.json") as beside:
        beside.write_text(json.dumps(contig_depths(summary, lengths), indent=2) + "\n")
    write_json(out_dir / "metrics.json", metrics)
    return metrics


def read_measures(
    counts: FastpCounts, stats: Mapping[str, float], *, trimmed: bool = True
) -> Metrics:
    """Measures from the counts of reads and the summary numbers of samtools stats.

    Parameters
    ----------
    counts : as handed in.
    stats : see `summary_numbers`.
    trimmed : our own steps trimmed the reads and marked duplicates; False: an alignment was
        taken as it is, and one without any duplicate was not looked through for them.
    """
    reads, mapped = stats["raw total sequences"], stats["reads mapped"]
    pairs = stats["inward oriented pairs"] + stats["outward oriented pairs"]
    in_pairs = stats["reads properly paired"] if stats["reads paired"] else None
    duplicates = stats["reads duplicated"] if trimmed or stats["reads duplicated"] else None
    return {
        "reads": counts.reads,
        "bases": counts.bases,
        "q30_fraction": _ratio(counts.q30_bases, counts.bases),
        "reads_after_trimming": counts.reads_after if trimmed else None,
        "mapped_fraction": _ratio(mapped, reads),
        "properly_paired_fraction": _ratio(in_pairs, reads),
        "duplicate_fraction": _ratio(duplicates, mapped),
        "mismatch_rate": _ratio(stats["mismatches"], stats["bases mapped (cigar)"]),
        "insert_size_mean": stats["insert size average"] if pairs else None,
        "insert_size_sd": stats["insert size standard deviation"] if pairs else None,
    }


def summary_numbers(stats: str) -> dict[str, float]:
    """The summary numbers (SN) in the text of samtools stats, by name."""
    return {row[1].rstrip(":"): float(row[2]) for row in _rows(stats, "SN")}


def counts_of_stats(stats: str) -> FastpCounts:
    """What was handed in, where that is an alignment: from the text of samtools stats.

    FFQ and LFQ count bases by cycle (column 1) and quality (from column 2 on, quality 0).
    """
    numbers = summary_numbers(stats)
    reads, bases = int(numbers["raw total sequences"]), int(numbers["total length"])
    q30 = sum(
        int(n) for kind in ("FFQ", "LFQ") for row in _rows(stats, kind) for n in row[2 + 30 :]
    )
    return FastpCounts(reads, bases, q30, reads)


def median_insert_size(stats: str) -> float | None:
    """Median insert size (bp) from the text of samtools stats; None without pairs.

    IS counts pairs (column 2) by insert size (column 1).
    """
    sizes = sorted((int(row[1]), int(row[2])) for row in _rows(stats, "IS"))
    half = sum(n for _, n in sizes) / 2
    seen = 0
    for size, n in sizes:
        seen += n
        if n and seen >= half:
            return float(size)
    return None


def contig_depths(summary: str, lengths: Mapping[str, int]) -> dict[str, dict[str, float]]:
    """Length (bp) and mean depth by contig; 0 for those that mosdepth leaves out."""
    rows = (row.split("\t") for row in summary.splitlines()[1:])
    bases = {row[0]: int(row[2]) for row in rows}
    return {
        name: {"length": length, "mean": bases.get(name, 0) / length}
        for name, length in lengths.items()
    }


def depth_measures(summary: str, distribution: str, bases: int, row: str = "total") -> Metrics:
    """Measures of depth over the whole reference or the targets, from two texts of mosdepth.

    The distribution gives, per depth, the fraction of bases with at least that depth; the
    median is the largest depth that half of the bases reach. mosdepth leaves contigs without
    reads out of its totals; here they count, with depth 0.

    Parameters
    ----------
    summary, distribution : texts of ``.mosdepth.summary.txt`` and ``.global.dist.txt`` (or
        ``.region.dist.txt``).
    bases : length of the reference, or of the targets (bp).
    row : row of the summary: ``total``, or ``total_region`` for the targets.
    """
    rows = (line.split("\t") for line in summary.splitlines())
    total = next((cells for cells in rows if cells[0] == row), [row, "0", "0"])
    seen = int(total[1]) / bases
    at_least = {
        int(depth): float(fraction) * seen
        for name, depth, fraction in (line.split("\t") for line in distribution.splitlines())
        if name == "total"
    }

    def breadth(depth: int) -> float:
        # Depths that nothing reaches, or almost nothing, are not listed.
        return max((f for d, f in at_least.items() if d >= depth), default=0.0)

    return {
        "mean_coverage": int(total[2]) / bases,
        "median_coverage": float(max((d for d, f in at_least.items() if f >= 0.5), default=0)),
        "breadth_1x": breadth(1),
        "breadth_10x": breadth(10),
    }


def _lengths(reference: Path) -> dict[str, int]:
    """Lengths (bp) of the contigs, from the index of the reference."""
    index = reference.with_name(reference.name + ".fai")
    rows = (line.split("\t") for line in index.read_text().splitlines() if line)
    return {row[0]: int(row[1]) for row in rows}


def _merged(targets: Path, bed: Path) -> tuple[Path, int]:
    """Write the targets sorted and without overlaps: the BED, and how many bases it covers.

    Raises
    ------
    StageError : there is no interval in it.
    """
    intervals: dict[str, list[list[int]]] = {}
    for line in targets.read_text().splitlines():
        cells = line.split()
        if len(cells) >= 3 and cells[0] not in ("#", "track", "browser") and line[0] != "#":
            intervals.setdefault(cells[0], []).append([int(cells[1]), int(cells[2])])
    bases, lines = 0, []
    for contig, spans in intervals.items():
        joined: list[list[int]] = []
        for start, end in sorted(spans):
            if joined and start <= joined[-1][1]:
                joined[-1][1] = max(joined[-1][1], end)
            elif start < end:
                joined.append([start, end])
        bases += sum(end - start for start, end in joined)
        lines += [f"{contig}\t{start}\t{end}\n" for start, end in joined]
    if not bases:
        raise fail(
            "targets-empty", targets, "it holds no interval", "Give a BED: contig, start, end"
        )
    bed.write_text("".join(lines))
    return bed, bases


def _rows(stats: str, kind: str) -> Iterator[list[str]]:
    return (line.split("\t") for line in stats.splitlines() if line.startswith(f"{kind}\t"))


def _ratio(part: float | None, whole: float) -> float | None:
    return part / whole if part is not None and whole else None


def _stats(cram: Path, reference: Path, out: Path, threads: int) -> str:
    run(
        ["samtools", "stats", "-@", threads - 1, "--reference", reference.absolute(), cram],
        stdout=out,
    )
    return out.read_text()


def _mosdepth(cram: Path, reference: Path, prefix: Path, threads: int, bed: Path | None) -> None:
    run(
        [
            "env",
            "MOSDEPTH_PRECISION=6",  # it rounds to two decimals otherwise
            f"LD_LIBRARY_PATH={library_path(prefix.parent)}",
            *("mosdepth", "-n", "-t", min(threads, 4), "-f", reference.absolute()),
            *(["--by", bed] if bed else []),
            *(prefix, cram),
        ]
    )
