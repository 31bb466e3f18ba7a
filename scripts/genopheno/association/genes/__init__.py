"""Tests of sets of rare variants, gene by gene: burden, SKAT, SKAT-O, ACAT-V."""
