"""Made-up variants for PLINK filesets."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd


def variants_at(contig: Sequence[str], position: Sequence[int]) -> pd.DataFrame:
    """Variants G>A, as `genopheno.genotypes.write_bed` takes them."""
    return pd.DataFrame(
        {
            "variant_id": [f"{c}:{p}:G:A" for c, p in zip(contig, position, strict=True)],
            "contig": contig,
            "position": position,
            "effect_allele": "A",
            "other_allele": "G",
        }
    )
