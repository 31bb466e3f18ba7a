"""Alignments and calls against the sheet that names them and the reference they are used with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from genopheno.problems import Problems
from genopheno.submission import rows
from genopheno.submission.alignments import Alignment, reference_fault, sample_fault
from genopheno.submission.bases import disagreeing
from genopheno.submission.calls import Calls, absent_sample
from genopheno.submission.contigs import Sequence, misfit
from genopheno.submission.reading import Result
from genopheno.submission.streams import Fault
from genopheno.submission.unit import WHOLE, Unit

SHOWN = 20  # rows in a note
# Share of REF bases that may differ from the reference's: a masked or corrected base, not
# another build, where most of them do.
MAX_DISAGREEING = 0.01


@dataclass
class Judgement:
    """What is wrong with the rows of a sheet, and what is worth a note, by kind of note."""

    sheet: Path
    problems: Problems = field(default_factory=Problems)
    remarks: dict[str, list[str]] = field(default_factory=dict)

    def add(self, unit: Unit, fault: Fault | None) -> bool:
        if fault:
            self.problems.add(
                fault.code, self.sheet, fault.found, fault.mend, row=unit.row, column=unit.column
            )
        return fault is not None

    def remark(self, kind: str, unit: Unit, text: str = "") -> None:
        self.remarks.setdefault(kind, []).append(f"line {unit.row}{text}")

    @property
    def notes(self) -> list[str]:
        return [
            f"{self.sheet}: {kind}: {', '.join(places[:SHOWN])}"
            + (f" and {len(places) - SHOWN} more" if len(places) > SHOWN else "")
            for kind, places in self.remarks.items()
        ]


def judge(
    sheet: Path,
    units: list[Unit],
    results: dict[str, Result],
    fasta: Sequence | None,
    *,
    realign: bool = False,
) -> Judgement:
    """Hold the alignments and calls of a sheet to its samples and to the reference.

    Parameters
    ----------
    units : the rows of the sheet.
    results : of the files that were found sound, by resolved path. Where REF bases of calls
        were compared, the count is added as ``disagreeing`` (MD5 of the FASTA, number), so that
        the walk over the FASTA is remembered with the rest.
    fasta : the reference; None: it is faulty itself, so nothing is compared with it.
    realign : aligned BAM and CRAM are aligned again.
    """
    found = Judgement(sheet)
    named: dict[Path, list[Unit]] = {}
    for unit in units:
        if unit.entry != "fastq" and str(Path(unit.file).resolve()) in results:
            named.setdefault(Path(unit.file).resolve(), []).append(unit)
    fitting: list[tuple[Unit, Result]] = []
    for path, owners in named.items():
        result = results[str(path)]
        side = result["sides"][0]
        if owners[0].entry in WHOLE:
            if _calls(found, owners, Calls(**{**side, "path": owners[0].file}), fasta):
                fitting.append((owners[0], result))
        else:
            alignment = Alignment(**{**side, "path": owners[0].file})
            _alignment(found, owners[0], alignment, fasta, realign)
    if not realign:
        _only_rows(found, units, named, results)
    if fasta and fitting:
        _bases(found, fasta, fitting)
    return found


def _alignment(
    found: Judgement, unit: Unit, alignment: Alignment, fasta: Sequence | None, realign: bool
) -> None:
    faulty = found.add(unit, sample_fault(alignment))
    if fasta:
        faulty |= found.add(unit, reference_fault(alignment, fasta, realign=realign))
    if faulty:
        return
    if alignment.samples and alignment.samples != [unit.sample]:
        old = f" ({alignment.samples[0]} to {unit.sample})"
        found.remark("the read groups' SM is not the sample and is renamed", unit, old)
    if not alignment.read_groups:
        found.remark("no read groups; the sample's name is given to the reads", unit)
    if not alignment.aligned:
        found.remark("unaligned reads, to be aligned", unit)
        return
    if alignment.sorted_by != "coordinate":
        found.remark("not sorted by coordinate", unit, f" ({alignment.sorted_by})")
    if not alignment.duplicates:
        found.remark("no read is flagged as a duplicate", unit)


def _only_rows(
    found: Judgement, units: list[Unit], named: dict[Path, list[Unit]], results: dict[str, Result]
) -> None:
    """An aligned file that is taken as it is is all of its sample."""
    aligned = {
        owner.row
        for path, owners in named.items()
        for owner in owners
        if results[str(path)]["sides"][0].get("aligned")
    }
    first: dict[str, Unit] = {}
    for unit in units:
        before = first.setdefault(unit.sample, unit)
        if before is unit or before.participant != unit.participant:
            continue
        if {before.entry, unit.entry} & set(WHOLE):
            continue  # told by the sheet's own check
        if before.row in aligned or unit.row in aligned:
            rows.mixed_entries(found.sheet, before, unit, found.problems)


def _calls(found: Judgement, owners: list[Unit], calls: Calls, fasta: Sequence | None) -> bool:
    """True where REF bases can be compared."""
    first = owners[0]
    if first.entry == "gvcf":
        (name,) = calls.samples
        if name != first.sample:
            found.remark("the gVCF's sample is renamed", first, f" ({name} to {first.sample})")
        if calls.symbol != "<NON_REF>":
            found.remark(
                "the gVCF is rewritten for the combiner, which knows <NON_REF> only",
                first,
                f" ({calls.caller}, {calls.symbol or 'without a symbolic allele'})",
            )
    else:
        for unit in owners:
            found.add(unit, absent_sample(calls, unit.sample))
    if fasta is None:
        return False
    return not found.add(
        first,
        misfit(
            fasta,
            calls.contigs,
            first.file,
            rename="Rename its contigs (bcftools annotate --rename-chrs)",
            instead="Give calls of this reference, or the reads; records of single contigs are "
            "taken out with bcftools view -t",
        ),
    )


def _bases(found: Judgement, fasta: Sequence, fitting: Iterable[tuple[Unit, Result]]) -> None:
    """Count the REF bases that differ, walking over the FASTA only for files that are new."""
    fitting = list(fitting)
    new = [result for _, result in fitting if result.get("disagreeing", [None])[0] != fasta.md5]
    if new:
        counts = disagreeing(fasta.path, [result["sides"][0]["ref_bases"] for result in new])
        for result, count in zip(new, counts, strict=True):
            result["disagreeing"] = [fasta.md5, count]
    for unit, result in fitting:
        count, looked_at = result["disagreeing"][1], len(result["sides"][0]["ref_bases"])
        what = f"{count} of {looked_at} REF bases that were looked at"
        if count > MAX_DISAGREEING * looked_at:
            found.add(unit, _other_bases(unit.file, what, fasta))
        elif count:
            found.remark("REF differs from the reference", unit, f" ({what})")


def _other_bases(path: str, what: str, fasta: Sequence) -> Fault:
    return Fault(
        "reference-differs",
        f"{path}: {what} are not those of the reference {fasta.path}: another genome build",
        "Give calls of this reference, or the reads",
    )
