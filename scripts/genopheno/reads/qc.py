"""Measures of the reads of one sample: samtools stats and mosdepth on its CRAM."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from genopheno.files import write_json, writing
from genopheno.problems import fail
from genopheno.reads.counts import FastpCounts, fastp_counts
from genopheno.tools import library_path, run

Metrics = dict[str, str | int | float | None]


def read_qc(
    cram: Path,
    *,
    reference: Path,
    fastp_jsons: Sequence[Path],
    sample: str,
    participant: str,
    out_dir: Path,
    threads: int,
) -> Metrics:
    """Measure the reads of a sample and write ``metrics.json``.

    Parameters
    ----------
    cram : alignments of the sample, duplicates marked, indexed.
    reference : FASTA of the CRAM.
    fastp_jsons : fastp reports of its units.
    sample, participant : names for the table.
    out_dir : gets ``{sample}.stats``, ``{sample}.mosdepth.summary.txt``,
        ``{sample}.mosdepth.global.dist.txt`` and ``metrics.json``.
    threads : threads; the two tools run side by side.

    Returns
    -------
    The read-level columns of table ``sample_qc``; a measure without data is None. Depth
    leaves out duplicates, secondary and quality-failed reads, and counts a base once where
    the mates of a pair overlap (mosdepth).

    Raises
    ------
    StageError : a tool failed, or the CRAM holds another number of reads than fastp passed.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    counts = fastp_counts(fastp_jsons)
    with tempfile.TemporaryDirectory(prefix=".qc.", dir=out_dir) as folder:
        scratch = Path(folder)
        half = max(1, threads // 2)
        with ThreadPoolExecutor(2) as pool:
            stats = pool.submit(_stats, cram, reference, scratch / "stats", half)
            depth = pool.submit(_mosdepth, cram, reference, scratch / sample, half)
            numbers = stats.result()
            summary, distribution = depth.result()
        metrics = {
            "sample": sample,
            "participant": participant,
            **read_measures(counts, numbers),
            **depth_measures(summary.read_text(), distribution.read_text(), _length(reference)),
        }
        found = int(numbers["raw total sequences"])
        if found != counts.reads_after:
            raise fail(
                "reads-lost",
                cram,
                f"fastp passed {counts.reads_after} reads of sample {sample}, the CRAM holds "
                f"{found}",
                "Delete the CRAM and run again: the sample is aligned anew",
            )
        for made, name in (
            (scratch / "stats", f"{sample}.stats"),
            (summary, summary.name),
            (distribution, distribution.name),
        ):
            with writing(out_dir / name) as beside:
                made.replace(beside)
    write_json(out_dir / "metrics.json", metrics)
    return metrics


def read_measures(counts: FastpCounts, stats: dict[str, float]) -> Metrics:
    """Measures from the counts of fastp and the summary numbers of samtools stats."""
    reads, mapped = stats["raw total sequences"], stats["reads mapped"]
    pairs = stats["inward oriented pairs"] + stats["outward oriented pairs"]
    return {
        "reads": counts.reads,
        "bases": counts.bases,
        "q30_fraction": _ratio(counts.q30_bases, counts.bases),
        "reads_after_trimming": counts.reads_after,
        "mapped_fraction": _ratio(mapped, reads),
        "properly_paired_fraction": _ratio(stats["reads properly paired"], reads),
        "duplicate_fraction": _ratio(stats["reads duplicated"], mapped),
        "mismatch_rate": _ratio(stats["mismatches"], stats["bases mapped (cigar)"]),
        "insert_size_mean": stats["insert size average"] if pairs else None,
        "insert_size_sd": stats["insert size standard deviation"] if pairs else None,
    }


def depth_measures(summary: str, distribution: str, bases: int) -> Metrics:
    """Measures of depth over the whole reference, from the two texts of mosdepth.

    The distribution gives, per depth, the fraction of bases with at least that depth; the
    median is the largest depth that half of the bases reach. mosdepth leaves contigs without
    reads out of its totals; here they count, with depth 0.

    Parameters
    ----------
    summary, distribution : texts of ``.mosdepth.summary.txt`` and ``.global.dist.txt``.
    bases : length of the reference (bp).
    """
    total = next(row.split("\t") for row in summary.splitlines() if row.startswith("total\t"))
    seen = int(total[1]) / bases
    at_least = {
        int(depth): float(fraction) * seen
        for name, depth, fraction in (row.split("\t") for row in distribution.splitlines())
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


def _length(reference: Path) -> int:
    index = reference.with_name(reference.name + ".fai")
    return sum(int(line.split("\t")[1]) for line in index.read_text().splitlines() if line)


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _stats(cram: Path, reference: Path, out: Path, threads: int) -> dict[str, float]:
    run(
        ["samtools", "stats", "-@", threads - 1, "--reference", reference.absolute(), cram],
        stdout=out,
    )
    rows = (line.split("\t") for line in out.read_text().splitlines() if line.startswith("SN\t"))
    return {row[1].rstrip(":"): float(row[2]) for row in rows}


def _mosdepth(cram: Path, reference: Path, prefix: Path, threads: int) -> tuple[Path, Path]:
    run(
        [
            "env",
            "MOSDEPTH_PRECISION=6",  # it rounds to two decimals otherwise
            f"LD_LIBRARY_PATH={library_path(prefix.parent)}",
            *("mosdepth", "-n", "-t", min(threads, 4), "-f", reference.absolute(), prefix, cram),
        ]
    )
    made = f"{prefix.name}.mosdepth"
    return prefix.with_name(f"{made}.summary.txt"), prefix.with_name(f"{made}.global.dist.txt")
