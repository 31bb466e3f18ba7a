"""The genotypes of a batch at its common SNPs, in a file that the next batch is compared with."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from genopheno.chromosomes import SexChromosomes
from genopheno.files import writing
from genopheno.problems import fail
from genopheno.samples.calls import Genotypes, Site, read_calls
from genopheno.tools import run

SAMPLE_LINE = re.compile(r"##SAMPLE=<ID=([^,>]+),Participant=([^,>]+)>")


def write_fingerprints(
    calls: Path, sites: Sequence[Site], participants: Mapping[str, str], out_bcf: Path
) -> None:
    """Cut the calls to `sites` and to genotype, quality and allele depths.

    Whose sample each is stands in ``##SAMPLE`` lines of the header.
    """
    header = run(["bcftools", "view", "-h", calls])
    names = ("GT", "AD", "GQ")
    keep = ",".join(f"FORMAT/{name}" for name in names if f"##FORMAT=<ID={name}," in header)
    with (
        tempfile.TemporaryDirectory(prefix="genopheno-identity-") as folder,
        writing(out_bcf) as beside,
    ):
        places, lines = Path(folder, "sites.tsv"), Path(folder, "samples.txt")
        places.write_text("".join(f"{contig}\t{position}\n" for contig, position, *_ in sites))
        lines.write_text(
            "".join(
                f"##SAMPLE=<ID={sample},Participant={participants[sample]}>\n"
                for sample in participants
            )
        )
        run(
            ["bcftools", "view", "-T", places, "-v", "snps", "-f", "PASS,.", "-Ou", calls],
            ["bcftools", "annotate", "-x", f"QUAL,INFO,^{keep}", "-h", lines, "-Ob", "-o", beside],
        )


def participants_of(path: Path) -> dict[str, str]:
    """The participant of each sample of an earlier batch, from the header alone.

    Raises
    ------
    StageError : there is no such file, or it is no fingerprint file.
    """
    mend = "Name fingerprints.bcf of an earlier run in identity.earlier"
    if not path.is_file():
        raise fail("missing-file", path, "there is no such file", mend)
    header = run(["bcftools", "view", "-h", path])
    participants = dict(SAMPLE_LINE.findall(header))
    samples = header.rstrip("\n").rsplit("\n", 1)[-1].split("\t")[9:]
    if not samples or (without := sorted(set(samples) - set(participants))):
        said = ", ".join(without[:20]) if samples else "none"
        raise fail(
            "fingerprints-unreadable",
            path,
            f"its header does not say whose its samples are: {said}",
            mend,
        )
    return participants


def read_fingerprints(path: Path) -> tuple[Genotypes, dict[str, str]]:
    """Genotypes of an earlier batch, and the participant of each of its samples."""
    participants = participants_of(path)
    genotypes, _, _ = read_calls(
        path, SexChromosomes(), max_sites=10**9, min_frequency=0, min_call_rate=0
    )
    return genotypes, participants


def shared_sites(first: Sequence[Site], second: Sequence[Site]) -> tuple[np.ndarray, np.ndarray]:
    """Rows of both lists that are the same SNP; a leading ``chr`` does not matter."""

    def key(site: Site) -> Site:
        return (site[0].removeprefix("chr"), *site[1:])

    place = {key(site): i for i, site in enumerate(second)}
    rows = [(i, place[key(site)]) for i, site in enumerate(first) if key(site) in place]
    return tuple(np.array(rows, dtype=int).reshape(-1, 2).T)
