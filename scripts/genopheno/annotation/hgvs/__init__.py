"""Changes of transcripts and proteins in HGVS nomenclature (hgvs-nomenclature.org, 21.0)."""

from genopheno.annotation.hgvs.describe import Describer

__all__ = ["Describer"]
