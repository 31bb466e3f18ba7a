"""Reading HGVS back: what a description does to a sequence, apart from how it was made."""

from __future__ import annotations

import itertools
import re

from tests.unit.transcript_genome import parts_of

THREE_LETTERS = (
    "Ala", "Arg", "Asn", "Asp", "Cys", "Gln", "Glu", "Gly", "His", "Ile", "Leu", "Lys", "Met",
    "Phe", "Pro", "Ser", "Thr", "Trp", "Tyr", "Val", "Ter",
)  # fmt: skip
THREE = dict(zip(THREE_LETTERS, "ARNDCQEGHILKMFPSTWYV*", strict=True))
CODONS = dict(
    zip(
        (a + b + c for a in "TCAG" for b in "TCAG" for c in "TCAG"),
        "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
        strict=True,
    )
)


def numbering(marked: str) -> dict[str, int]:
    """HGVS name of each base of a gene → its place in the text without brackets."""
    _text, exons, cds = parts_of(marked)
    exonic = [place for start, end in exons for place in range(start, end)]
    coding = [place for start, end in cds for place in range(start, end)]
    names = {}
    for rank, place in enumerate(exonic):
        if not coding:
            names[place] = str(rank + 1)
        elif place < coding[0]:
            names[place] = str(rank - exonic.index(coding[0]))
        elif place > coding[-1]:
            names[place] = f"*{rank - exonic.index(coding[-1])}"
        else:
            names[place] = str(coding.index(place) + 1)
    for (_, left), (right, _) in itertools.pairwise(exons):
        size = right - left
        for n in range(1, size + 1):
            up = n <= size + 1 - n
            names[left + n - 1] = (
                f"{names[left - 1]}+{n}" if up else f"{names[right]}-{size + 1 - n}"
            )
    return {name: place for place, name in names.items()}


CODING = re.compile(
    r"[cn]\.([-*]?\d+(?:[+-]\d+)?)(?:_([-*]?\d+(?:[+-]\d+)?))?"
    r"(?:(?P<del>del)(?P<ins>ins[ACGT]+)?|(?P<dup>dup)|(?P<only>ins[ACGT]+)|(?P<sub>[ACGT]>[ACGT]))"
)


def edit_of(description: str, names: dict[str, int], bases: str) -> tuple[int, int, str]:
    """(start, end, added) of a c. or n. description: half-open places that are replaced."""
    found = CODING.fullmatch(description)
    assert found, description
    first = names[found[1]]
    last = names[found[2]] if found[2] else first
    assert first < last or not found[2], description
    if found["sub"]:
        assert bases[first] == found["sub"][0]
        return first, first + 1, found["sub"][2]
    if found["dup"]:
        return last + 1, last + 1, bases[first : last + 1]
    if found["only"]:
        assert last == first + 1, description
        return last, last, found["only"][3:]
    return first, last + 1, (found["ins"] or "ins")[3:]


def replaced(bases: str, start: int, end: int, added: str) -> str:
    return bases[:start] + added + bases[end:]


def protein(bases: str) -> str:
    """Translation up to and with the first stop codon."""
    found = "".join(CODONS[bases[i : i + 3]] for i in range(0, len(bases) - 2, 3))
    stop = found.find("*")
    return found if stop < 0 else found[: stop + 1]


def one(residues: str) -> str:
    return "".join(THREE[residues[i : i + 3]] for i in range(0, len(residues), 3))


PROTEIN = re.compile(
    r"p\.(?P<a>[A-Z][a-z]{2})(?P<m>\d+)(?:_(?P<b>[A-Z][a-z]{2})(?P<n>\d+))?(?P<what>.+)"
)


def fits(description: str, before: str, after: str) -> bool:
    """Whether a p. description of the protein `before` gives the protein `after`."""
    found = PROTEIN.fullmatch(description)
    assert found, description
    start = int(found["m"]) - 1
    end = int(found["n"]) if found["n"] else start + 1
    assert before[start] == one(found["a"])
    assert not found["b"] or before[end - 1] == one(found["b"])
    what = found["what"]
    if what == "=":
        return after == before
    shift = re.fullmatch(r"([A-Z][a-z]{2})(fs|ext)Ter(\d+|\?)", what)
    if shift:
        same = after[:start] == before[:start] and after[start] == one(shift[1])
        stop = start + int(shift[3]) - (shift[2] == "fs") if shift[3] != "?" else None
        return same and before[start] != after[start] and after.find("*") == (stop or -1)
    if what == "del":
        expected = before[:start] + before[end:]
    elif what == "dup":
        expected = before[:end] + before[start:end] + before[end:]
    elif what.startswith("ins"):
        assert end == start + 2
        expected = before[: start + 1] + one(what[3:]) + before[start + 1 :]
    else:
        expected = before[:start] + one(what.removeprefix("delins")) + before[end:]
    stop = expected.find("*")
    return after == (expected[: stop + 1] if stop >= 0 else expected)
