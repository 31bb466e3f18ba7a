"""SnpEff as a peer: a database of one's own gene models, and what it says of each allele."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

GENOME = "peer"
# A parent has to stand before its parts, and its feature type has to be one SnpEff knows.
ORDER = {"exon": 2, "CDS": 3, "five_prime_UTR": 4, "three_prime_UTR": 4}
Allele = tuple[str, int, str, str]


def snpeff_database(folder: Path, fasta: Path, gff3: Path) -> Path:
    """Build a SnpEff database (genome 'peer') in a folder; return its configuration file.

    Parameters
    ----------
    fasta, gff3 : plain or gzip; Ensembl's names.
    """
    if shutil.which("snpEff") is None:
        pytest.skip("snpEff is not installed")
    home = folder / "data" / GENOME
    home.mkdir(parents=True, exist_ok=True)
    (home / "sequences.fa").write_bytes(_plain(fasta))
    lines = []
    for line in _plain(gff3).decode().splitlines():
        cells = line.split("\t")
        rank = 0
        if len(cells) == 9:
            if "ID=transcript:" in cells[8]:
                rank, cells[2] = 1, "transcript" if cells[2] != "mRNA" else "mRNA"
            elif "ID=gene:" in cells[8]:
                cells[2] = "gene"
            rank = ORDER.get(cells[2], rank)
            # SnpEff takes 'transcript_id' for a transcript, yet 'Parent' for its exons.
            cells[8] = cells[8].replace("=transcript:", "=").replace("=gene:", "=")
        lines.append((rank, "\t".join(cells)))
    lines.sort(key=lambda line: line[0])
    (home / "genes.gff").write_text("\n".join(line for _, line in lines) + "\n")
    config = folder / "snpEff.config"
    config.write_text(f"data.dir = {folder / 'data'}\n{GENOME}.genome : {GENOME}\n")
    _run("build", "-c", config, "-gff3", "-noCheckCds", "-noCheckProtein", "-noLog", GENOME)
    return config


def snpeff_changes(
    config: Path, folder: Path, alleles: Iterable[Allele]
) -> dict[tuple[Allele, str], tuple[str, str, str]]:
    """(allele, transcript) → (effects, c. change, p. change); '' where it writes none."""
    source = folder / "alleles.vcf"
    rows = "".join(f"{c}\t{p}\t.\t{r}\t{a}\t.\t.\t.\n" for c, p, r, a in alleles)
    source.write_text(
        "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n" + rows
    )
    answer = _run("ann", "-c", config, "-noLog", "-noStats", "-ud", "0", GENOME, source)
    found = {}
    for line in answer.splitlines():
        if line.startswith("#") or "ANN=" not in line:  # Debian's wrapper prints its command
            continue
        contig, position, _, reference, alternate, *_, info = line.split("\t")
        allele = (contig, int(position), reference, alternate)
        for entry in info.partition("ANN=")[2].split(";")[0].split(","):
            cells = entry.split("|")
            if len(cells) > 10 and cells[5] == "transcript":
                found[allele, cells[6]] = cells[1], cells[9], cells[10]
    return found


def _run(*words: str | Path) -> str:
    command = ["snpEff", "-Xmx2g", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def _plain(path: Path) -> bytes:
    packed = path.read_bytes()
    return gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed
