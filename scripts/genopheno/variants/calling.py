"""Joint calling with bcftools, shard by shard, and the shards gathered into one file."""

from __future__ import annotations

import resource
import tempfile
from collections.abc import Sequence
from pathlib import Path

from genopheno.files import write_json, writing
from genopheno.problems import fail
from genopheno.tools import run
from genopheno.variants.gates import assert_records, assert_samples, count_records, samples_of
from genopheno.variants.shards import contig_lengths

# Bases around a shard that are piled up as well and then left out, so that reads and indels
# across a border are seen whole from both sides.
PADDING = 1000

# Prior of `bcftools call`: its default, 1.1e-3, is one human genome's share of differing bases.
# At a few reads a person it costs alleles that few people carry: of 175 array sites that vary
# in 38 people at 5x, 164 are found with it and 167 with this one; 31x HG002 is the same.
PRIOR = 0.005


def call(
    crams: Sequence[Path],
    *,
    reference: Path,
    regions: Path,
    out_bcf: Path,
    min_mapping_quality: int = 20,
    min_base_quality: int = 13,
    max_depth: int = 1000,
    ploidy: int = 2,
) -> int:
    """Call SNPs and indels of all samples together in the regions of one shard.

    bcftools mpileup, then its multi-allelic model (Li 2011, Danecek 2021); records are
    left-aligned and split to one alternate allele each. A record belongs to the shard of
    the position at which it was called, before left alignment: no shard's records depend
    on where the borders are.

    Parameters
    ----------
    crams : indexed alignments, one per sample.
    reference : FASTA (.fai beside it).
    regions : BED of the shard.
    out_bcf : BCF to write; ``.csi`` goes beside it.
    min_mapping_quality, min_base_quality : reads and bases below are not used (Phred).
    max_depth : reads per sample and position that are looked at.
    ploidy : chromosome copies, the same for every contig and sample.

    Returns
    -------
    Number of records; a shard may have none.

    Raises
    ------
    StageError : no alignments, no regions, a tool failed, or two CRAMs carry one sample name.
    """
    wanted = read_bed(regions)
    if not crams or not wanted:
        raise fail(
            "calling-nothing",
            regions if crams else out_bcf,
            "there is no region to call in" if crams else "there are no alignments",
            "Run the stages before this one again",
        )
    _allow_open_files(4 * len(crams) + 64)
    index = out_bcf.with_name(out_bcf.name + ".csi")
    with (
        writing(index) as csi,
        writing(out_bcf) as out,
        tempfile.TemporaryDirectory(prefix="genopheno-call-") as folder,
    ):
        listing, padded = Path(folder, "crams.txt"), Path(folder, "padded.bed")
        listing.write_text("".join(f"{path.absolute()}\n" for path in crams))
        padded.write_text(
            "".join(
                f"{contig}\t{start}\t{end}\n"
                for contig, start, end in pad(wanted, contig_lengths(_fai(reference)))
            )
        )
        run(
            [
                *("bcftools", "mpileup", "-Ou", "-f", reference.absolute(), "-b", listing),
                *("-R", padded, "-q", min_mapping_quality, "-Q", min_base_quality),
                *("-d", max_depth, "-L", max_depth),
                # Indel candidates by the share of gapped reads in a sample, not in the cohort:
                # the share of a rare indel's carriers falls as samples are added.
                "-p",
                *("-a", "FORMAT/AD,FORMAT/DP,INFO/AD"),
            ],
            ["bcftools", "call", "-m", "-v", "-P", PRIOR, "--ploidy", ploidy, "-a", "GQ", "-Ou"],
            [
                *("bcftools", "norm", "-f", reference.absolute(), "-m", "-any"),
                *("-T", regions, "--targets-overlap", 0, "-Ob", "-o", out),
            ],
        )
        run(["bcftools", "index", "-f", "-o", csi, out])
        found = samples_of(out)
        if len(found) != len(crams):
            raise fail(
                "samples-differ",
                out_bcf,
                f"{len(crams)} CRAMs hold {len(found)} sample names: {', '.join(found[:20])}",
                "Each CRAM must hold one sample (read-group SM), and no two the same",
            )
        return int(run(["bcftools", "index", "-n", f"{out}##idx##{csi}"]))


