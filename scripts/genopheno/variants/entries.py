"""VCF files of labs: checked, brought into the form of our calls, cut to the sheet's samples."""

from __future__ import annotations

import gzip
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from genopheno.fasta import contig_lengths
from genopheno.files import write_json, writing
from genopheno.problems import Problem, StageError, fail
from genopheno.tools import run
from genopheno.vcf import assert_records, assert_samples, count_records

FORMATS = ("GT", "AD", "DP", "GQ")
# The contigs of the reference take the place of the file's own (which may be absent), so that
# all files agree in order; soft-masked bases become upper case; a record that was never filtered
# passes. Records by contig, and those of gVCFs (as '*'), are written to `tally`.
AWK = r"""BEGIN {
  FS = OFS = "\t"
  while ((getline line < fai) > 0) {
    split(line, cells, "\t"); known[cells[1]] = 1
    contigs = contigs "##contig=<ID=" cells[1] ",length=" cells[2] ">\n"
  }
}
/^##contig=/ { next }
/^#CHROM/ { printf "%s", contigs }
/^#/ { print; next }
{ n[$1]++ }
$5 ~ /<(NON_REF|\*)>/ { n["*"]++ }
!($1 in known) { next }
{ $4 = toupper($4); if ($5 !~ /[<\[\]]/) $5 = toupper($5); if ($7 == ".") $7 = "PASS"; print }
END { printf "" > tally; for (c in n) print c, n[c] > tally }"""
SYMBOLIC = 'ALT~"[]<*[]" || ALT="."'


def receive_vcf(
    vcf: Path, *, samples: Sequence[str], reference: Path, out_bcf: Path, report: Path
) -> dict[str, int]:
    """Bring a single- or multi-sample VCF or BCF into the form of our calls.

    Parameters
    ----------
    vcf : plain, gzip, bgzip or BCF; sorted or not; its index is not used.
    samples : samples of the sheet that are taken from it, in the order wanted.
    reference : FASTA (.fai beside it).
    out_bcf : BCF to write; ``.csi`` goes beside it. One alternate allele per record,
        left-aligned, sorted; contigs are those of the reference; INFO is empty, FORMAT has
        what there is of GT, AD, DP, GQ. FILTER is the file's own, PASS where it has none.
        Alleles that none of these samples carries stay: they say who has the reference.
    report : JSON of counts to write.

    Returns
    -------
    records_in; records_outside_reference_removed (contigs that the reference lacks); alleles
    after splitting; symbolic_alleles_removed (structural variants, '*', records without an
    alternate allele); exact_duplicates_removed; records_out; samples_in; samples_out.

    Raises
    ------
    StageError : ``vcf-unreadable``, ``vcf-duplicate-samples``, ``sample-not-in-vcf``,
        ``vcf-without-gt``, ``vcf-is-gvcf``, ``contig-names``, ``contig-lengths``,
        ``reference-differs``, ``index-old``, ``records-none``.
    """
    lengths = contig_lengths(Path(f"{reference}.fai"))
    names = check_header(vcf, samples, lengths)
    check_index(vcf)
    index = out_bcf.with_name(out_bcf.name + ".csi")
    with (
        writing(report) as counts_json,
        writing(index) as csi,
        writing(out_bcf) as out,
        tempfile.TemporaryDirectory(prefix=f".{out_bcf.name}.", dir=out_bcf.parent) as folder,
    ):
        work = Path(folder)
        per_contig = _cut(vcf, samples, reference, work)
        _check_contigs(vcf, per_contig, lengths)
        there = _count(work / "cut.bcf")
        agreeing = ["bcftools", "norm", "-f", reference, "-c", "x", "-Ob1"]
        run([*agreeing, "-o", work / "agreeing.bcf", work / "cut.bcf"])
        _check_reference(vcf, there, _count(work / "agreeing.bcf"), reference)
        split = ["bcftools", "norm", "-f", reference, "-m", "-any", "-Ob1"]
        run([*split, "-o", work / "split.bcf", work / "agreeing.bcf"])
        run(
            ["bcftools", "view", "-e", SYMBOLIC, "-Ou", work / "split.bcf"],
            ["bcftools", "sort", "-T", work / "sort2", "-Ou", "-"],
            ["bcftools", "norm", "-d", "exact", "-Ob", "-o", out, "-"],
        )
        run(["bcftools", "index", "-f", "-o", csi, out])
        alleles = _count(work / "split.bcf")
        symbolic = _number(work / "split.bcf", SYMBOLIC)
        written = assert_records(Path(f"{out}##idx##{csi}"), name=vcf)
        assert_samples(out, samples, name=out_bcf)
        if not _number(out, 'N_PASS(GT!="mis")>0'):
            raise fail("vcf-without-gt", vcf, "no genotype of these samples is called", NEEDS)
        counts = {
            "samples_in": names,
            "samples_out": len(samples),
            "records_in": sum(per_contig.values()),
            "records_outside_reference_removed": sum(per_contig.values()) - there,
            "alleles": alleles,
            "symbolic_alleles_removed": symbolic,
            "exact_duplicates_removed": alleles - symbolic - written,
            "records_out": written,
        }
        write_json(counts_json, counts)
    return counts


