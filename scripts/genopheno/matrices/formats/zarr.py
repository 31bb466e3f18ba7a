"""VCF Zarr, by bio2zarr from a BCF, read by sgkit and vcztools."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from genopheno.matrices.formats import vcf
from genopheno.matrices.formats.plan import Block, Plan


def write(folder: Path, name: str, plan: Plan, blocks: Iterable[Block]) -> list[Path]:
    """Write the directory ``name``."""
    import zarr
    from bio2zarr import vcf as bio2zarr

    source, _ = vcf.write(folder, "source.bcf", plan, blocks)
    target = folder / name
    bio2zarr.convert(
        [source],
        target,
        worker_processes=plan.threads if plan.threads > 1 else 0,
        icf_path=folder / "source.icf",
        ploidy=2,
    )
    # One file of metadata in the place of one per column: sgkit opens it at once.
    zarr.consolidate_metadata(str(target))
    return [target]
