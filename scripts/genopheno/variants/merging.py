"""Calls made together and calls that labs handed in, merged into the calls of the cohort."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from genopheno.files import write_json, writing
from genopheno.problems import fail
from genopheno.tools import Command, run
from genopheno.variants.calling import allow_open_files
from genopheno.variants.entries import FORMATS
from genopheno.variants.gather import count_filters
from genopheno.vcf import assert_records, assert_samples, count_records, samples_of


def merge_calls(
    files: Sequence[Path], *, samples: Sequence[str], out_bcf: Path, report: Path
) -> dict[str, object]:
    """Merge files of different samples, allele by allele.

    A genotype that a file does not hold is missing, not homozygous for the reference: a VCF
    says nothing of the places that it leaves out. A record passes if it passes in any file
    that has it; else it has the filters of all of them. FORMAT is GT, AD, DP, GQ.

    Parameters
    ----------
    files : indexed BCFs, split and left-aligned, of no common sample; INFO and the first
        header lines are those of the first.
    samples : samples that must be in it, no more and no fewer.
    out_bcf : BCF to write; ``.csi`` goes beside it. INFO has AC, AN, AF, F_MISSING.
    report : JSON of counts to write.

    Returns
    -------
    records_in (of all files); shared_records_removed (the same allele in several files is one
    record); alleles_without_genotype_removed; records_out; records_pass; filters;
    genotypes_missing_by_absence (genotypes of files that lack the record); and per file its
    records, samples and genotypes missing by absence.

    Raises
    ------
    StageError : a sample in two files, samples that are not the expected ones, no record.
    """
    allow_open_files(4 * len(files) + 64)
    people = [samples_of(path) for path in files]
    _check_samples(files, people, samples, out_bcf)
    records = [count_records(path) for path in files]
    index = out_bcf.with_name(out_bcf.name + ".csi")
    with (
        writing(report) as counts_json,
        writing(index) as csi,
        writing(out_bcf) as out,
        tempfile.TemporaryDirectory(prefix=f".{out_bcf.name}.", dir=out_bcf.parent) as folder,
    ):
        listing, merged = Path(folder, "files.txt"), Path(folder, "merged.bcf")
        order = Path(folder, "samples.txt")
        listing.write_text("".join(f"{path.absolute()}\n" for path in files))
        order.write_text("".join(f"{name}\n" for name in samples))
        together: Command = ["bcftools", "merge", "-m", "none", "-F", "x", "-i", "-", "-Ou"]
        source = [*together, "-l", listing] if len(files) > 1 else ["bcftools", "view", *files]
        kept = ",".join(f"^FORMAT/{name}" for name in FORMATS)
        run(
            source,
            ["bcftools", "view", "-S", order, "-I", "-Ou", "-"],
            ["bcftools", "annotate", "-x", kept, "-Ou", "-"],
            ["bcftools", "+fill-tags", "-Ob1", "-o", merged, "-", "--", "-t", "AC,AN,AF,F_MISSING"],
        )
        run(["bcftools", "index", merged])
        run(["bcftools", "view", "-i", "INFO/AC>0", "-Ob", "-o", out, merged])
        run(["bcftools", "index", "-f", "-o", csi, out])
        in_all = count_records(merged)
        if not max(records) <= in_all <= sum(records):
            raise fail(
                "records-lost",
                out_bcf,
                f"{in_all} records came of files with {', '.join(map(str, records))}",
                "Check free disk space and memory, then run again",
            )
        written = assert_records(Path(f"{out}##idx##{csi}"), name=out_bcf)
        assert_samples(out, samples, name=out_bcf)
        passing, filters = count_filters(out, {})
        per_file = [
            {
                "file": str(path),
                "samples": len(names),
                "records": number,
                "genotypes_missing_by_absence": (in_all - number) * len(names),
            }
            for path, names, number in zip(files, people, records, strict=True)
        ]
        counts: dict[str, object] = {
            "samples": len(samples),
            "records_in": sum(records),
            "shared_records_removed": sum(records) - in_all,
            "alleles_without_genotype_removed": in_all - written,
            "records_out": written,
            "records_pass": passing,
            "filters": filters,
            "genotypes_missing_by_absence": sum(
                file["genotypes_missing_by_absence"] for file in per_file
            ),
            "files": per_file,
        }
        write_json(counts_json, counts)
    return counts


def _check_samples(
    files: Sequence[Path], people: Sequence[list[str]], samples: Sequence[str], out: Path
) -> None:
    seen: dict[str, Path] = {}
    for path, names in zip(files, people, strict=True):
        for name in names:
            if name in seen:
                raise fail(
                    "sample-twice",
                    path,
                    f"sample {name} is in {seen[name]} already",
                    "Let the sheet name one entry per sample, then delete results/calls/entries",
                )
            seen[name] = path
    missing, strange = sorted(set(samples) - set(seen)), sorted(set(seen) - set(samples))
    if missing or strange:
        raise fail(
            "samples-differ",
            out,
            f"missing: {', '.join(missing[:20]) or 'none'}; not expected: "
            f"{', '.join(strange[:20]) or 'none'}",
            "Run the calling, or 'genopheno receive-vcf', of these samples again",
        )
