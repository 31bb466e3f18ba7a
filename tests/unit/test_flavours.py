"""gVCF flavours: real files of GATK 3 and 4, records as the callers' documents show them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from genopheno.flavours import recognise

CHROM = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tNA12878"
BLOCK_GATK = "1\t10\t.\tA\t<NON_REF>\t.\t.\tEND=20\tGT:DP:GQ:MIN_DP:PL\t0/0:30:60:28:0,60,900"
BLOCK_ANY = "1\t10\t.\tA\t<*>\t0\t.\tEND=20\tGT:GQ:MIN_DP:PL\t0/0:50:19:0,60,599"
FILES = {
    "dragen": (
        ['##DRAGENCommandLine=<ID=dragen,Version="SW: 05.021.604.3.7.8">'],
        [BLOCK_GATK],
    ),
    "sentieon": (
        ['##SentieonCommandLine.Haplotyper=<ID=Haplotyper,Version="sentieon-genomics-202112">'],
        [BLOCK_GATK],
    ),
    "deepvariant": (
        ["##DeepVariant_version=1.5.0"],
        [
            BLOCK_ANY,
            "1\t21\t.\tC\tT,<*>\t39\tPASS\t.\tGT:GQ:DP:AD:VAF:PL\t"
            "0/1:38:30:14,16,0:0.53,0:39,0,47,990,990,990",
        ],
    ),
    "bcftools": (
        ["##bcftools_callCommand=call -m -g 5,10,20"],
        [
            "1\t10\t.\tA\t.\t.\t.\tEND=20;MinDP=11\tGT:DP\t0/0:11",
            "1\t21\t.\tC\tT\t222\t.\tDP=28\tGT:PL:DP:AD\t0/1:255,0,255:22:10,12",
        ],
    ),
    "freebayes": (
        ["##source=freeBayes v1.3.6"],
        ["1\t10\t.\tA\t<*>\t0\t.\tDP=11;END=20;MIN_DP=1\tGQ:DP:MIN_DP\t71605:11:1"],
    ),
    "strelka": (
        ["##source=strelka", "##source_version=2.9.10"],
        [
            "1\t10\t.\tA\t.\t.\tPASS\tEND=20;BLOCKAVG_min30p3a\tGT:GQX:DP:DPF:MIN_DP\t0/0:30:11:0:11",
            "1\t21\t.\tC\tT\t54\tPASS\tSNVHPOL=3;MQ=60\tGT:GQ:GQX:DP:DPF:AD\t0/1:87:30:13:0:7,6",
        ],
    ),
}
FIT = {"dragen": "<NON_REF>", "sentieon": "<NON_REF>", "deepvariant": "<*>", "bcftools": None}


def written(path: Path, header: list[str], records: list[str], chrom: str = CHROM) -> Path:
    contig = "##contig=<ID=1,length=249250621,assembly=b37>"
    text = "\n".join(["##fileformat=VCFv4.2", contig, *header, chrom, *records]) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def test_real_gatk_files(data):
    for path in sorted((data("kgp_gvcf_chr22") / "gvcf").glob("*.g.vcf.gz"))[:3]:
        found = recognise(path)
        assert (found.caller, found.symbol, found.fault) == ("gatk", "<NON_REF>", None)
        assert found.samples == (path.name.split(".")[0],)
        assert found.contigs["chr22"] == 50_818_468
    old = recognise(data("na12878_gvcf") / "NA12878.chr20_21.g.vcf.gz")
    assert (old.caller, old.symbol, old.fault) == ("gatk", "<NON_REF>", None)
    assert old.samples == ("NA12878",)


@pytest.mark.parametrize("caller", FILES)
@pytest.mark.parametrize("ending", [".vcf", ".vcf.gz"])
def test_callers_sign_in_the_header(tmp_path, caller, ending):
    found = recognise(written(tmp_path / f"s.g{ending}", *FILES[caller]))
    assert found.caller == caller
    if caller in FIT:
        assert (found.symbol, found.fault) == (FIT[caller], None)
    else:
        code, why, mend = found.fault
        assert code == "gvcf-caller-unfit"
        assert caller in why.lower() and "Give the reads" in mend


def test_who_rewrote_a_file_is_not_its_caller(tmp_path):
    signed = ["##GATKCommandLine=<ID=HaplotypeCaller>", "##bcftools_viewCommand=view x"]
    assert recognise(written(tmp_path / "s.vcf", signed, [BLOCK_GATK])).caller == "gatk"
    found = recognise(written(tmp_path / "t.vcf", [], [BLOCK_ANY]))
    assert (found.caller, found.symbol, found.fault) == ("unknown", "<*>", None)


VARIANT = "1\t21\t.\tC\tT,<NON_REF>\t222\t.\tDP=9\tGT:PL\t0/1:9,0,9,9,9,9"
FAULTS = {
    "gvcf-without-gt": (CHROM, [BLOCK_GATK, VARIANT.replace("GT:PL\t0/1:", "PL\t")]),
    "gvcf-without-blocks": (CHROM, [VARIANT]),
    "gvcf-samples": (f"{CHROM}\tNA12891", [f"{BLOCK_GATK}\t0/0:30:60:28:0,60,900"]),
    "gvcf-empty": (CHROM, []),
    "gvcf-caller-unfit": (CHROM, ["1\t10\t.\tA\t.\t.\t.\tEND=20\tGT:DP\t0/0:11"]),
    "gvcf-not-a-vcf": (CHROM, [f"{BLOCK_GATK}\tone column too many"]),
}


@pytest.mark.parametrize("code", FAULTS)
def test_unfit_files_are_named(tmp_path, code):
    chrom, records = FAULTS[code]
    assert recognise(written(tmp_path / "s.vcf", [], records, chrom)).fault[0] == code


def test_what_is_no_vcf(tmp_path, data):
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "fastq").write_text("@r\nACGT\n+\nFFFF\n")
    (tmp_path / "binary.bcf").write_bytes(gzip.compress(b"BCF\x02\x02\xff\xfe\x00"))
    real = next((data("kgp_gvcf_chr22") / "gvcf").glob("*.g.vcf.gz"))
    (tmp_path / "cut.vcf.gz").write_bytes(real.read_bytes()[:5000])
    for path in tmp_path.iterdir():
        assert recognise(path).fault[0] == "gvcf-not-a-vcf", path
