"""HG002 from FASTQ to calls, against the Genome in a Bottle benchmark."""

from __future__ import annotations

from pathlib import Path

import pytest

from genopheno.reads.align import align
from genopheno.reads.duplicates import mark_duplicates
from genopheno.reads.qc import read_qc
from genopheno.settings import Calling, Reference, Settings, filter_limits
from genopheno.variants.calling import call
from genopheno.variants.gather import gather
from genopheno.variants.shards import write_shards

from .truth import f1, plain_reference


@pytest.fixture(scope="module")
def crams(data, tmp_path_factory) -> tuple[Path, dict[str, Path]]:
    """Reference, and the CRAMs of HG002 (31x) and NA12878 (52x) over 50 kb."""
    folder, source = tmp_path_factory.mktemp("giab"), data("giab_chr20")
    reference = plain_reference(source / "ref/chr20g.fa.gz", folder)
    made = {}
    for sample in ("HG002", "NA12878"):
        report = folder / f"{sample}.fastp.json"
        align(
            source / f"fastq/{sample}_R1.fastq.gz",
            source / f"fastq/{sample}_R2.fastq.gz",
            reference=reference,
            bam=folder / f"{sample}.bam",
            fastp_json=report,
            fastp_html=folder / f"{sample}.fastp.html",
            sample=sample,
            unit_id=f"{sample}.lib1.1",
            library="lib1",
            platform="ILLUMINA",
            platform_unit="1.lib1",
            threads=2,
        )
        made[sample] = folder / f"{sample}.cram"
        mark_duplicates(
            [("lib1", folder / f"{sample}.bam")],
            reference=reference,
            cram=made[sample],
            md5=folder / f"{sample}.cram.md5",
            markdup_report=folder / f"{sample}.markdup.json",
            threads=2,
        )
        metrics = read_qc(
            made[sample],
            reference=reference,
            fastp_jsons=[report],
            sample=sample,
            participant=sample,
            out_dir=folder / sample,
            threads=2,
        )
        assert metrics["properly_paired_fraction"] > 0.98
        assert metrics["mismatch_rate"] < 0.008
    return reference, made


def limits(caller: str) -> dict[str, float | None]:
    """The filters that a project starts with."""
    reference = Reference(fasta="g.fa", genes="g.gff3")
    return filter_limits(Settings(reference=reference, calling=Calling(caller=caller)))


# F1 at least, by allele (SNPs, indels) and with the genotype right; 116 SNPs and 20 indels, so
# that one miss is 0.004 or 0.025.
GOALS = {"bcftools": (0.99, 0.97, 0.985, 0.95), "freebayes": (0.99, 0.95, 0.99, 0.95)}


@pytest.mark.parametrize("together", [("HG002",), ("HG002", "NA12878")])
@pytest.mark.parametrize("caller", GOALS)
def test_hg002_in_the_confident_regions(crams, data, tmp_path, caller, together):
    """Alone, and called together with another person (joint calls of indels differ most)."""
    reference, made = crams
    truth = data("giab_chr20") / "truth"
    beds = write_shards(reference, 3, tmp_path)
    shards = [bed.with_suffix(".bcf") for bed in beds]
    for bed, shard in zip(beds, shards, strict=True):
        call(
            [made[s] for s in together],
            reference=reference,
            regions=bed,
            out_bcf=shard,
            caller=caller,
        )
    calls = tmp_path / "cohort.bcf"
    gather(
        shards,
        reference=reference,
        out_bcf=calls,
        caller=caller,
        limits=limits(caller),
        report=tmp_path / "gather.json",
        samples=together,
    )
    scores = f1(
        calls,
        truth / "HG002_giab_v4.2.1.vcf.gz",
        truth / "HG002_giab_v4.2.1.confident.bed",
        reference,
        sample="HG002",
    )
    for kind, score in scores.items():
        print(f"{caller} {'+'.join(together)} {kind}: {score}")
    assert scores["snp"].tp + scores["snp"].fn == 116  # the benchmark was read whole
    assert scores["indel"].tp + scores["indel"].fn == 20
    found = tuple(scores[kind].f1 for kind in ("snp", "indel", "snp_genotype", "indel_genotype"))
    assert all(have >= goal for have, goal in zip(found, GOALS[caller], strict=True)), found
