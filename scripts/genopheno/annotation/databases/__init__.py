"""Site databases (ClinVar, gnomAD, dbSNP, scores ...) brought into the form of the calls.

`prepare` brings any VCF, BED or table into one form, `lookup` gives the command that takes
its fields over, `floor_problem` judges how much was found. A prepared database is a
block-gzipped table with a tabix index: bcftools annotate reads such a table from the middle
of a pipe, while a VCF needs an index on both sides (docs/databases.md has the times).
"""

from genopheno.annotation.databases.columns import Column
from genopheno.annotation.databases.lookup import floor_problem, lookup
from genopheno.annotation.databases.prepare import prepare
from genopheno.annotation.databases.prepared import Prepared, read_prepared

__all__ = [
    "Column",
    "Prepared",
    "floor_problem",
    "lookup",
    "prepare",
    "read_prepared",
]
