"""Planted faults in real cohorts are each found and named, and nobody else is blamed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from genopheno import fields
from genopheno.assays import ASSAYS
from genopheno.chromosomes import SexChromosomes
from genopheno.samples.calls import read_calls
from genopheno.samples.fingerprint import read_fingerprints
from genopheno.samples.identity import identity
from genopheno.samples.measures import Options, Person
from genopheno.samples.table import Policy, write
from genopheno.tools import run
from tests.realdata import planted

pytestmark = pytest.mark.slow

DUPLICATE = "NA12342"  # half of the reads go by another name
DIRTY, FOREIGN = "NA06984", "NA06986"  # 8.07x and 6.92x; the first gets reads of the second
MIXED = 0.3
SWAPPED = {"NA12058": "NA12275", "NA12275": "NA12058"}
FAULTS = dict.fromkeys(("sex", "identity", "pedigree"), "fail")


def check(calls: Path, out: Path, ped: Path | None = None, earlier=(), **options) -> pd.DataFrame:
    """Run the stage on calls of unrelated samples, each of its own participant."""
    samples = run(["bcftools", "query", "-l", calls]).split()
    people = {name: Person(name, "unknown") for name in samples}
    return identity(
        calls, people, out_dir=out, ped=ped, earlier=earlier, sex=SexChromosomes(),
        options=Options(**options), threads=2,
    ).set_index("sample")  # fmt: skip


def rename(person: str, number: int) -> list[str]:
    if person == DUPLICATE:
        return ["COPY" if number % 2 else person]
    if person == FOREIGN and planted.share(number, MIXED / (1 - MIXED) * 8.07 / 6.92):
        return [FOREIGN, DIRTY]
    return [SWAPPED.get(person, person)]


@pytest.fixture(scope="module")
def ceu(data: Callable[[str], Path], tmp_path_factory) -> tuple[pd.DataFrame, pd.DataFrame, Path]:
    """(measures, verdicts, folder) of the 38 people with faults, after an earlier batch.

    The earlier batch is the published calls of the same people, made by other software.
    """
    source, folder = data("ceu_chr20"), tmp_path_factory.mktemp("ceu")
    check(source / "truth/gotcloud_snp_phased.vcf.gz", folder / "earlier")
    calls = planted.call(folder, source / "ref/chr20s.fa.gz", planted.ceu(source, rename))
    earlier = folder / "earlier/fingerprints.bcf"
    measures = check(calls, folder / "now", earlier=[earlier])
    limits = {name: bounds for name, (bounds, _) in ASSAYS["low-pass"].items()}
    verdicts = write(
        dict.fromkeys(measures.index, "someone"),
        [],
        calls,
        folder / "now/measures.parquet",
        Policy(limits, FAULTS),
        out_dir=folder,
    ).set_index("sample")
    return measures, verdicts, folder


def test_only_the_planted_samples_fail(ceu) -> None:
    _, verdicts, _ = ceu
    failed = set(verdicts.index[verdicts["verdict"] == "fail"])
    assert failed == {DUPLICATE, "COPY", DIRTY, *SWAPPED}
    assert len(verdicts) == 39


def test_a_duplicate_under_another_name_names_both(ceu) -> None:
    _, verdicts, folder = ceu
    assert "same genotypes as COPY (participant COPY)" in verdicts["reasons"][DUPLICATE]
    assert f"same genotypes as {DUPLICATE} (" in verdicts["reasons"]["COPY"]
    pairs = fields.read(folder / "now/pairs.parquet")
    within = pairs[pairs["earlier"].isna() & (pairs["relation"] == "same")]
    assert within[["sample_1", "sample_2"]].to_numpy().tolist() == [[DUPLICATE, "COPY"]]


def test_a_pair_swapped_against_the_earlier_batch_is_named_with_its_match(ceu) -> None:
    measures, verdicts, _ = ceu
    for sample, real in SWAPPED.items():
        assert f"swap suspected: genotypes differ from {sample} " in verdicts["reasons"][sample]
        assert measures["same_as"][sample].startswith(f"{real} (participant {real}, fingerprints")


def test_a_mixture_of_two_samples_is_measured(ceu) -> None:
    measures, verdicts, _ = ceu
    dirty = measures.loc[DIRTY]
    assert dirty["contamination_low"] <= MIXED <= dirty["contamination_high"]
    assert abs(dirty["contamination"] - MIXED) < 0.05
    assert "contamination low" in verdicts["reasons"][DIRTY]
    assert (measures.drop(DIRTY)["contamination_low"] < 0.02).all()


def test_the_other_people_agree_with_their_earlier_selves(ceu) -> None:
    _, _, folder = ceu
    pairs = fields.read(folder / "now/pairs.parquet")
    same = pairs[(pairs["declared"] == "same participant") & (pairs["outcome"] == "agrees")]
    # The three planted faults aside; at 2x to 3x some are left undecided, and nobody is blamed.
    assert len(same) >= 30
    assert set(pairs.loc[pairs["outcome"] == "differs", "sample_1"]) == {
        *(DUPLICATE, "COPY", DIRTY),
        *SWAPPED,
    }
    report = json.loads((folder / "now/identity.json").read_text())
    assert report["calls"]["records"] > 1000 and not report["kinship_reliable"]
    assert [part["samples"] for part in report["compared"]] == [39, 38]


def test_fingerprints_hold_the_sites_and_whose_they_are(ceu) -> None:
    _, _, folder = ceu
    used, _, _ = read_calls(
        folder / "calls.bcf", SexChromosomes(), max_sites=10_000, min_frequency=0.05,
        min_call_rate=0.5,
    )  # fmt: skip
    held, participants = read_fingerprints(folder / "now/fingerprints.bcf")
    assert len(used.sites) > 500 and set(used.sites) <= set(held.sites) and held.has_depth
    assert participants["COPY"] == "COPY"


def test_five_percent_of_another_person_at_30x(data, tmp_path) -> None:
    """HG002 (31x) with as much of NA12878 (52x) as makes 5 %, over 50 kb."""
    source = data("giab_chr20")

    def named():
        for person in ("HG002", "NA12878"):
            files = (source / f"fastq/{person}_R{end}.fastq.gz" for end in (1, 2))
            for number, pair in enumerate(planted.pairs(*files)):
                yield person, pair
                if person == "NA12878" and planted.share(number, 0.05 / 0.95 * 31 / 52):
                    yield "HG002", pair

    calls = planted.call(tmp_path, source / "ref/chr20g.fa.gz", named())
    measures = check(calls, tmp_path / "out")
    dirty = measures.loc["HG002"]
    assert dirty["contamination"] == pytest.approx(0.05, abs=0.02)
    assert dirty["contamination_low"] > 0.02  # warns; 50 kb are too little to be surer
    assert measures.loc["NA12878", "contamination"] < 0.01
    assert set(measures["identity_check"]) == {"agrees"}


def test_the_ashkenazi_trio_fits_its_pedigree_with_the_known_mendelian_errors(
    data, tmp_path
) -> None:
    """9,833 consistent, 91 inconsistent, 16 skipped: bcftools' Mendelian check."""
    source = data("ashkenazi_trio_vcf")
    measures = check(
        source / "ashkenazi_trio.vcf.gz", tmp_path, ped=source / "trio.fam", max_sites=5000
    )
    assert set(measures["pedigree_check"]) == {"agrees"}
    (trio,) = json.loads((tmp_path / "identity.json").read_text())["trios"]
    assert (trio["consistent"], trio["inconsistent"], trio["skipped"]) == (9833, 91, 16)
    assert measures["mendelian_errors"]["HG002"] == 91
    pairs = fields.read(tmp_path / "pairs.parquet")
    assert set(pairs["relation"]) == {"parent-child"} and len(pairs) == 2


def test_a_permuted_pedigree_is_contradicted(data, tmp_path) -> None:
    source = data("ashkenazi_trio_vcf")
    ped = tmp_path / "wrong.ped"
    ped.write_text("ash HG003 HG002 HG004 1 0\nash HG002 0 0 1 0\nash HG004 0 0 2 0\n")
    measures = check(source / "ashkenazi_trio.vcf.gz", tmp_path, ped=ped, max_sites=5000)
    assert dict(measures["pedigree_check"]) == {
        "HG002": "agrees",  # he is the child of one and called the father of the other
        "HG003": "differs",
        "HG004": "differs",
    }
    reason = measures["pedigree_reasons"]["HG004"]
    assert reason.startswith("declared parent-child of HG003") and "unrelated" in reason
    assert measures["mendelian_errors"]["HG003"] > 500
