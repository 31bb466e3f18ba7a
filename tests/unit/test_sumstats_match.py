"""The same variant in several studies: found, and put on one allele and strand."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from genopheno.sumstats import alleles, match
from genopheno.sumstats.match import BY_FREQUENCY, Policy
from genopheno.sumstats.rows import SCHEMA

WINDOW = SCHEMA.remove(SCHEMA.get_field_index("contig"))


def window(*rows: tuple) -> pa.Table:
    """Rows (position, effect allele, other allele, beta, frequency) of one study."""
    columns = {name: [None] * len(rows) for name in WINDOW.names}
    for name, index in (
        ("position", 0), ("effect_allele", 1), ("other_allele", 2), ("beta", 3), ("frequency", 4)
    ):  # fmt: skip
        columns[name] = [row[index] for row in rows]
    columns["z_score"] = columns["beta"]
    columns["standard_error"] = [1.0] * len(rows)
    return pa.table(columns, schema=WINDOW)


def matched(*studies, policy=BY_FREQUENCY, reference=None):
    counts = [Counter() for _ in studies]
    return match.match(studies, policy, counts, reference), counts


def test_swapped_and_flipped_alleles_are_the_same_variant() -> None:
    first = window((5, "A", "C", 1, 0.1), (9, "AT", "A", 2, 0.2), (9, "G", "A", 3, 0.3))
    second = window((5, "G", "T", 1, 0.9), (9, "A", "AT", 2, 0.8), (9, "C", "T", 3, 0.3))
    found, counts = matched(first, second)
    assert found.position.tolist() == [5, 9, 9]
    assert found.numbers["beta"].tolist() == [[1, 3, 2], [-1, 3, -2]]
    np.testing.assert_allclose(found.numbers["frequency"][1], [0.1, 0.3, 0.2])
    assert counts[1] == {
        "alleles swapped and strand flipped": 1, "alleles swapped": 1, "strand flipped": 1,
    }  # fmt: skip
    assert found.places.tolist() == [3, 3]


def test_an_insertion_and_the_deletion_of_the_same_bases_are_two_variants() -> None:
    first = window((5, "C", "CA", 1, 0.1), (5, "CA", "C", 2, 0.2), (8, "CA", "C", 3, 0.3))
    second = window((5, "CA", "C", 4, 0.2), (8, "C", "CA", 5, 0.7))
    found, counts = matched(first, second)
    assert found.position.tolist() == [5, 5, 8]
    np.testing.assert_array_equal(found.numbers["beta"], [[1, 2, 3], [np.nan, 4, -5]])
    assert [count[match.AS_NAMED] for count in counts] == [2, 1]


def test_other_alleles_at_the_place_are_another_variant() -> None:
    found, _ = matched(window((5, "A", "C", 1, 0.1)), window((5, "A", "G", 1, 0.1)))
    assert found.present.tolist() == [[True, False], [False, True]]
    assert found.places.tolist() == [1, 1]


def test_ambiguous_alleles_by_frequency_as_named_or_not_at_all() -> None:
    # Second study: on the other strand; as named; cannot be told; without a frequency.
    first = window(*((i, "A", "T", 1, f) for i, f in enumerate((0.1, 0.2, 0.3, 0.1), 1)))
    second = window(
        (1, "A", "T", 1, 0.9), (2, "T", "A", 1, 0.8), (3, "A", "T", 1, 0.45), (4, "A", "T", 1, None)
    )
    nan = np.nan
    for policy, expected in {
        Policy("frequency", 0.4): [-1, -1, nan, nan],
        Policy("frequency", 0.46): [-1, -1, 1, nan],
        Policy("keep"): [1, -1, 1, 1],
    }.items():
        found, counts = matched(first, second, policy=policy)
        np.testing.assert_array_equal(found.numbers["beta"][1], expected)
        assert counts[1][match.UNDECIDED] == np.isnan(expected).sum()
    found, counts = matched(first, second, policy=Policy("drop"))
    assert not found.position.size and [c[match.AMBIGUOUS] for c in counts] == [4, 4]


def test_a_variant_twice_in_a_study_counts_once_or_not_at_all() -> None:
    study = window(
        (1, "A", "C", 1, 0.1), (1, "C", "A", -1, 0.9), (2, "A", "C", 1, 0.1), (2, "A", "C", 2, 0.1)
    )
    found, (counts,) = matched(study)
    assert found.position.tolist() == [1]
    assert counts == {match.DUPLICATE: 1, match.CONFLICTING: 2, "as in the first": 1}


def test_a_reference_says_what_the_variants_are() -> None:
    reference = window((1, "C", "A", None, 0.3), (2, "T", "A", None, 0.2), (3, "C", "A", None, 0.3))
    study = window(
        (1, "T", "G", 1, 0.7), (2, "T", "A", 1, 0.9), (3, "T", "A", 1, 0.1), (4, "A", "C", 1, 0.1)
    )
    found, (counts,) = matched(study, reference=reference)
    assert found.position.tolist() == [1, 2]
    assert found.numbers["beta"].tolist() == [[-1, -1]]
    assert found.effect_allele.to_pylist() == ["C", "T"]
    assert counts[match.NOT_THERE] == counts[match.OTHER_ALLELES] == 1


@pytest.mark.parametrize(
    ("variant", "left"),
    [
        ((8, "CA", "C"), (8, "CA", "C")),
        ((5, "A", "AA"), (3, "C", "CA")),  # CAAA: the insertion of A moves to its left end
        ((4, "AAA", "A"), (3, "CAA", "C")),
        ((10, "ACG", "ATG"), (11, "C", "T")),
        ((2, "GG", "G"), (1, "GG", "G")),  # at the start of the contig
    ],
)
def test_indels_move_to_the_left(variant: tuple, left: tuple) -> None:
    contig = "GGCAAATCACG"
    position, a, b = variant
    before = dict(enumerate(contig, start=1))
    assert alleles.leftmost(position, a, b, lambda place: before.get(place, "")) == left
