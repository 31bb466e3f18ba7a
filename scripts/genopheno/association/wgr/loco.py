"""Leave-one-chromosome-out predictions and their files.

The prediction of a trait that a variant is tested with must not hold the variant itself,
nor its neighbours: for each contig it is the sum over all *other* contigs. With a single
contig nothing is left, and its predictions are 0. The sum over all contigs serves those
that have no variant in step 1.

``loco.parquet`` is the table ``loco``: per trait, contig and person the prediction in
units of the trait (after its transform) or log odds; a row group per trait and contig, the
contig null for the whole genome. ``loco.json`` beside it says how it
was made, and why a trait has none. REGENIE's text format holds the predictions of
quantitative traits in standard deviations of the trait freed of its covariates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from genopheno import fields
from genopheno.association.design import TraitDesign
from genopheno.files import read_json, write_json, write_text, writing
from genopheno.problems import fail

REGENIE_CHROMOSOMES = 23  # REGENIE asks for a row of each


@dataclass
class Loco:
    """Predictions of the traits of a design.

    Attributes
    ----------
    samples : names, in the order of the predictions.
    predictions : trait -> contig -> (samples,) float64; NaN where the sample is not used.
        The contig None is the whole genome.
    info : what ``loco.json`` holds; ``traits``: one entry each, ``reason`` where a trait
        has no predictions.
    """

    samples: list[str]
    predictions: dict[str, dict[str | None, np.ndarray]]
    info: dict = field(default_factory=dict)

    @property
    def reasons(self) -> dict[str, str | None]:
        """Why a trait has no predictions, for each that was tried."""
        return {entry["name"]: entry["reason"] for entry in self.info.get("traits", [])}

    def of(self, trait: str, contig: str) -> np.ndarray:
        """Predictions (samples,) for testing variants of `contig`."""
        contigs = self.predictions[trait]
        return contigs.get(contig, contigs[None])

    def write(self, path: str | Path) -> None:
        """Write the table and the JSON of the same name beside it."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = Path(path)
        schema = fields.schema("loco")
        samples = pa.array(self.samples, pa.string())
        with writing(path) as beside, pq.ParquetWriter(beside, schema, compression="zstd") as out:
            for trait, contigs in self.predictions.items():
                for contig, values in contigs.items():
                    known = ~np.isnan(values)
                    n = int(known.sum())
                    columns = {
                        "trait": pa.array([trait] * n, pa.string()),
                        "chromosome": pa.array([contig] * n, pa.string()),
                        "sample": samples.filter(pa.array(known)),
                        "prediction": pa.array(values[known]),
                    }
                    out.write_table(pa.table(columns, schema=schema))
        write_json(path.with_suffix(".json"), self.info)

    def write_regenie(self, folder: str | Path, fam: str | Path) -> None:
        """Write ``{trait}.loco`` for each trait, and ``pred.list``, as REGENIE reads them.

        Parameters
        ----------
        fam : the ``.fam`` file of the genotypes, for the family names.
        """
        from genopheno.ssf import chromosome

        folder = Path(folder)
        scales = {entry["name"]: entry.get("scale", 1.0) for entry in self.info["traits"]}
        cells = (line.split()[:2] for line in Path(fam).read_text("utf-8").splitlines())
        family = {iid: fid for fid, iid in (pair for pair in cells if pair)}
        names = [f"{family[sample]}_{sample}" for sample in self.samples]
        for trait, contigs in self.predictions.items():
            rows = {chromosome(c): values for c, values in contigs.items() if c is not None}
            text = [" ".join(["FID_IID", *names])]
            for number in map(str, range(1, REGENIE_CHROMOSOMES + 1)):
                values = rows.get(number, contigs[None]) / scales[trait]
                text.append(" ".join([number, *(_number(value) for value in values)]))
            write_text(folder / f"{trait}.loco", "\n".join(text) + "\n")
        listed = (f"{t} {(folder / f'{t}.loco').resolve()}\n" for t in self.predictions)
        write_text(folder / "pred.list", "".join(listed))


def missing(loco: Loco | None, trait: TraitDesign) -> str | None:
    """Why step 1 has no predictions of a trait; None: it has them, of the trait's people.

    Raises
    ------
    StageError : step 1 was not asked for them, or they are of other people.
    """
    known = loco.predictions.get(trait.name) if loco else None
    reason = loco.reasons.get(trait.name) if loco else None
    if known is None and reason is None:
        raise fail(
            "loco-missing",
            "--loco",
            f"trait {trait.name} is tested by whole-genome regression, "
            "and there are no predictions of it",
            "Run 'genopheno loco' on the same design first",
        )
    if known is None:
        return f"whole-genome regression, step 1: {reason}"
    used = ~np.isnan(known[None])
    if not np.array_equal(used, trait.used):
        raise fail(
            "loco-other-people",
            "--loco",
            f"trait {trait.name}: {int(used.sum())} people have predictions, "
            f"{trait.n} are tested, {int((used & trait.used).sum())} are both",
            "Run 'genopheno loco' on the same design",
        )
    return None


def _number(value: float) -> str:
    return "NA" if np.isnan(value) else f"{value:.6g}"


def read(path: str | Path, samples: Sequence[str]) -> Loco:
    """Read what `Loco.write` wrote, in the order of `samples`.

    Raises
    ------
    StageError : the file holds samples that are not among `samples`.
    """
    import pyarrow.parquet as pq

    path = Path(path)
    place = {sample: i for i, sample in enumerate(samples)}
    predictions: dict[str, dict[str | None, np.ndarray]] = {}
    source = pq.ParquetFile(path)
    for group in range(source.num_row_groups):
        table = source.read_row_group(group)
        names = table["sample"].to_pylist()
        absent = [name for name in names if name not in place]
        if absent:
            raise fail(
                "loco-sample-unknown",
                path,
                f"{len(absent)} samples have no genotypes, such as {', '.join(absent[:5])}",
                "Make the predictions from the same genotypes",
            )
        values = np.full(len(samples), np.nan)
        values[[place[name] for name in names]] = table["prediction"].to_numpy()
        trait, contig = table["trait"][0].as_py(), table["chromosome"][0].as_py()
        predictions.setdefault(trait, {})[contig] = values
    return Loco(list(samples), predictions, read_json(path.with_suffix(".json")))
