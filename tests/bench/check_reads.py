"""Verifying a pair of FASTQ against only unpacking it with gzip, in the same run, one core.

python tests/bench/check_reads.py [pairs of reads]
"""

from __future__ import annotations

import argparse
import gzip
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from genopheno.submission.fastq import check_pair

READ = 150


def make(folder: Path, n: int) -> tuple[list[Path], int]:
    """Write a pair of gzip FASTQ; return the paths and the plain size in bytes."""
    draw = np.random.default_rng(1)
    paths, size = [], 0
    for mate in (1, 2):
        bases = np.frombuffer(b"ACGT", np.uint8)[draw.integers(0, 4, (n, READ))]
        marks = np.frombuffer(b"FFFFFFF:,#", np.uint8)[draw.integers(0, 10, (n, READ))]
        text = b"".join(
            b"@A00111:155:HXX:1:1101:%d:%d %d:N:0:ACGT\n%b\n+\n%b\n"
            % (i, i * 7 % 31337, mate, bases[i].tobytes(), marks[i].tobytes())
            for i in range(n)
        )
        paths.append(folder / f"R{mate}.fastq.gz")
        paths[-1].write_bytes(gzip.compress(text, 4))
        size += len(text)
    return paths, size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", type=int, nargs="?", default=300_000)
    n = parser.parse_args().pairs
    with tempfile.TemporaryDirectory() as folder:
        paths, size = make(Path(folder), n)
        ours, peers = [], []
        for _ in range(3):
            start = time.perf_counter()
            assert check_pair(*paths)["faults"] == []
            ours.append(time.perf_counter() - start)
            start = time.perf_counter()
            subprocess.run(["gzip", "-t", *paths], check=True)
            peers.append(time.perf_counter() - start)
    print(f"verified {size / 1e6 / min(ours):.0f} MB/s of plain FASTQ ({min(ours):.2f} s)")
    print(f"gzip -t  {size / 1e6 / min(peers):.0f} MB/s ({min(peers):.2f} s)")
    print(f"ratio to gzip -t: {min(ours) / min(peers):.2f}")


if __name__ == "__main__":
    main()