def gather(
    shards: Sequence[Path],
    *,
    reference: Path,
    out_bcf: Path,
    min_quality: float,
    report: Path,
    samples: Sequence[str] | None = None,
) -> dict[str, int]:
    """Join the shards: sorted, each variant once, counted, softly filtered.

    Parameters
    ----------
    shards : indexed BCFs of `call`, of the same samples.
    reference : FASTA, against which every reference allele is checked once more.
    out_bcf : BCF to write; ``.csi`` goes beside it. INFO has AC, AN, AF, F_MISSING.
    min_quality : records with QUAL below get FILTER LowQual, all others PASS (Phred).
    report : JSON of counts to write.
    samples : samples that must be in it, no more and no fewer; None: those of the first shard.

    Returns
    -------
    The counts: records of the shards, exact duplicates after left alignment (one is kept),
    alleles that no genotype carries (dropped), records written, PASS and LowQual.

    Raises
    ------
    StageError : samples differ, a tool failed, or no record is left.
    """
    if not shards:
        raise fail("calling-nothing", out_bcf, "no shard was given", "Run 'call' first")
    _allow_open_files(4 * len(shards) + 64)
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
        run(
            ["bcftools", "view", "-i", "INFO/AC>0", "-Ou", once],
            [
                *("bcftools", "filter", "-s", "LowQual", "-e", f"QUAL<{min_quality}"),
                *("-Ob", "-o", out, "-"),
            ],
        )
        run(["bcftools", "index", "-f", "-o", csi, out])
        kept_once = count_records(once)
        written = assert_records(Path(f"{out}##idx##{csi}"), name=out_bcf)
        passing = len(run(["bcftools", "query", "-f", ".\n", "-i", 'FILTER="PASS"', out]).split())
        counts = {
            "samples": len(expected),
            "shards": len(shards),
            "records_in": records_in,
            "exact_duplicates_removed": records_in - kept_once,
            "alleles_without_genotype_removed": kept_once - written,
            "records_out": written,
            "records_pass": passing,
            "records_low_quality": written - passing,
        }
        assert_samples(out, expected, name=out_bcf)
        if not passing:
            raise fail(
                "records-none",
                out_bcf,
                f"none of {written} variant records has QUAL {min_quality} or more",
                "Check the depth of coverage, or lower calling.min_quality",
            )
        write_json(counts_json, counts)
    return counts


def read_bed(path: Path) -> list[tuple[str, int, int]]:
    """Regions of a BED file: (contig, start, end), 0-based and half-open."""
    rows = (line.split("\t") for line in path.read_text().splitlines() if line.strip())
    return [(row[0], int(row[1]), int(row[2])) for row in rows]


def pad(
    regions: Sequence[tuple[str, int, int]], lengths: dict[str, int]
) -> list[tuple[str, int, int]]:
    """Widen regions (sorted) by `PADDING`, within their contigs, and join those that meet."""
    wide: list[tuple[str, int, int]] = []
    for contig, start, end in regions:
        start, end = max(0, start - PADDING), min(lengths[contig], end + PADDING)
        if wide and wide[-1][0] == contig and start <= wide[-1][2]:
            wide[-1] = (contig, wide[-1][1], max(end, wide[-1][2]))
        else:
            wide.append((contig, start, end))
    return wide


def _fai(reference: Path) -> Path:
    return reference.with_name(reference.name + ".fai")


def _allow_open_files(number: int) -> None:
    """bcftools opens every alignment at once; the usual limit of 1,024 is soon met."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < number:
        limit = number if hard == resource.RLIM_INFINITY else min(number, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
