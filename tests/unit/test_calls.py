"""Codes of genotype calls, held against how pysam writes the same calls into BCF."""

import numpy as np
import pytest

from genopheno import calls


def test_every_code_survives_the_way_to_bcf_and_back():
    every = np.arange(calls.N_CODES, dtype=np.int8)
    back = calls.encode(calls.decode(every))
    phased_haploid = (calls.SECOND == calls.HAPLOID) & calls.PHASED
    assert (back[~phased_haploid] == every[~phased_haploid]).all()
    # A haploid call has no phase: its two codes are one call.
    assert (back[phased_haploid] == every[phased_haploid] - 12).all()


@pytest.mark.parametrize(
    ("text", "code", "dosage"),
    [
        ("0/0", 0, 0),
        ("0/1", 3, 1),
        ("1/0", 1, 1),
        ("1/1", 4, 2),
        ("./.", 8, -1),
        ("0|1", 15, 1),
        ("1|0", 13, 1),
        ("./1", 5, -1),
        ("1|.", 19, -1),
        ("0", 9, 0),
        ("1", 10, 1),
        (".", 11, -1),
    ],
)
def test_code_dosage_and_text_of_a_call(text, code, dosage):
    assert calls.TEXT[code] == text
    assert calls.dosages(np.array([code], np.int8))[0] == dosage


def codes_of(*rows):
    return np.array([[calls.TEXT.index(text) for text in row.split()] for row in rows], np.int8)


@pytest.mark.parametrize(
    ("row", "phased", "marked"),
    [
        ("0/0 0/1 1/1 ./.", False, []),
        ("0|0 0|1 1|1 ./.", True, []),
        ("0|0 1|0 1|1 0|1", True, ["1|0"]),
        ("0/0 1/0 0|0 ./1", False, ["1/0", "0|0", "./1"]),
        ("0|1 ./. ./. .|.", True, [".|."]),  # ./. has no say
        ("0|0 0/0 0 1", False, ["0|0", "0", "1"]),  # a draw
        ("0 1 . 0|1", True, ["0", "1", "."]),
        ("./. ./. ./. ./.", False, []),
    ],
)
def test_marks_tell_what_dosages_and_the_phase_of_the_row_do_not(row, phased, marked):
    codes = codes_of(row)
    found, marks = calls.compact(codes)
    assert found.tolist() == [phased]
    assert [calls.TEXT[mark - 1] for mark in marks[0] if mark] == marked
    back = calls.exact(calls.dosages(codes), found, marks)
    assert [calls.TEXT[code] for code in back[0]] == row.split()
    if not marked:
        assert (calls.plain(calls.dosages(codes), found) == codes).all()


def test_any_calls_come_back_from_dosages_phase_and_marks():
    every = calls.encode(calls.decode(np.arange(calls.N_CODES, dtype=np.int8)))
    codes = np.random.default_rng(1).choice(np.unique(every), (500, 9))
    codes[::5] = 12  # rows of one kind among them
    phased, marks = calls.compact(codes)
    assert phased.any() and not phased.all() and not marks[::5].any()
    assert (calls.exact(calls.dosages(codes), phased, marks) == codes).all()


def test_an_allele_beyond_the_first_alternate_is_refused():
    assert calls.encode(np.array([[2, 6]], np.uint8))[0] == calls.REFUSED
