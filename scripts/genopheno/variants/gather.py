"""The shards gathered into one file: sorted, each variant once, counted, softly filtered."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from genopheno.files import write_json, writing
from genopheno.problems import fail
from genopheno.tools import Command, run
from genopheno.variants.calling import allow_open_files
from genopheno.variants.filters import expressions
from genopheno.vcf import assert_records, assert_samples, count_records, samples_of


def gather(
    shards: Sequence[Path],
    *,
    reference: Path,
    out_bcf: Path,
    limits: Mapping[str, float | None],
    report: Path,
    caller: str = "bcftools",
    samples: Sequence[str] | None = None,
) -> dict[str, int | dict[str, int]]:
    """Join the shards.

    Parameters
    ----------
    shards : indexed BCFs of `call`, of the same samples.
    reference : FASTA, against which every reference allele is checked once more.
    out_bcf : BCF to write; ``.csi`` goes beside it. INFO has AC, AN, AF, F_MISSING.
    limits, caller : thresholds of the filters, see `filters.expressions`.
    report : JSON of counts to write.
    samples : samples that must be in it, no more and no fewer; None: those of the first shard.

    Returns
    -------
    The counts: records of the shards, exact duplicates after left alignment (one is kept),
    alleles that no genotype carries (dropped), records written, PASS, and by filter.

    Raises
    ------
    StageError : samples differ, a tool failed, or no record is left.
    """
    if not shards:
        raise fail("calling-nothing", out_bcf, "no shard was given", "Run 'call' first")
    allow_open_files(4 * len(shards) + 64)
    expected = list(samples) if samples is not None else samples_of(shards[0])
    for shard in shards:
        assert_samples(shard, expected)
    records_in = sum(count_records(shard) for shard in shards)
    index = out_bcf.with_name(out_bcf.name + ".csi")
    with (
        writing(report) as counts_json,
        writing(index) as csi,
        writing(out_bcf) as out,
        tempfile.TemporaryDirectory(prefix=f".{out_bcf.name}.", dir=out_bcf.parent) as folder,
    ):
        once = Path(folder, "once.bcf")
        run(
            ["bcftools", "concat", "-a", "-Ou", *shards],
            # Left alignment moves records across borders, and two calls onto one variant.
            ["bcftools", "sort", "-Ou", "-T", Path(folder, "sort"), "-"],
            ["bcftools", "norm", "-f", reference.absolute(), "-c", "e", "-d", "exact", "-Ou", "-"],
            ["bcftools", "+fill-tags", "-Ob1", "-o", once, "-", "--", "-t", "AC,AN,AF,F_MISSING"],
        )
        run(["bcftools", "index", once])
        rules = expressions(caller, limits)
        run(
            ["bcftools", "view", "-i", "INFO/AC>0", "-Ou", once],
            *filtering(rules),
            ["bcftools", "view", "-Ob", "-o", out, "-"],
        )
        run(["bcftools", "index", "-f", "-o", csi, out])
        kept_once = count_records(once)
        written = assert_records(Path(f"{out}##idx##{csi}"), name=out_bcf)
        passing, per_filter = count_filters(out, rules)
        counts = {
            "caller": caller,
            "samples": len(expected),
            "shards": len(shards),
            "records_in": records_in,
            "exact_duplicates_removed": records_in - kept_once,
            "alleles_without_genotype_removed": kept_once - written,
            "records_out": written,
            "records_pass": passing,
            "filters": per_filter,
        }
        assert_samples(out, expected, name=out_bcf)
        if not passing:
            worst = max(per_filter, key=lambda name: per_filter[name])
            raise fail(
                "records-none",
                out_bcf,
                f"none of {written} variant records passes the filters; {per_filter[worst]} are "
                f"{worst} ({rules[worst]})",
                "Check the depth of coverage, or loosen calling.min_quality and calling.filters",
            )
        write_json(counts_json, counts)
    return counts


def filtering(rules: Mapping[str, str]) -> list[Command]:
    """Commands of a pipe that add each rule's name to FILTER where its expression is true."""
    return [
        ["bcftools", "filter", "-s", name, "-m", "+", "-e", rule, "-Ou", "-"]
        for name, rule in rules.items()
    ]


def count_filters(path: Path, rules: Mapping[str, str]) -> tuple[int, dict[str, int]]:
    """Records that pass, and records by filter; a record may have several."""
    tallies = run(
        ["bcftools", "query", "-f", "%FILTER\n", path],
        ["awk", '{n[$1]++} END {for (f in n) print f "\\t" n[f]}'],
    )
    per_filter = dict.fromkeys(rules, 0)
    passing = 0
    for line in tallies.splitlines():
        names, number = line.split("\t")
        if names in ("PASS", "."):
            passing += int(number)
            continue
        for name in names.split(";"):
            per_filter[name] = per_filter.get(name, 0) + int(number)
    return passing, per_filter
