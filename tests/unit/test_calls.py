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


def test_dosages_tell_a_row_of_plain_calls():
    dosages = np.array([[0, 1, 2, -1]], np.int8)
    codes = calls.codes(dosages)
    assert [calls.TEXT[c] for c in codes[0]] == ["0/0", "0/1", "1/1", "./."]
    assert calls.plain(codes).tolist() == [True]
    assert (calls.dosages(codes) == dosages).all()
    for other in ("1/0", "0|0", "1", "./1"):
        codes[0, 0] = calls.TEXT.index(other)
        assert calls.plain(codes).tolist() == [False], other


def test_an_allele_beyond_the_first_alternate_is_refused():
    assert calls.encode(np.array([[2, 6]], np.uint8))[0] == calls.REFUSED
