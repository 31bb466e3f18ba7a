"""Ways to take fields of many site databases, in the same run, with the same answers.

    python tests/bench/lookups.py [--calls 50000] [--rows 100000 1000000] [--rounds 3]

Dense calls (as many as `--calls`, on 5 Mb) and sparse ones (a hundredth) are looked up in 1, 3
and 8 databases of four fields, whose sizes go from the first of `--rows` to the second. Ways:

- pipe: bcftools annotate on tabix-indexed tables, one process a database, in one pipe (ours);
- bcf: bcftools annotate on indexed BCF; each result is written and indexed for the next one;
- vcf: the same on VCF;
- merged: as pipe, with all databases joined to one table before (the joining is not timed);
- vcfanno: all databases at once, two processes; skipped where it is not installed.

Times are of the wall and of all processors, the best of the rounds. Every way must give the same
values at the same records. Goal: ours takes no longer than bcf, nor than vcfanno, over all
cases; exit code 1 where it does.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from genopheno.annotation.databases import Prepared, lookup, prepare, read_prepared
from genopheno.fasta import faidx
from genopheno.tools import run

LENGTH = 5_000_000
BASES = np.frombuffer(b"ACGT", np.uint8)
FIELDS = ("F0", "F1", "F2", "S")
SOURCES = (1, 3, 8)


class Case:
    """Simulated calls and databases in a folder."""

    def __init__(self, folder: Path, calls: int, rows: tuple[int, int]):
        self.folder, self.draw = folder, np.random.default_rng(1)
        self.sequence = self.draw.choice(BASES, LENGTH)
        self.fasta = folder / "genome.fa"
        self.fasta.write_bytes(b">1\n" + self.sequence.tobytes() + b"\n")
        faidx(self.fasta)
        pool = self.draw.permutation(3 * LENGTH)
        known, unknown = pool[: 2 * rows[1]], pool[2 * rows[1] :]
        # Half of the calls could be in a database.
        dense = np.concatenate([known[: calls // 2], unknown[: calls - calls // 2]])
        self.calls = {
            "dense": self.write("dense", dense),
            "sparse": self.write("sparse", dense[::100]),
        }
        sizes = np.geomspace(*rows, max(SOURCES)).astype(int)
        # Of three, one of each size.
        order = [0, max(SOURCES) - 1, max(SOURCES) // 2]
        order += [i for i in range(max(SOURCES)) if i not in order]
        self.names, self.sizes = [f"d{i}" for i in range(max(SOURCES))], sizes[order]
        self.prepared: dict[str, Prepared] = {}
        for name, size in zip(self.names, self.sizes, strict=True):
            self.database(name, self.draw.choice(known, size, replace=False))

    def write(self, name: str, alleles: np.ndarray, fields: bool = False) -> Path:
        """SNVs (3 × position + which of the other bases) as an indexed VCF, and as BCF."""
        alleles = np.sort(alleles)
        position, ref = alleles // 3, self.sequence[alleles // 3]
        alt = BASES[(np.searchsorted(BASES, ref) + 1 + alleles % 3) % 4]
        numbers = self.draw.random((len(alleles), 3)).round(3)  # vcfanno writes four decimals
        path = self.folder / f"{name}.vcf.gz"
        head = f"##fileformat=VCFv4.2\n##contig=<ID=1,length={LENGTH}>\n"
        for field in FIELDS if fields else ():
            kind = "Number=1,Type=String" if field == "S" else "Number=A,Type=Float"
            head += f'##INFO=<ID={name}_{field},{kind},Description="Simulated">\n'
        lines = [head + "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"]
        for p, r, a, values in zip(position, ref, alt, numbers, strict=True):
            info = (
                f"{name}_F0={values[0]};{name}_F1={values[1]};{name}_F2={values[2]};{name}_S=Benign"
            )
            lines.append(
                f"1\t{p + 1}\t.\t{chr(r)}\t{chr(a)}\t50\tPASS\t{info if fields else '.'}\n"
            )
        packed = ["bcftools", "view", "--no-version"]
        subprocess.run([*packed, "-Oz", "-o", path], input="".join(lines).encode(), check=True)
        run(["bcftools", "index", "-t", path])
        bcf = self.folder / f"{name}.bcf"
        run([*packed, "-Ob1", "-o", bcf, path])
        run(["bcftools", "index", bcf])
        return bcf

    def database(self, name: str, alleles: np.ndarray) -> None:
        """A database as VCF and BCF with the names of its columns, and as we prepare it."""
        self.write(name, alleles, fields=True)
        plain = self.folder / f"{name}.plain.vcf.gz"
        # The same under the names that fields have in a database.
        run(
            ["gzip", "-cd", self.folder / f"{name}.vcf.gz"],
            ["sed", f"s/{name}_//g"],
            ["bgzip", "-c"],
            stdout=plain,
        )
        out = self.folder / f"{name}.tsv.gz"
        prepare(name, plain, reference=self.fasta, fields=FIELDS, out=out)
        self.prepared[name] = read_prepared(name, out)

    def pipe(self, calls: Path, names: list[str], out: Path) -> None:
        commands = [
            command
            for name in names
            for command in lookup(self.prepared[name], self.folder / f"{name}.tsv.gz", self.folder)
        ]
        run(["bcftools", "view", "-Ou", calls], *commands, ["bcftools", "view", "-Ob1"], stdout=out)

    def indexed(self, ending: str) -> Callable[[Path, list[str], Path], None]:
        def annotate(calls: Path, names: list[str], out: Path) -> None:
            for number, name in enumerate(names):
                target = out if name == names[-1] else self.folder / f"step{number}.bcf"
                columns = ",".join(f"INFO/{name}_{field}" for field in FIELDS)
                words = ["-a", self.folder / f"{name}.{ending}", "-c", columns, "-m"]
                words += [f"+{name}_found", "--pair-logic", "exact", "-Ob1", "-o", target, calls]
                run(["bcftools", "annotate", "--no-version", *words])
                run(["bcftools", "index", "-f", target])
                calls = target

        return annotate

    def join(self, names: list[str]) -> None:
        """One table of several databases; its flags are columns."""
        joined = self.folder / f"joined{len(names)}.vcf.gz"
        marked = []
        for name in names:
            target = self.folder / f"{name}.marked.bcf"
            own = self.folder / f"{name}.bcf"
            mark = ["-a", own, "-m", f"+{name}_found", "-Ob1", "-o", target, own]
            run(["bcftools", "annotate", "--no-version", *mark])
            run(["bcftools", "index", "-f", target])
            marked.append(target)
        # Merging needs samples or -0; sites alone are put together by concatenation and a join.
        columns = [f"{name}_{field}" for name in names for field in (*FIELDS, "found")]
        sites = self.folder / "all.bcf"
        concat = [
            "bcftools",
            "concat",
            "-a",
            "-D",
            "-Ou",
            *(self.folder / f"{n}.bcf" for n in names),
        ]
        run(concat, ["bcftools", "annotate", "-x", "INFO", "-Ob1"], stdout=sites)
        run(["bcftools", "index", "-f", sites])
        self.indexed("bcf")(sites, names, joined.with_suffix(".bcf"))
        form = "%CHROM\t%POS\t%REF\t%ALT\t" + "\t".join(f"%INFO/{c}" for c in columns) + "\n"
        table = self.folder / f"joined{len(names)}.tsv.gz"
        query = ["bcftools", "query", "-f", form, joined.with_suffix(".bcf")]
        run(query, ["bgzip", "-c"], stdout=table)
        run(["tabix", "-s1", "-b2", "-e2", table])
        lines = [line for name in names for line in self.prepared[name].header]
        (self.folder / f"joined{len(names)}.hdr").write_text("\n".join(lines) + "\n")

    def merged(self, calls: Path, names: list[str], out: Path) -> None:
        joined = self.folder / f"joined{len(names)}.tsv.gz"
        columns = [f"{name}_{field}" for name in names for field in (*FIELDS, "found")]
        words = ["-a", joined, "-h", joined.with_name(f"joined{len(names)}.hdr"), "-c"]
        words += [",".join(["CHROM", "POS", "REF", "ALT", *columns]), "-Ob1", calls]
        run(["bcftools", "annotate", "--no-version", *words], stdout=out)

    def vcfanno(self, calls: Path, names: list[str], out: Path) -> None:
        config = self.folder / "vcfanno.toml"
        parts = []
        for name in names:
            columns = [f"{name}_{field}" for field in FIELDS]
            parts.append(
                f'[[annotation]]\nfile="{self.folder}/{name}.vcf.gz"\nfields={columns}\n'
                f"names={columns}\nops={['self'] * len(FIELDS)}\n"
            )
        config.write_text("".join(parts).replace("'", '"'))
        # Its header of sites has a column FORMAT too many.
        run(
            ["vcfanno", "-p", "2", config, calls.with_suffix(".vcf.gz")],
            ["sed", r"/^#CHROM/s/\tFORMAT$//"],
            ["bcftools", "view", "-Ob1"],
            stdout=out,
        )


def timed(work: Callable[[], None], rounds: int) -> tuple[float, float]:
    """Least wall and processor time (s) of the processes that the work starts."""
    best = [float("inf"), float("inf")]
    for _ in range(rounds):
        before, start = os.times(), time.perf_counter()
        work()
        after = os.times()
        spent = sum(after[2:4]) - sum(before[2:4])
        best = [min(best[0], time.perf_counter() - start), min(best[1], spent)]
    return best[0], best[1]


def values(path: Path, names: list[str]) -> list[str]:
    form = "%CHROM\t%POS\t%REF\t%ALT" + "".join(f"\t%INFO/{n}_{f}" for n in names for f in FIELDS)
    # Looking up in a VCF changes the order of alleles at one position.
    return sorted(run(["bcftools", "query", "-f", form + "\n", path]).splitlines())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=50_000)
    parser.add_argument("--rows", type=int, nargs=2, default=(100_000, 1_000_000))
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        case = Case(Path(name), args.calls, tuple(args.rows))
        ways = {
            "pipe": case.pipe,
            "bcf": case.indexed("bcf"),
            "vcf": case.indexed("vcf.gz"),
            "merged": case.merged,
        }
        if shutil.which("vcfanno"):
            ways["vcfanno"] = case.vcfanno
        total = dict.fromkeys(ways, 0.0)
        print("calls   databases  rows       way      wall s   CPU s   wall / pipe")
        for number in SOURCES:
            names = case.names[:number]
            case.join(names)
            for kind, calls in case.calls.items():
                results = {}
                for way, work in ways.items():
                    out = case.folder / f"found.{way}.bcf"
                    wall, cpu = timed(partial(work, calls, names, out), args.rounds)
                    results[way] = wall, values(out, names)
                    total[way] += wall
                    print(
                        f"{kind:<7} {number:<10} {sum(case.sizes[:number]):<10,} {way:<8} "
                        f"{wall:<8.2f} {cpu:<7.2f} {wall / results['pipe'][0]:.2f}",
                        flush=True,
                    )
                    if results[way][1] != results["pipe"][1]:
                        sys.exit(f"{way} gives other values than pipe")
        ratios = {way: spent / total["pipe"] for way, spent in total.items()}
    print("all cases, wall / pipe: " + ", ".join(f"{way} {r:.2f}" for way, r in ratios.items()))
    missed = [way for way in ("bcf", "vcfanno") if ratios.get(way, 1) < 1]
    sys.exit(f"slower than {', '.join(missed)}" if missed else 0)


if __name__ == "__main__":
    main()