NEEDS = "Give a VCF with called genotypes (FORMAT/GT) of the samples of the sheet"


def check_header(vcf: Path, samples: Sequence[str], lengths: Mapping[str, int]) -> int:
    """Refuse a VCF by its header, with all reasons at once; return its number of samples."""
    lines = list(header_lines(vcf))
    names = lines[-1].split("\t")[9:]
    faults = []

    def wrong(code: str, found: str, mend: str) -> None:
        faults.append(Problem(code, str(vcf), None, None, found, mend))

    twice = sorted(name for name, number in Counter(names).items() if number > 1)
    absent = [name for name in samples if name not in names]
    if not names or not any(line.startswith("##FORMAT=<ID=GT,") for line in lines):
        wrong("vcf-without-gt", "it has no genotypes (no samples, or no FORMAT/GT)", NEEDS)
    if twice:
        wrong(
            "vcf-duplicate-samples",
            f"{len(twice)} of its samples are in it twice: {', '.join(twice[:20])}",
            "Give each column its own name (bcftools reheader -s), after finding out which is "
            "which",
        )
    if absent and names:
        wrong(
            "sample-not-in-vcf",
            f"the sheet names {', '.join(absent[:20])}, but its samples are "
            f"{', '.join(names[:20])}{' …' if len(names) > 20 else ''}",
            "Write the sample in the sheet as the VCF has it, or rename it in the VCF "
            "(bcftools reheader -s)",
        )
    for contig, length in _contigs(lines):
        if length and lengths.get(contig, length) != length:
            wrong(
                "contig-lengths",
                f"contig {contig} has {length} bp in its header, and {lengths[contig]} bp in the "
                "reference: another genome build",
                "Give calls against the reference of this project",
            )
    if faults:
        raise StageError(*faults)
    return len(names)


def header_lines(vcf: Path) -> Iterator[str]:
    """Lines of the header of a VCF or BCF, packed or not, the one of the columns last.

    htslib refuses a header with a sample twice, so it is read as text here.
    """
    try:
        with open(vcf, "rb") as handle:
            opened = gzip.open if handle.read(2) == b"\x1f\x8b" else open
        with opened(vcf, "rb") as handle:
            start = handle.read(5)
            if start == b"BCF\x02\x02":
                size = int.from_bytes(handle.read(4), "little")
                lines = handle.read(size).rstrip(b"\0").splitlines()
            else:
                lines = [start + handle.readline()]
                while lines[-1].startswith(b"##"):
                    lines.append(handle.readline())
    except (OSError, EOFError) as error:
        raise fail("vcf-unreadable", vcf, f"it cannot be read: {error}", COPY) from None
    lines = [line.rstrip(b"\r\n").decode("utf-8", "replace") for line in lines]
    if not lines[0].startswith("##fileformat=VCF") or not lines[-1].startswith("#CHROM\t"):
        raise fail("vcf-unreadable", vcf, "it is no VCF or BCF with a whole header", COPY)
    return iter(lines)


