"""Results of a made-up cohort, written through the registry, for tests of the report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from genopheno import fields
from genopheno.association import inflation
from genopheno.files import write_json, write_text
from tests.unit.made_calibration import make_calibration

EVIL = "<script>alert(1)</script>"


def make_results(
    root: Path, *, people: int = 100, variants: int = 5000, traits: tuple[str, ...] = ("ldl", "t2d")
) -> Path:
    """Results of a made-up cohort: the last sample fails, the first bears an ill-meant name."""
    rng = np.random.default_rng(7)
    sample = np.array([f"S{i:04d}" for i in range(people)], dtype=object)
    sample[0] = f"S0{EVIL}"
    person = np.array([f"P{i:04d}" for i in range(people)], dtype=object)
    coverage = rng.gamma(30, 0.4, people)
    coverage[-1] = 1.7
    mapped = np.clip(rng.beta(200, 2, people), 0, 1)
    verdict = np.where(coverage < 4, "fail", np.where(coverage < 10, "warn", "pass"))
    qc = pd.DataFrame(dict.fromkeys(fields.names("sample_qc")), index=range(people))
    qc = qc.assign(
        sample=sample,
        participant=person,
        verdict=verdict,
        reasons=[
            "" if v == "pass" else f"mean coverage {c:.2f} is below {4 if v == 'fail' else 10}"
            for v, c in zip(verdict, coverage, strict=True)
        ],
        reads=rng.integers(9000, 30000, people),
        q30_fraction=rng.beta(90, 8, people),
        mapped_fraction=mapped,
        properly_paired_fraction=mapped * 0.98,
        duplicate_fraction=rng.beta(4, 60, people),
        mismatch_rate=rng.beta(3, 600, people),
        mean_coverage=coverage,
        breadth_1x=1 - np.exp(-coverage),
        breadth_10x=np.clip(coverage / 20, 0, 1),
        call_rate=1 - np.exp(-coverage / 1.8),
        insert_size_mean=rng.normal(350, 12, people),
        n_singletons=rng.integers(2, 60, people),
        ti_tv=rng.normal(2.1, 0.08, people),
    )
    numeric = [f.name for f in fields.TABLES["sample_qc"] if f.type != "string"]
    qc[numeric] = qc[numeric].astype(float)
    ints = [f.name for f in fields.TABLES["sample_qc"] if f.type.startswith("int")]
    qc[ints] = qc[ints].astype("Int64")
    fields.write(root / "qc/samples.parquet", qc, "sample_qc")
    for name, depth in zip(sample[1:], coverage[1:], strict=True):
        at = np.arange(0, 60)
        share = 1 - np.cumsum(np.exp(-depth) * np.cumprod(np.r_[1, depth / np.arange(1, 60)]))
        lines = [f"total\t{d}\t{max(s, 0):.2f}" for d, s in zip(at[::-1], share[::-1], strict=True)]
        write_text(root / f"qc/{name}/{name}.mosdepth.global.dist.txt", "\n".join(lines) + "\n")

    chrom = np.sort(rng.integers(1, 23, variants))
    position = np.concatenate(
        [np.sort(rng.integers(1, 240_000_000 // (3 + c), (chrom == c).sum())) for c in range(1, 23)]
    ).astype(np.int32)
    bases = np.array(["A", "C", "G", "T"], dtype=object)
    ref = bases[rng.integers(0, 4, variants)]
    swap = {"A": "G", "G": "A", "C": "T", "T": "C"}
    alt = np.array(
        [swap[r] if rng.random() < 0.67 else next(b for b in bases if b != r) for r in ref],
        dtype=object,
    )
    alt[::9] += "TG"
    contig = np.array([f"chr{c}" for c in chrom], dtype=object)
    variant = [f"{c}:{p}:{r}:{a}" for c, p, r, a in zip(contig, position, ref, alt, strict=True)]
    rsid = np.array([f"rs{n}" if n % 3 else None for n in range(1000, 1000 + variants)], object)
    gene = np.array([f"GENE{n % 211}" if n % 2 else None for n in range(variants)], object)
    terms = np.array(
        ["stop_gained", "missense", "synonymous", "intron", "5_prime_utr", "intergenic"], object
    )
    ranks = np.array(["HIGH", "MODERATE", "LOW", "MODIFIER", "MODIFIER", "MODIFIER"], object)
    kind = rng.choice(6, variants, p=[0.004, 0.03, 0.04, 0.5, 0.026, 0.4])
    named = pd.DataFrame(
        {
            "variant_id": variant,
            "contig": contig,
            "position": position,
            "reference": ref,
            "alternate": alt,
            "rsid": rsid,
            "gene_symbol": gene,
            "consequence": terms[kind],
            "impact": ranks[kind],
        }
    )
    sites = named.assign(
        quality=rng.gamma(8, 40, variants),
        filters=np.where(rng.random(variants) < 0.06, "LowQual", "PASS"),
    )
    sites = sites.assign(**dict.fromkeys(set(fields.names("sites")) - set(sites)))
    fields.write(root / "annotated/sites.parquet", sites, "sites")
    write_json(
        root / "annotated/annotation.json",
        {
            "records_in": variants,
            "records_out": variants,
            "engine": {"name": "bcftools csq", "version": "1.24"},
            "genes": {
                "used": {"transcripts": 4012},
                "left_out": {"n": 31, "reasons": [f"transcript:T{n}{EVIL}" for n in range(25)]},
            },
            "databases": {
                "clinvar": {
                    "alleles_annotated": 105,
                    "fraction_annotated": 0.021,
                    "fields": {"CLNSIG": 105, "CLNREVSTAT": 1005},
                    "floor": 0.01,
                    "source": "NCBI",
                    "version": "2024-05",
                },
                "gnomad": {"fraction_annotated": 0.87, "fields": ["AF"], "floor": None},
            },
            "warnings": ["gnomad holds little"],
        },
    )
    frequency = rng.beta(0.3, 1.4, variants)
    ac = rng.binomial(2 * people - 2, frequency)
    call_rate = np.clip(rng.beta(40, 1, variants), 0, 1)
    reasons = np.where(
        sites["filters"] != "PASS", "filter LowQual", np.where(call_rate < 0.9, "call rate", "")
    )
    reasons = np.where((reasons == "") & (ac == 0), "one allele only", reasons)
    cohort = named.assign(
        call_rate=call_rate,
        allele_count=ac,
        allele_number=2 * people - 2,
        allele_frequency=ac / (2 * people - 2),
        n_hom_ref=0,
        n_het=ac,
        n_hom_alt=0,
        hwe_p_value=rng.random(variants),
        passes=reasons == "",
        reasons=reasons,
    )
    fields.write(root / "cohort/variants.parquet", cohort, "cohort_variants")
    kept = verdict != "fail"
    sex = np.array(["female", "male"], object)[rng.integers(0, 2, people)]
    joined = pd.DataFrame(
        {
            "sample": sample,
            "participant": person,
            "sex": sex,
            "verdict": verdict,
            "call_rate": qc["call_rate"].astype(float),
            "n_het": 10,
            "n_hom_var": 5,
            "n_singleton": 1,
            "r_ti_tv": 2.0,
            "r_het_hom_var": 1.5,
        }
    )[kept]
    fields.write(root / "cohort/samples.parquet", joined, "cohort_samples")
    write_json(
        root / "cohort/join.json",
        {
            "samples": {
                "dropped": [
                    {"sample": s, "participant": p, "reason": "failed sample QC: low"}
                    for s, p in zip(sample[~kept], person[~kept], strict=True)
                ]
            },
            "participants": {
                "without_genotypes": [*person[~kept], "P9001", "P9002"],
                "without_phenotypes": [],
            },
        },
    )
    write_json(root / "calls/gather.json", {"records_in": variants, "records_out": variants})
    write_json(
        root / "calls/combine.json",
        {
            "alleles": variants + 11,
            "spanning_deletions_removed": 7,
            "alleles_without_genotype_removed": 4,
            "alleles_not_left_aligned_removed": 3,
            "records_out": variants,
            "samples": people,
            "added": ["S0001", "S0002"],
            "changed": [],
            "removed": [],
        },
    )
    write_json(
        root / "submission/receipt.json",
        {
            "sheet": {"file": "config/samples.csv", "size": 812, "md5": "0" * 32},
            "counts": {"units": people + 20, "samples": people},
            "units": [{"files": [{"file": f"reads/{EVIL}.fq.gz", "size": 9, "md5": "a" * 32}]}],
        },
    )

    population = np.where(np.arange(people) < people * 0.6, "north", "south")
    n = int(kept.sum())
    scores = rng.normal(0, 1, (n, 6))
    scores[:, 0] += np.where(population[kept] == "north", -2.2, 2.2)
    unrelated = np.ones(n, bool)
    unrelated[3] = False
    fields.write(
        root / "structure/components.parquet",
        pd.DataFrame({"sample": sample[kept], "unrelated": unrelated, "scores": list(scores)}),
        "components",
    )
    pairs = pd.DataFrame(
        {
            "sample_1": [sample[3], sample[0], sample[7]],
            "sample_2": [sample[4], sample[1], sample[8]],
            "n_variants": 900,
            "ibs0": [0.001, 0.02, 0.04],
            "kinship": [0.251, 0.121, 0.06],
            "relationship": ["first-degree", "second-degree", "third-degree"],
        }
    )
    fields.write(root / "structure/kinship.parquet", pairs, "kinship")
    group = np.where(population[kept] == "north", "north group", EVIL)
    group[5] = "unassigned"
    fields.write(
        root / "structure/samples.parquet",
        pd.DataFrame(
            {
                "sample": sample[kept],
                "family": None,
                "unrelated": unrelated,
                "group": group,
                "group_probability": 0.99,
                "isolation": np.where(np.arange(n) == 9, 8.25, 0.1),
                "outlier": np.arange(n) == 9,
                "reasons": np.where(np.arange(n) == 5, "unassigned: far", ""),
            }
        ),
        "structure_samples",
    )
    write_json(
        root / "structure/structure.json",
        {
            "ancestry": {
                "groups": {"north group": 70, EVIL: 49, "unassigned": 1},
                "leave_one_out": {"north group": {"north group": 39, EVIL: 1}, EVIL: {EVIL: 20}},
                "leave_one_out_accuracy": 59 / 60,
                "n_variants": 880,
            },
            "eigenvalues": [9.1, 3.2, 2.2, 2.1, 2.0, 1.9],
            "variance_fraction": [0.12, 0.04, 0.03, 0.03, 0.025, 0.02],
            "n_variants_components": 900,
            "notes": [],
        },
    )

    phenotypes = pd.DataFrame({"participant": person, "population": population, "sex": sex})
    declared = []
    for i, name in enumerate(traits):
        binary = i % 2 == 1
        y = rng.integers(0, 2, people).astype(float) if binary else rng.normal(3.1, 0.8, people)
        y[rng.random(people) < 0.04] = np.nan
        phenotypes[name] = y
        kind = {"name": name, "type": "binary" if binary else "quantitative"}
        kind |= {"unit": "" if binary else "mmol/L", "transform": "none", "covariates": ["age"]}
        declared.append(kind)
        log_p = -np.log10(rng.random(variants))
        log_p[240:246] = [6.2, 8.9, 31.4, 11.0, 5.4, 4.2]
        tested = np.asarray(ac) >= 10
        table = pd.DataFrame(
            {
                "chromosome": [c.removeprefix("chr") for c in contig],
                "base_pair_location": position,
                "effect_allele": alt,
                "other_allele": ref,
                "beta": rng.normal(0, 0.2, variants),
                "standard_error": 0.1,
                "effect_allele_frequency": frequency,
                "neg_log10_p_value": log_p,
                "variant_id": variant,
                "rsid": rsid,
                "n": int(np.isfinite(y).sum()),
                "n_cases": pd.array([int((y == 1).sum()) if binary else None] * variants, "Int32"),
                "n_controls": pd.array(
                    [int((y == 0).sum()) if binary else None] * variants, "Int32"
                ),
                "effect_allele_frequency_cases": frequency if binary else np.nan,
                "effect_allele_frequency_controls": frequency if binary else np.nan,
                "info": np.nan,
                "test": np.where(log_p > 4, "firth", "score") if binary else "linear",
                "converged": True,
            }
        )
        tested[240:246] = True
        fields.write(root / f"association/{name}.parquet", table[tested], "association")
        declared[-1] |= {"n": int(np.isfinite(y).sum())}
        cases = (int((y == 1).sum()), int((y == 0).sum())) if binary else (None, None)
        declared[-1] |= inflation.summary(
            lambda p=log_p[tested], f=frequency[tested]: [(p, f)], *cases
        )
        declared[-1] |= {"variants_left_out": {"minor allele count below 10": int((~tested).sum())}}
    phenotypes["age"] = rng.integers(20, 80, people).astype(float)
    root.joinpath("phenotypes").mkdir(parents=True)
    make_matrices(root / "matrices")
    phenotypes.to_parquet(root / "phenotypes/phenotypes.parquet")
    write_json(root / "phenotypes/traits.json", {"participants": people + 2, "traits": declared})
    write_json(root / "association/scan.json", {"traits": declared})
    make_calibration(root / "association", traits)
    root.joinpath("summaries").mkdir()
    shift = np.clip(frequency + rng.normal(0, 0.06, variants), 0, 1)
    pd.concat(
        pd.DataFrame(
            {"variant_id": variant, "group": "population", "level": level, "allele_frequency": f}
        )
        for level, f in (("north", frequency), ("south", shift))
    ).to_parquet(root / "summaries/frequencies.parquet")
    pd.DataFrame(
        {"group": ["all", "sex"], "level": ["all", "female"], "people": [n, 40], "ti_tv": 2.1}
    ).to_parquet(root / "summaries/groups.parquet")
    return root


def make_matrices(folder: Path) -> None:
    """Some of the matrices: one table of two files, the genes, and a folder."""
    write_json(folder / "matrices.json", {"variants": 4321, "samples": 99, "variants_left_out": 7})
    schema = fields.schema("matrix_sites")
    for contig, rows in (("chr1", 3), ("chr2", 2)):
        (folder / "sites.parquet").mkdir(exist_ok=True)
        table = pa.table({f.name: pa.nulls(rows, f.type) for f in schema}, schema=schema)
        pq.write_table(table, folder / f"sites.parquet/{contig}.parquet")
    genes = pd.DataFrame(
        [
            ("G1", "APOB", 1, 40, 0, 2),
            ("G2", None, 5, 9, 1, 0),
            ("G3", f"LPA{EVIL}", 7, 8, 0, 0),
            ("G4", "LDLR", 3, 30, 1, 3),
        ],
        columns=["gene_id", "gene_symbol", "start", "n_variants", "n_high", "n_moderate"],
    )
    genes = genes.assign(contig="chr1", end=genes["start"])
    fields.write(folder / "genes.parquet", genes, "matrix_genes")
    (folder / "cohort.mt").mkdir()
    (folder / "cohort.mt/_SUCCESS").write_text("12345")
