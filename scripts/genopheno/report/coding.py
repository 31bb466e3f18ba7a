"""What the report says of X, Y and the mitochondrion: genotypes that cannot be, unknown contigs."""

from __future__ import annotations

from typing import Any

from genopheno.report.blocks import note

SHOWN = 3  # samples that are named
BEYOND = {
    "X": "men's genotypes on X (outside the pseudoautosomal regions)",
    "Y": "men's genotypes on Y",
    "MT": "genotypes of the mitochondrion",
}


def coding_notes(coding: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Notes on the entry ``coding`` of ``scan.json``; none where nothing is to be said."""
    coding = coding or {}
    notes = []
    for region, told in (coding.get("heterozygous") or {}).items():
        if told["genotypes"]:
            worst = ", ".join(f"{name} ({n})" for name, n in list(told["worst"].items())[:SHOWN])
            text = (
                f"{told['genotypes']:,} {BEYOND[region]} are heterozygous, at {told['variants']:,} "
                f"variants in {told['samples']:,} samples, and count as missing; most in {worst}."
            )
            notes.append(note(text, "warn"))
    if coding.get("not_recognised"):
        text = (
            f"{', '.join(coding['not_recognised'])}: everybody was taken to have two copies, since "
            "the build of the reference is not known (reference.sex_chromosomes)."
        )
        notes.append(note(text, "warn"))
    for told in coding.get("not_fitted") or []:
        notes.append(note(f"{told['trait']} was not tested on {told['reason']}.", "warn"))
    return notes
