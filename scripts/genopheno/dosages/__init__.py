"""Imputed genotypes (VCF with DS or GP, BGEN, PLINK 2) in the one form that the scan reads."""
