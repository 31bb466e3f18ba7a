"""A sample leaves the cohort: out of the store at once, and told where else it is named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from genopheno.cohort import store
from genopheno.cohort.session import hail_session
from genopheno.problems import StageError, fail

# What is made of all samples together; it is made anew by the next run.
COHORT = (
    "calls/called.bcf",
    "calls/cohort.bcf",
    "annotated/cohort.vcf.gz",
    "cohort/cohort.mt",
    "cohort/genotypes.fam",
    "matrices",
)


def withdraw(
    store_dir: Path, samples: Sequence[str], *, threads: int = 1, memory_mb: int = 4000
) -> int:
    """Write the parts that hold these samples anew without them; the old parts are removed.

    Returns
    -------
    Samples that are left in the store.

    Raises
    ------
    StageError : a sample is not in the store (none is taken out then), or it is in use.
    """
    with store.locked(store_dir):
        state = store.read(store_dir)
        unknown = [sample for sample in samples if sample not in state["samples"]]
        if unknown:
            raise StageError(
                *(
                    fail(
                        "withdraw-unknown",
                        store_dir,
                        f"sample {sample} is not in it",
                        "Names are those of the sheet; store.json lists them",
                    ).problems[0]
                    for sample in unknown
                )
            )
        with hail_session(store_dir / ".hail", memory_mb=memory_mb, threads=threads) as hl:
            store.take_out(hl, store_dir, state, set(samples))
        return len(state["samples"])


def traces(results: Path, tables: Sequence[Path], samples: Sequence[str]) -> list[str]:
    """Where samples are still named, as lines for people.

    Looks at the sheets and tables that were handed in, at the files of `results` that carry
    the sample's name, and names what is made of all samples together.
    """
    lines = []
    for table in tables:
        if not table.is_file() or table.suffix == ".parquet":
            continue
        for number, row in enumerate(table.read_text(errors="replace").splitlines(), start=1):
            named = [s for s in samples if s in row.replace("\t", ",").split(",")]
            lines += [f"{table}, line {number} names {s}: delete the row" for s in named]
    for sample in samples:
        for path in sorted(results.glob("**/*")):
            inside = path.relative_to(results)
            if "store" in inside.parts or any(p.startswith(".") for p in inside.parts):
                continue
            if path.name == sample or path.name.startswith(f"{sample}."):
                lines.append(f"{path} is of {sample}: delete it")
    together = [str(results / name) for name in COHORT if (results / name).exists()]
    if together:
        lines.append(
            f"Made of all samples, until the next run makes them anew: {', '.join(together)}"
        )
    return lines
