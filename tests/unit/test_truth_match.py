"""Matching of variants by the sequences they make: cases whose answer is known by hand."""

from __future__ import annotations

import random

import pytest

from genopheno.truth.haplotypes import TooLarge, agree, pairs_of_sequences
from genopheno.truth.match import Level, match
from genopheno.truth.variants import Edit, Variant, single_bases, span, trim

#            0         10        20        30        40
REFERENCE = "GATTACAGCCAAAAATGCGTACACACACAGTTTGACCTAGC"
HET, HOM = 1, 2
G, A, N = Level.GENOTYPE, Level.ALLELE, Level.NONE


def variant(position: int, ref: str, alt: str, copies: int = HET, quality: float = 30) -> Variant:
    assert REFERENCE.startswith(ref, position)
    return Variant("1", position, ref, alt, copies, quality)


def levels(calls: list[Variant], truth: list[Variant], **options) -> tuple[list, list]:
    matched = match(calls, truth, REFERENCE, **options)
    return matched.call_levels, matched.truth_levels


CASES = {
    "the same deletion at the other end of a repeat": (
        [variant(13, "AA", "A", HOM)],
        [variant(9, "CA", "C", HOM)],
        ([G], [G]),
    ),
    "the same insertion of a repeat unit, one unit later": (
        [variant(24, "A", "ACA")],
        [variant(19, "T", "TAC")],
        ([G], [G]),
    ),
    "two substitutions in one record": (
        [variant(4, "AC", "GT", HOM)],
        [variant(4, "A", "G", HOM), variant(5, "C", "T", HOM)],
        ([G], [G, G]),
    ),
    "substitution and deletion as one block": (
        [variant(14, "ATGC", "TGC"), variant(17, "C", "A")],
        [variant(14, "ATGC", "TGA")],
        ([G, G], [G]),
    ),
    "insertion beside a substitution, and both as one": (
        [variant(18, "G", "GC"), variant(19, "T", "A")],
        [variant(18, "GT", "GCA")],
        ([G, G], [G]),
    ),
    "one copy instead of two is a genotype error": (
        [variant(2, "T", "C", HET)],
        [variant(2, "T", "C", HOM)],
        ([A], [A]),
    ),
    "a genotype error in another spelling": (
        [variant(13, "AA", "A", HOM)],
        [variant(9, "CA", "C", HET)],
        ([A], [A]),
    ),
    "two alleles at one place, both found": (
        [variant(9, "CA", "C"), variant(9, "C", "CA")],
        [variant(13, "AA", "A"), variant(9, "C", "CA")],
        ([G, G], [G, G]),
    ),
    "two alleles at one place, one of them called twice": (
        [variant(9, "CA", "C", HOM)],
        [variant(9, "CA", "C"), variant(9, "C", "CA")],
        ([A], [A, N]),
    ),
    "another allele at the same place": (
        [variant(2, "T", "G")],
        [variant(2, "T", "C")],
        ([N], [N]),
    ),
    "a true one beside a false one": (
        [variant(13, "AA", "A"), variant(17, "C", "T")],
        [variant(9, "CA", "C")],
        ([G, N], [G]),
    ),
    "calls that undo each other are not true": (
        [variant(9, "CA", "C"), variant(13, "A", "AA")],
        [variant(15, "T", "C")],
        ([N, N], [N]),
    ),
    "truths that undo each other are not found by silence": (
        [variant(15, "T", "C")],
        [variant(9, "CA", "C"), variant(13, "A", "AA"), variant(15, "T", "C")],
        ([G], [N, N, G]),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_known_answers(name: str) -> None:
    calls, truth, expected = CASES[name]
    assert levels(calls, truth) == expected
    assert levels(truth, calls) == expected[::-1]  # no side is special


def test_by_allele_only_what_is_written_alike_agrees() -> None:
    calls, truth, _ = CASES["two substitutions in one record"]
    assert levels(calls, truth, haplotypes=False) == ([N], [N, N])
    calls, truth, _ = CASES["one copy instead of two is a genotype error"]
    assert levels(calls, truth, haplotypes=False) == ([A], [A])


def test_a_truth_is_as_sure_as_the_least_sure_of_its_calls() -> None:
    calls = [variant(4, "A", "G", HOM, 50), variant(5, "C", "T", HOM, 20)]
    matched = match(calls, [variant(4, "AC", "GT", HOM)], REFERENCE)
    assert matched.truth_quality == [20]
    assert matched.by_haplotype == 1
    beside = variant(8, "C", "T", HET, 10)
    matched = match([*calls, beside], [variant(4, "AC", "GT", HOM), beside], REFERENCE)
    assert matched.truth_quality[1] == 10
    sure = variant(8, "C", "T", HET, 90)
    matched = match([*calls, sure], [variant(4, "AC", "GT", HOM), sure], REFERENCE)
    assert matched.truth_quality == [20, 90]  # each by its own calls


def test_a_cluster_with_too_many_phasings_is_cut_at_its_gaps() -> None:
    same = [variant(p, REFERENCE[p], "G" if REFERENCE[p] != "G" else "T") for p in range(30, 40)]
    calls, truth, _ = CASES["substitution and deletion as one block"]
    whole = match([*calls, *same], [*truth, *same], REFERENCE, max_states=40)
    assert whole.too_large == 0
    assert set(whole.truth_levels) == set(whole.call_levels) == {G}
    # What hangs together cannot be cut: there the matches by allele stand.
    kept = match([*calls, *same], [*truth, *same], REFERENCE, max_states=1)
    assert kept.too_large >= 1
    assert kept.truth_levels == [N] + [G] * len(same)


def test_pairs_of_sequences_are_what_the_phasings_make() -> None:
    pairs = pairs_of_sequences("ACGT", 10, [(Edit(11, 12, "T"), HET), (Edit(13, 14, ""), HOM)])
    assert pairs == {
        ("ACGT", "ACGT"): (),
        ("ACGT", "ATGT"): (0,),
        ("ACG", "ACG"): (1,),
        ("ACG", "ATG"): (0, 1),
    }
    # Two insertions at one place have no order; overlapping changes cannot share a chromosome.
    assert len(pairs_of_sequences("AC", 0, [(Edit(1, 1, "G"), HOM), (Edit(1, 1, "T"), HOM)])) == 3
    assert len(pairs_of_sequences("ACG", 0, [(Edit(0, 2, ""), HOM), (Edit(1, 3, ""), HOM)])) == 3
    with pytest.raises(TooLarge):
        pairs_of_sequences("ACGT", 0, [(Edit(i, i + 1, "N"), HET) for i in range(4)], max_states=9)


def test_most_variants_win() -> None:
    one, two = (Edit(1, 2, "T"), HET), (Edit(2, 3, "A"), HET)
    assert agree("ACGT", 0, [one, two], [two, one]) == ((0, 1), (0, 1))
    assert agree("ACGT", 0, [one], [(Edit(1, 2, "G"), HET)]) == ((), ())


def test_trimming_and_the_stretch_an_indel_can_move() -> None:
    assert trim(9, "CAAA", "CA") == Edit(10, 12, "")
    assert trim(4, "ACA", "GCA") == Edit(4, 5, "G")
    assert span(Edit(13, 14, ""), REFERENCE) == (10, 15)  # the run of A
    assert span(Edit(25, 25, "CA"), REFERENCE) == (20, 29)  # A CACACACA
    assert span(Edit(2, 3, "G"), REFERENCE) == (2, 3)
    assert [v.position for v in single_bases(variant(4, "ACA", "GCT"))] == [4, 6]
    assert [v.kind for v in (variant(4, "AC", "GC"), variant(4, "A", "AT"))] == ["snp", "indel"]


# --- the same chromosomes, written anew at random -------------------------------------------


def random_truth(rng: random.Random) -> tuple[str, list[tuple[Edit, frozenset[int]]]]:
    """A repetitive reference, and changes on one or both chromosomes that do not interact."""
    reference = "GCT" + "".join(rng.choice(["A", "C", "AC", "AAA", "GT", "G"]) for _ in range(70))
    changes: list[tuple[Edit, frozenset[int]]] = []
    at = 6
    while at < len(reference) - 12:
        kind = rng.choice(["snp", "ins", "del", "block"])
        size = rng.randint(1, 4)
        bases = "".join(rng.choices("ACGT", k=size))
        edit = {
            "snp": Edit(at, at + 1, rng.choice([b for b in "ACGT" if b != reference[at]])),
            "ins": Edit(at, at, bases),
            "del": Edit(at, at + size, ""),
            "block": Edit(at, at + size, bases),
        }[kind]
        edit = trim(edit.start, reference[edit.start : edit.end], edit.bases)
        low, high = span(edit, reference)
        if edit == (edit.start, edit.start, ""):
            at += 1
        elif not changes or low > span(changes[-1][0], reference)[1]:
            changes.append((edit, rng.choice([frozenset({0}), frozenset({1}), frozenset({0, 1})])))
            at = high + rng.randint(1, 9)
        else:
            at += 1
    return reference, changes


def rewritten(rng: random.Random, reference: str, changes: list) -> list:
    """The same chromosomes by other variants: shifted, merged with the next, padded."""
    moved = []
    for edit, carriers in changes:
        low, high = span(edit, reference)
        start, end, bases = edit
        if start == end or not bases:  # rotate the unit along the repeat
            by = rng.randint(low - start, high - end)
            unit = bases or reference[start:end]
            turned = unit[by % len(unit) :] + unit[: by % len(unit)]
            edit = Edit(start + by, end + by, turned if bases else "")
        moved.append((edit, carriers))
    joined: list = []
    for edit, carriers in moved:
        last = joined[-1] if joined else None
        if last and last[1] == carriers and rng.random() < 0.4:
            between = reference[last[0].end : edit.start]
            whole = Edit(last[0].start, edit.end, last[0].bases + between + edit.bases)
            joined[-1] = (whole, carriers)
        else:
            joined.append((edit, carriers))
    return joined


def as_variants(reference: str, changes: list, contig: str = "1") -> list[Variant]:
    """With the base before each change, as a VCF has them."""
    return [
        Variant(
            contig,
            edit.start - 1,
            reference[edit.start - 1 : edit.end],
            reference[edit.start - 1] + edit.bases,
            len(carriers),
            30.0,
        )
        for edit, carriers in changes
    ]


@pytest.mark.parametrize("seed", range(30))
def test_writing_the_truth_anew_changes_nothing(seed: int) -> None:
    rng = random.Random(seed)
    reference, changes = random_truth(rng)
    truth = as_variants(reference, changes)
    calls = as_variants(reference, rewritten(rng, reference, changes))
    matched = match(calls, truth, reference)
    assert set(matched.call_levels) == set(matched.truth_levels) == {G}


@pytest.mark.parametrize("seed", range(10))
def test_a_truth_that_nobody_calls_is_missed_and_no_other(seed: int) -> None:
    rng = random.Random(seed)
    reference, changes = random_truth(rng)
    gone = rng.randrange(len(changes))
    left = [change for i, change in enumerate(changes) if i != gone]
    matched = match(
        as_variants(reference, rewritten(rng, reference, left)),
        as_variants(reference, changes),
        reference,
    )
    assert set(matched.call_levels) == {G}
    assert matched.truth_levels == [N if i == gone else G for i in range(len(changes))]