COPY = "Copy the file again from where it was made"


def check_index(vcf: Path) -> None:
    """Refuse a file that is newer than its index: one of them is of another time.

    Raises
    ------
    StageError : ``index-old``.
    """
    for ending in (".tbi", ".csi"):
        index = Path(f"{vcf}{ending}")
        if index.is_file() and index.stat().st_mtime_ns < vcf.stat().st_mtime_ns:
            raise fail(
                "index-old",
                index,
                f"it is older than {vcf}: the file was replaced, or is not yet whole",
                f"Make sure of the file, then index it anew: bcftools index -f {vcf}",
            )


def _contigs(lines: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Contigs of a header, with lengths (bp; 0: not told)."""
    for line in lines:
        if line.startswith("##contig=<"):
            cells = dict(part.partition("=")[::2] for part in line[10:].rstrip(">").split(","))
            length = cells.get("length", "")
            yield cells.get("ID", ""), int(length) if length.isdigit() else 0


def _cut(vcf: Path, samples: Sequence[str], reference: Path, work: Path) -> dict[str, int]:
    """Write ``cut.bcf``, the samples wanted without INFO, sorted; return records by contig."""
    wanted, tally = work / "samples.txt", work / "tally.tsv"
    wanted.write_text("".join(f"{name}\n" for name in samples))
    kept = ",".join(f"^FORMAT/{name}" for name in FORMATS)
    run(
        # As text first: without contigs in the header, samples cannot be cut nor BCF be written.
        ["bcftools", "view", "-Ov", vcf],
        ["awk", "-v", f"fai={reference}.fai", "-v", f"tally={tally}", AWK],
        ["bcftools", "view", "-S", wanted, "-Ou", "-"],
        ["bcftools", "annotate", "-x", f"INFO,{kept}", "-Ou", "-"],
        ["bcftools", "sort", "-T", work / "sort1", "-Ob1", "-o", work / "cut.bcf", "-"],
    )
    rows = (line.split("\t") for line in tally.read_text().splitlines())
    counts = {contig: int(number) for contig, number in rows}
    blocks = counts.pop("*", 0)
    if blocks:
        raise fail(
            "vcf-is-gvcf",
            vcf,
            f"{blocks} of its records have <NON_REF> or <*>: it is a gVCF",
            "Name it in the column gvcf of the sheet",
        )
    return counts


def _check_contigs(vcf: Path, per_contig: Mapping[str, int], lengths: Mapping[str, int]) -> None:
    """Contigs that the reference lacks are left out, unless it only names them otherwise."""
    strange = [contig for contig in per_contig if contig not in lengths]
    renamed = [c for c in strange if c.removeprefix("chr") in lengths or f"chr{c}" in lengths]
    if renamed or (strange and len(strange) == len(per_contig)):
        ours = ", ".join(list(lengths)[:5])
        raise fail(
            "contig-names",
            vcf,
            f"its contigs are named {', '.join((renamed or strange)[:5])}, those of the reference "
            f"{ours}",
            "Rename the contigs (bcftools annotate --rename-chrs), with or without 'chr' as the "
            "reference has them",
        )


def _check_reference(vcf: Path, records: int, agreeing: int, reference: Path) -> None:
    if agreeing < records:
        raise fail(
            "reference-differs",
            vcf,
            f"in {records - agreeing} of {records} records REF is not what {reference} has: "
            "another genome build",
            "Give calls against the reference of this project",
        )


def _count(bcf: Path) -> int:
    run(["bcftools", "index", "-f", bcf])
    return count_records(bcf)


def _number(bcf: Path, expression: str) -> int:
    """Records for which an expression holds."""
    return len(run(["bcftools", "query", "-f", ".\n", "-i", expression, bcf]).split())
