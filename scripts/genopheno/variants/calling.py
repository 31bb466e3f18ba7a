"""Joint calling of one shard: the alignments of all samples, the records that begin in it."""

from __future__ import annotations

import resource
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from genopheno.fasta import contig_lengths
from genopheno.files import writing
from genopheno.problems import fail
from genopheno.tools import run
from genopheno.variants.callers import CALLERS, Shard
from genopheno.variants.ploidy import Copies
from genopheno.variants.shards import pad, read_bed
from genopheno.vcf import assert_samples

# Bases around a region that are looked at as well and then left out, so that reads and indels
# across a border are seen whole from both sides.
PADDING = 200


def call(
    crams: Sequence[Path],
    *,
    reference: Path,
    regions: Path,
    out_bcf: Path,
    caller: str = "bcftools",
    min_mapping_quality: int = 20,
    min_base_quality: int = 13,
    max_depth: int = 1000,
    copies: Mapping[str, Sequence[Copies]] | None = None,
    sexes: Mapping[str, str] | None = None,
) -> int:
    """Call SNPs and indels of all samples together in the regions of one shard.

    Records are left-aligned and split to one alternate allele each. A record belongs to the
    shard of the position at which it was called, before left alignment: no shard's records
    depend on where the borders are.

    Parameters
    ----------
    crams : indexed alignments, one per sample.
    reference : FASTA (.fai beside it).
    regions : BED of the shard.
    out_bcf : BCF to write; ``.csi`` goes beside it.
    caller : one of `callers.CALLERS`.
    min_mapping_quality, min_base_quality : reads and bases below are not used (Phred).
    max_depth : reads per sample and position that are looked at.
    copies : regions of other than two copies, by sex (`ploidy.read_ploidy`); None or empty:
        all is diploid.
    sexes : sample → female, male or unknown; samples that are absent are unknown.

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
    names = _samples(crams, out_bcf)
    allow_open_files(4 * len(crams) + 64)
    index = out_bcf.with_name(out_bcf.name + ".csi")
    with (
        writing(index) as csi,
        writing(out_bcf) as out,
        tempfile.TemporaryDirectory(prefix="genopheno-call-") as folder,
    ):
        listing, padded = Path(folder, "crams.txt"), Path(folder, "padded.bed")
        listing.write_text("".join(f"{path.absolute()}\n" for path in crams))
        wide = pad(wanted, contig_lengths(_fai(reference)), PADDING)
        padded.write_text("".join(f"{c}\t{start}\t{end}\n" for c, start, end in wide))
        shard = Shard(
            samples=names,
            listing=listing,
            reference=reference.absolute(),
            regions=regions,
            padded=padded,
            out=out,
            folder=Path(folder),
            min_mapping_quality=min_mapping_quality,
            min_base_quality=min_base_quality,
            max_depth=max_depth,
            copies=copies or {},
            sexes={name: (sexes or {}).get(name, "unknown") for name in names},
        )
        run(*CALLERS[caller](shard))
        run(["bcftools", "index", "-f", "-o", csi, out])
        assert_samples(out, names, name=out_bcf)
        return int(run(["bcftools", "index", "-n", f"{out}##idx##{csi}"]))


def _samples(crams: Sequence[Path], out_bcf: Path) -> list[str]:
    """Sample (read-group SM) of each CRAM."""
    import pysam

    names = []
    for path in crams:
        with pysam.AlignmentFile(str(path), check_sq=False) as file:
            groups = file.header.to_dict().get("RG", [])
        found = sorted({group.get("SM", "") for group in groups})
        names.append(found[0] if len(found) == 1 else "")
    distinct = sorted(set(names) - {""})
    if len(distinct) != len(crams):
        raise fail(
            "samples-differ",
            out_bcf,
            f"{len(crams)} CRAMs hold {len(distinct)} sample names: {', '.join(distinct[:20])}",
            "Each CRAM must hold one sample (read-group SM), and no two the same",
        )
    return names


def _fai(reference: Path) -> Path:
    return reference.with_name(reference.name + ".fai")


def allow_open_files(number: int) -> None:
    """Callers open every alignment at once; the usual limit of 1,024 is soon met."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < number:
        limit = number if hard == resource.RLIM_INFINITY else min(number, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
