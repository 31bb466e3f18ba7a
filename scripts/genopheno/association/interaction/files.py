"""Interaction results as files: the table ``interactions``, its text, and a summary."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from genopheno import fields, pvalues, ssf
from genopheno.association import results
from genopheno.association.design import TraitDesign
from genopheno.association.interaction.terms import TESTS, Found
from genopheno.association.left_out import NOT_CONVERGED
from genopheno.files import write_json, writing
from genopheno.problems import fail

if TYPE_CHECKING:
    import pandas as pd

# Columns of the table, and where in `Found` they are: a number per product.
OF_TERM = {
    "beta:{term}": "beta",
    "standard_error:{term}": "standard_error",
    "neg_log10_p_value:{term}": "neg_log10_p",
    "robust_standard_error:{term}": "robust_error",
    "robust_neg_log10_p_value:{term}": "robust_p",
}
OF_VARIANT = {
    "neg_log10_p_value_interaction": "interaction",
    "neg_log10_p_value_joint": "joint",
    "robust_neg_log10_p_value_interaction": "robust_interaction",
    "robust_neg_log10_p_value_joint": "robust_joint",
}


def tsv_path(parquet: str | Path) -> Path:
    return Path(parquet).with_suffix("").with_name(f"{Path(parquet).stem}.tsv.gz")


@dataclass
class Rows:
    """Variants that were tested.

    Attributes
    ----------
    at : (n,) their indices.
    found : estimates.
    called, frequency : (n,) people with a genotype, frequency of the effect allele among them.
    cases : (n,) cases among these people; None: a quantitative trait.
    """

    at: np.ndarray
    found: Found
    called: np.ndarray
    frequency: np.ndarray
    cases: np.ndarray | None


class Table:
    """Rows of the table of one trait and covariate.

    Parameters
    ----------
    variants : of the source of the scan, all of them (`Genotypes.table`, `Dosages.table`).
    rsids : variant_id, rsid; None: no identifiers.
    terms : labels of the products, such as 'age' or 'sex=male'.
    """

    def __init__(
        self,
        variants: pa.Table,
        rsids: pd.DataFrame | pa.Table | None,
        terms: list[str],
        trait: TraitDesign,
        covariate: str,
    ):
        self.variants, self.terms = variants, terms
        unit = trait.info.get("unit", "") if trait.info.get("transform") == "none" else ""
        extra = []
        for term in terms:
            for family in OF_TERM:
                told = fields.member("interactions", family, term=term)
                extra.append(replace(told, unit=unit or told.unit) if "beta" in family else told)
        self.schema = fields.schema("interactions", extra=extra)
        self.rsids = results.rsids_of(variants, rsids)

    @contextmanager
    def writing(self, out: str | Path) -> Iterator[Callable[[pa.Table], None]]:
        """Both files, written beside and renamed; gives the function that appends rows."""
        with ExitStack() as stack:
            parquet, text = (stack.enter_context(writing(p)) for p in (out, tsv_path(out)))
            rows = stack.enter_context(
                pq.ParquetWriter(
                    parquet,
                    self.schema,
                    compression="zstd",
                    compression_level=1,
                    use_dictionary=results.REPEATED,
                )
            )
            lines = stack.enter_context(open(text, "wb"))
            lines.write(results.gzipped(ssf.header(self.schema.names)))

            def write(table: pa.Table) -> None:
                if table.num_rows:
                    rows.write_table(table)
                    lines.write(results.gzipped(ssf.lines(table, self.schema.names)))

            yield write

    def rows(self, rows: Rows) -> pa.Table:
        at, found, called, cases = rows.at, rows.found, rows.called, rows.cases
        index = pa.array(at)
        variants = self.variants.take(index)
        nothing = pa.nulls(len(at), pa.float64())

        def numbers(values: np.ndarray | None) -> pa.Array:
            return nothing if values is None else pa.array(values, from_pandas=True)

        def first(values: np.ndarray | None, j: int = 0) -> pa.Array:
            return nothing if values is None else numbers(np.ascontiguousarray(values[j]))

        columns = {
            "chromosome": variants["contig"],
            "base_pair_location": variants["position"],
            "effect_allele": variants["effect_allele"],
            "other_allele": variants["other_allele"],
            "beta": first(found.beta),
            "standard_error": first(found.standard_error),
            "effect_allele_frequency": pa.array(rows.frequency),
            "neg_log10_p_value": first(found.neg_log10_p),
            "robust_standard_error": first(found.robust_error),
            "robust_neg_log10_p_value": first(found.robust_p),
            "variant_id": variants["variant_id"],
            "rsid": pa.nulls(len(at), pa.string())
            if self.rsids is None
            else self.rsids.take(index),
            "n": pa.array(called),
            "n_cases": pa.nulls(len(at), pa.int32()) if cases is None else pa.array(cases),
            "n_controls": pa.nulls(len(at), pa.int32())
            if cases is None
            else pa.array(called - cases),
            "info": variants["info"] if "info" in variants.column_names else nothing,
            "test": pa.array(TESTS, pa.string()).take(pa.array(found.test)),
            "converged": pa.array(found.converged),
        }
        columns |= {name: numbers(getattr(found, part)) for name, part in OF_VARIANT.items()}
        for j, term in enumerate(self.terms, 1):
            for family, part in OF_TERM.items():
                columns[family.format(term=term)] = first(getattr(found, part), j)
        return pa.table(columns).select(self.schema.names).cast(self.schema)


def write_summary(
    out: str | Path,
    trait: TraitDesign,
    covariate: str,
    asked: dict,
    *,
    reason: str | None,
    n_variants: int,
    left_out: dict[str, int],
    coding: dict,
    parameters: dict,
) -> dict:
    """Write the JSON beside the table `out`, and return what it holds.

    Parameters
    ----------
    asked : terms and reference level of the covariate, from the design.
    reason : why nothing was tested; None: it was.
    n_variants : variants that were looked at.
    left_out : variants that were not tested, by reason.
    coding : how X, Y and the mitochondrion were coded (`Codings.summary`), and where there was
        no model (`not_fitted`).
    parameters : thresholds, written as they are.

    Raises
    ------
    StageError : the rows of the table and the variants left out are not those looked at.
    """
    names = ["test", "converged", *OF_VARIANT]
    table = pq.read_table(out, columns=names)
    there = table.num_rows + sum(left_out.values())
    if there != n_variants:
        raise fail(
            "interaction-rows",
            out,
            f"{there} variants are tested or left out, of {n_variants}",
            "Run it again; where it comes back, this is a fault of genopheno",
        )
    if reason is None and not table.num_rows:
        reason = "no variant is left to test"
    not_converged = table.num_rows - (pc.sum(table["converged"]).as_py() or 0)
    counted = {why: n for why, n in left_out.items() if n}
    if not_converged:
        counted[NOT_CONVERGED] = not_converged
    tests = {e["values"]: e["counts"] for e in pc.value_counts(table["test"]).to_pylist()}
    p = {name: np.asarray(table[name].to_numpy(), dtype=float) for name in OF_VARIANT}
    summary = {
        "trait": trait.name,
        "type": trait.type,
        "model": trait.model,
        "covariate": covariate,
        "terms": asked["terms"],
        "reference": asked["reference"],
        "covariates": trait.covariates,
        "notices": trait.info.get("notices", []),
        "n": trait.n,
        "n_cases": trait.n_cases,
        "n_controls": trait.n_controls,
        "n_looked_at": n_variants,
        "n_variants": table.num_rows - not_converged,
        "variants_left_out": counted,
        "tests": tests,
        "lambda_gc": {name: pvalues.lambda_gc(values) for name, values in p.items()},
        "coding": coding,
        "parameters": parameters,
        "reason": reason,
    }
    write_json(Path(out).with_suffix(".json"), summary)
    return summary
