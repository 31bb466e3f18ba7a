"""Reference, site databases, truth sets, and how sites are annotated."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from genopheno.settings.base import Fraction, Positive, Section, Text


class SexChromosomes(Section):
    """Contigs whose copies depend on the sex."""

    x: str | None = None
    y: str | None = None
    mitochondrion: str | None = None
    pseudoautosomal: list[str] = []


class Reference(Section):
    fasta: Path
    """Reference sequence, FASTA (plain, gzip or bgzip)."""
    genes: Path
    """Gene models in Ensembl-style GFF3 (plain or gzip)."""
    build: str = "unnamed"
    """Name of the genome build, written into every result."""
    targets: Path | None = None
    """BED of exome or panel targets: calling is limited to them. null: the whole reference."""
    target_padding: Annotated[int, Field(ge=0)] = 100
    """Bases called beside each target, too (bp): splice sites and well-read flanks."""
    sex_chromosomes: SexChromosomes | None = None
    """Contigs x, y, mitochondrion and regions pseudoautosomal (contig:start-end, from 1), which
    decide how many copies each sex has. null: known for GRCh37 and GRCh38, by the lengths of
    X and Y or by the name of the build; for other references all is diploid."""


class Database(Section):
    file: Path
    """VCF, BED or table (TSV with a header), plain or gzip; contigs with or without 'chr'."""
    fields: list[str] = []
    """INFO fields of a VCF, or columns of a BED or table, to take; none: only whether it is found.
    BED: names of its header or name, score, strand; else its columns from the fourth, in order."""
    match: Literal["allele", "region"] | None = None
    """allele: the same allele after left alignment. region: the bases of REF overlap the place of
    the record. null: region for BED and tables without alleles, else allele."""
    combine: Literal["max", "min", "mean"] = "max"
    """Which number is taken where several regions overlap a variant; texts are all kept."""
    rsid: bool = False
    """Take the ID column as the identifier of the variant (dbSNP)."""
    source: str = ""
    """Who publishes it; stands in the data dictionary."""
    version: Text = ""
    """Its release; stands in the data dictionary."""
    min_fraction: Fraction | None = 0
    """Fraction of the called alleles that must be found in it, or the run stops. 0: at least one
    of them; null: none has to be."""


class TruthSet(Section):
    calls: Path
    """VCF or BCF of what is known to be true of the sample."""
    regions: Path
    """BED of the regions in which everything is known."""


class Vep(Section):
    """Ensembl VEP; the command has not been run by us."""

    cache: Path | None = None
    """Folder of the offline cache, as VEP's INSTALL.pl fetches it."""
    species: str = "homo_sapiens"
    """Species of the cache."""
    assembly: str | None = None
    """Assembly of the cache; null: reference.build."""
    cache_version: Positive | None = None
    """Release of the cache; null: that of VEP."""
    container: str | None = None
    """Image that holds VEP, run by Apptainer; null: VEP on PATH or by conda."""


class Annotation(Section):
    engine: Literal["csq", "snpeff", "vep"] = "csq"
    """Who predicts consequences: csq, bcftools csq; snpeff, SnpEff with a database built from
    reference.fasta and reference.genes; vep, Ensembl VEP with its cache (not run by us)."""
    vep: Vep = Vep()
    """How Ensembl VEP is started."""
