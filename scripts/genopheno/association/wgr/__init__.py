"""Whole-genome regression, step 1 (Mbatchou et al. 2021, Nature Genetics 53:1097).

`blocks` cuts the genome, `level0` makes ridge predictions of every block, `level1` joins
them by ridge with cross-validation, `fit` does so for every trait of a design, and `loco`
holds the leave-one-chromosome-out predictions and their files."""
