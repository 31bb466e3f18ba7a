"""What the steps took, from files that Snakemake itself wrote."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from genopheno.resources import Taken, add, collect, show_resources

SNAKEFILE = """
rule all:
    input: expand("made/{i}.txt", i=range(2)), "one.txt"
rule many:
    output: "made/{i}.txt"
    benchmark: "results/benchmarks/many/{i}.tsv"
    resources: mem_mb=lambda wildcards: 300 + int(wildcards.i)
    shell: "python -c 'import time; x = bytearray(60 << 20); time.sleep(1.2)' && touch {output}"
rule one:
    output: "one.txt"
    benchmark: "results/benchmarks/one.tsv"
    resources: mem_mb=77
    shell: "touch {output}"
"""


def test_of_a_real_run(tmp_path: Path, monkeypatch, capsys) -> None:
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    command = ["-m", "snakemake", "--cores", "2", "--benchmark-extended", "--quiet"]
    subprocess.run([sys.executable, *command], cwd=tmp_path, check=True, capture_output=True)
    many, one = collect(tmp_path / "results/benchmarks")
    assert (many.rule, many.jobs, many.asked_mb) == ("many", 2, 301)
    assert 1 < many.longest < many.seconds < 60
    assert many.peak_mb and 60 < many.peak_mb < 300
    assert (one.rule, one.jobs, one.asked_mb) == ("one", 1, 77)
    monkeypatch.chdir(tmp_path)
    show_resources(as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert [row["rule"] for row in told] == ["many", "one"]
    assert told[0]["peak_mb"] == many.peak_mb


def test_what_is_not_measured_is_not_zero() -> None:
    taken = Taken("r")
    add(taken, [{"s": "0.1", "max_rss": "NA", "cpu_time": "NA"}])
    assert (taken.jobs, taken.peak_mb, taken.cpu_seconds, taken.asked_mb) == (1, None, None, None)
    add(taken, [{"s": "2.0", "max_rss": "50.5", "cpu_time": "1.5"}])
    assert (taken.jobs, taken.seconds, taken.longest) == (2, 2.1, 2.0)
    assert (taken.peak_mb, taken.cpu_seconds) == (50.5, 1.5)
