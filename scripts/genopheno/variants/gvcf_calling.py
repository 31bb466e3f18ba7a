"""One permanent gVCF per sample from its CRAM: `call_gvcf`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from genopheno.fasta import contig_lengths
from genopheno.problems import fail
from genopheno.tools import run
from genopheno.variants.gvcf import normalise
from genopheno.variants.shards import Region

# Depths at which a reference block of bcftools ends and another begins. Its genotype quality
# is that of the lower bound or a little more: 3.01 Phred a read, at most 99, from 33 reads on.
BLOCK_DEPTHS = "0,3,5,7,10,15,20,25,33"
GATK_MAIN = "org.broadinstitute.hellbender.Main"


def call_gvcf(
    cram: Path,
    *,
    sample: str,
    reference: Path,
    out_gvcf: Path,
    caller: str = "bcftools",
    report: Path | None = None,
    ploidy_bed: Path | None = None,
    min_mapping_quality: int = 20,
    min_base_quality: int = 13,
    max_depth: int = 1000,
    threads: int = 1,
    memory_mb: int = 4000,
) -> dict[str, Any]:
    """Call one sample at every position and write its gVCF in the combiner's form.

    bcftools: ``mpileup -g`` and the multi-allelic model of ``call -g``. gatk: HaplotypeCaller
    with ``-ERC GVCF`` (Poplin 2018), which applies its own read filters.

    Parameters
    ----------
    cram : indexed alignment of one sample. sample : its name in the sheet.
    reference : FASTA (.fai beside it).
    out_gvcf : bgzip gVCF to write; ``.tbi`` goes beside it.
    caller : bcftools or gatk.
    report : JSON of counts to write (see `normalise`).
    ploidy_bed : regions of this sample with other than two copies: contig, start, end
        (0-based, half-open), copies (0 or 1; 0: not called). None: two everywhere.
    min_mapping_quality, min_base_quality, max_depth : as in joint calling; bcftools only.
    threads : of GATK's likelihoods. memory_mb : of GATK's Java (MiB).

    Raises
    ------
    StageError : the caller is missing or failed, or its gVCF is unfit (see `normalise`).
    """
    lengths = contig_lengths(reference.with_name(f"{reference.name}.fai"))
    regions = read_ploidies(ploidy_bed) if ploidy_bed else []
    out_gvcf.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{out_gvcf.name}.call.", dir=out_gvcf.parent) as name:
        folder = Path(name)
        raw = folder / "raw.g.vcf.gz"
        if caller == "gatk":
            tool = [*gatk(memory_mb), "HaplotypeCaller"]
            _gatk(tool, cram, reference, raw, folder, regions, lengths, threads)
        else:
            quality = ["-q", min_mapping_quality, "-Q", min_base_quality]
            quality += ["-d", max_depth, "-L", max_depth]
            _bcftools(cram, reference, raw, folder, regions, lengths, quality)
        return normalise(raw, sample=sample, reference=reference, out_gvcf=out_gvcf, report=report)


def _bcftools(cram, reference, raw, folder, regions, lengths, quality) -> None:
    called_name = run(["samtools", "samples", cram]).split("\t")[0].strip()
    ploidies, who = folder / "ploidy.txt", folder / "samples.txt"
    rows = [(c, s + 1, e, "S", copies) for c, s, e, copies in regions]
    rows += [("*", "*", "*", "S", 2)]
    ploidies.write_text("".join(" ".join(map(str, row)) + "\n" for row in rows))
    who.write_text(f"{called_name}\tS\n")
    places: list[str | Path] = []
    if any(copies == 0 for *_, copies in regions):
        called = folder / "called.bed"
        write_bed(called, _with_copies(regions, lengths, 1) + _with_copies(regions, lengths, 2))
        places = ["-T", called]
    run(
        [
            *("bcftools", "mpileup", "-Ou", "-f", reference.absolute(), *quality, *places),
            *("-g", BLOCK_DEPTHS, "-p", "-a", "FORMAT/AD,FORMAT/DP", cram),
        ],
        [
            *("bcftools", "call", "-m", "-g", BLOCK_DEPTHS, "-a", "GQ"),
            *("--ploidy-file", ploidies, "-S", who, "-Oz1", "-o", raw),
        ],
    )


def _gatk(tool, cram, reference, raw, folder, regions, lengths, threads) -> None:
    fasta = folder / "reference.fa"
    fasta.symlink_to(reference.absolute())
    Path(f"{fasta}.fai").symlink_to(reference.with_name(f"{reference.name}.fai").absolute())
    # GATK wants a dictionary named like the reference; a permanent one could grow stale.
    run(["samtools", "dict", "-o", folder / "reference.dict", reference])
    common = [*("-R", fasta, "-I", cram, "-ERC", "GVCF"), "--native-pair-hmm-threads", threads]
    if not regions:
        run([*tool, *common, "-O", raw])
        return
    parts = []
    for copies in (2, 1):
        bed = folder / f"{copies}.bed"
        if write_bed(bed, _with_copies(regions, lengths, copies)):
            parts.append(folder / f"{copies}.g.vcf.gz")
            run([*tool, *common, "-L", bed, "-ploidy", copies, "-O", parts[-1]])
    joined = folder / "joined.g.vcf.gz"
    run(["bcftools", "concat", "-a", "-Oz1", "-o", joined, *parts])
    joined.rename(raw)


def gatk(memory_mb: int = 4000) -> list[str]:
    """How GATK is started: the command ``gatk``, else the jars in ``$GENOPHENO_GATK``.

    Raises
    ------
    StageError : neither is there.
    """
    if shutil.which("gatk"):
        return ["gatk", "--java-options", f"-Xmx{memory_mb}m"]
    folder = os.environ.get("GENOPHENO_GATK")
    if folder and any(Path(folder).glob("gatk-[0-9]*.jar")):
        return ["java", f"-Xmx{memory_mb}m", "-cp", f"{folder}/*", GATK_MAIN]
    raise fail(
        "gatk-missing",
        "gatk",
        "it is not on PATH, and GENOPHENO_GATK names no folder with its jars",
        "Use --sdm conda, install bioconda's gatk4, or set calling.gvcf_caller: bcftools",
    )


def read_ploidies(path: Path) -> list[tuple[str, int, int, int]]:
    """Regions and their copies: (contig, start, end, copies), 0-based and half-open."""
    rows = (line.split("\t") for line in path.read_text().splitlines() if line.strip())
    return [(row[0], int(row[1]), int(row[2]), int(row[3])) for row in rows]


def _with_copies(regions, lengths: dict[str, int], copies: int) -> list[Region]:
    """The regions with so many copies; those of two are what no region names."""
    if copies != 2:
        return [(c, s, e) for c, s, e, n in regions if n == copies]
    rest: list[Region] = []
    for contig, length in lengths.items():
        start = 0
        for _, s, e, n in sorted(r for r in regions if r[0] == contig):
            if n == 2:
                continue
            if start < s:
                rest.append((contig, start, s))
            start = max(start, e)
        if start < length:
            rest.append((contig, start, length))
    return rest


def write_bed(path: Path, regions: list[Region]) -> bool:
    """Write regions, sorted by contig and start; False: there are none."""
    path.write_text("".join(f"{c}\t{s}\t{e}\n" for c, s, e in sorted(regions)))
    return bool(regions)
