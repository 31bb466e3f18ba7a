"""38 real people from FASTQ to association, through the workflow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cyvcf2
import numpy as np
import pytest

from genopheno import fields
from tests.realdata import truth
from tests.realdata.ceu import build
from tests.workflow.commands import command

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def street(data: Callable[[str], Path], tmp_path_factory) -> tuple[Path, Path, str]:
    """(results, data set, site that the phenotype was made from)."""
    folder = data("ceu_chr20").resolve()
    project = tmp_path_factory.mktemp("ceu") / "project"
    site = build(project, folder)
    options = ["--set-threads", "align=1", "--set-scatter", "scan=2"]
    command("genopheno", "run", "--", *options, cwd=project)
    return project / "results", folder, site


def test_known_sites_are_found(street) -> None:
    results, folder, _ = street
    found, varying = truth.omni_found(
        results / "calls/cohort.bcf", folder, results / "reference/genome.fa"
    )
    assert varying == 175
    assert found >= 165


def test_genotypes_agree_with_the_refined_calls(street) -> None:
    results, folder, _ = street
    share, compared = truth.genotype_agreement(
        results / "calls/cohort.bcf", folder, results / "reference/genome.fa"
    )
    assert compared > 25_000
    assert share >= 0.93


def test_every_real_sample_is_in_the_cohort(street) -> None:
    results, _, _ = street
    verdicts = fields.read(results / "qc/samples.parquet")
    assert len(verdicts) == 38
    assert not (verdicts["verdict"] == "fail").any()
    assert len(fields.read(results / "cohort/samples.parquet")) == 38


def test_the_scan_leads_to_the_site_of_the_phenotype(street) -> None:
    results, folder, site = street
    jobs = {path.stem for path in (results / "benchmarks/associate").iterdir()}
    assert jobs == {"1-of-2", "2-of-2"}
    assert not list((results / "association").glob("parts/*"))
    scan = fields.read(results / "association/score.parquet")
    top = scan.nlargest(1, "neg_log10_p_value")
    position = int(site.split(":")[1])
    refined = cyvcf2.VCF(str(folder / "truth/gotcloud_snp_phased.vcf.gz"))
    rows = {v.POS: np.array(v.gt_types, float) for v in refined}
    hit = int(top["base_pair_location"].iloc[0])
    assert top["neg_log10_p_value"].iloc[0] > 6
    assert hit in rows, "the top hit is among the published sites"
    dosage = [np.select([rows[p] == 1, rows[p] == 3], [1, 2]) for p in (hit, position)]
    # At 2x to 16x a neighbour in strong LD may be called better than the site itself.
    assert np.corrcoef(*dosage)[0, 1] ** 2 > 0.8
    own = scan.loc[scan["base_pair_location"] == position, "neg_log10_p_value"]
    assert own.item() > 6
