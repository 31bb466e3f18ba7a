"""Genotypes, annotation, verdicts, people and phenotypes become one cohort.

Made here, in `out_dir`:

``cohort.mt``
    Hail MatrixTable of every site of the VCF and every kept sample. Columns, keyed by `s`:
    participant, sex, verdict, mean_coverage, and `phenotypes`, a struct of the phenotype table.
    Rows, keyed by locus and alleles: the caller's fields (qual, filters, info), `site` (the
    site table), `variant_qc`, and `passes` with `reasons`. Entries: the FORMAT fields.
    Globals: parameters, versions and trait declarations (JSON).
``genotypes.bed``, ``.bim``, ``.fam``
    PLINK 1 fileset of passing variants and kept samples. Allele 1 is the alternate allele;
    identifiers are contig:position:reference:alternate; FID is 0, phenotype NA.
``variants.parquet``, ``samples.parquet``, ``join.json``
    All sites with counts and reasons; kept samples with their QC; what was dropped and why.

Which variants pass
    The caller's filters, two alleles of bases (no ``*`` nor symbolic allele), the call rate,
    Hardy-Weinberg equilibrium, and both alleles seen among the kept samples. Several reasons
    may apply to one variant; each is counted.

Haploid calls
    They stay as called in ``cohort.mt`` and count one allele. The Hardy-Weinberg test looks at
    diploid calls only. In the PLINK fileset, which has no haploid genotypes, a haploid call is
    the homozygote of its allele, so that men on X are 0 or 2, as in PLINK and REGENIE.
"""

from __future__ import annotations

import csv
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pandas as pd

from genopheno import fields
from genopheno.cohort import exchange
from genopheno.cohort.people import People, select
from genopheno.cohort.session import SMALL, hail_session
from genopheno.files import read_json, write_json, writing
from genopheno.problems import fail

if TYPE_CHECKING:
    import hail as hl

PLINK = (".bed", ".bim", ".fam")


def join(
    vcf: str | Path,
    sites_parquet: str | Path,
    verdicts_parquet: str | Path,
    units_tsv: str | Path,
    phenotypes_parquet: str | Path,
    traits_json: str | Path,
    out_dir: str | Path,
    *,
    build: str = "unnamed",
    min_call_rate: float = 0.9,
    min_hwe_p_value: float = 1e-10,
    min_genotype_quality: int = 0,
    threads: int = 1,
    memory_mb: int = 4000,
    spark_conf: dict[str, str] | None = None,
) -> None:
    """Build the cohort (see the module's text for what is written).

    Parameters
    ----------
    vcf : bgzip VCF, one alternate allele per record, contigs with lengths in its header.
    sites_parquet : table `sites`, one row per record of `vcf`.
    verdicts_parquet : table `sample_qc`. units_tsv : table `units`.
    phenotypes_parquet, traits_json : what `genopheno phenotypes` wrote.
    build : name of the genome build.
    min_call_rate : fraction of kept samples with a genotype, at least.
    min_hwe_p_value : exact mid-p of Hardy-Weinberg equilibrium, at least; 0: no test.
    min_genotype_quality : genotypes of lower GQ become missing (Phred); 0: keep all.

    Raises
    ------
    StageError : no samples, no variants, none that pass, no matched phenotypes, or fewer
        records than the site table has.
    """
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    called, contigs = exchange.vcf_header(vcf)
    traits = read_json(traits_json)["traits"]
    people = select(
        called,
        _read_units(units_tsv),
        fields.read(verdicts_parquet, ["sample", "verdict", "reasons", "mean_coverage"]),
        fields.read(phenotypes_parquet),
        traits,
    )
    n_sites = _count_rows(sites_parquet)
    parameters = {
        "build": build,
        "min_call_rate": min_call_rate,
        "min_hwe_p_value": min_hwe_p_value,
        "min_genotype_quality": min_genotype_quality,
    }
    tmp_dir = out_dir / ".hail-join"
    with (
        hail_session(
            tmp_dir,
            memory_mb=memory_mb,
            threads=threads,
            small=Path(vcf).stat().st_size < SMALL,
            spark_conf=spark_conf,
        ) as hl,
        writing(out_dir / "cohort.mt") as matrix,
    ):
        rg = exchange.genome(hl, build, contigs)
        mt = hl.import_vcf(
            exchange.uri(vcf), force_bgz=True, reference_genome=rg, array_elements_required=False
        )
        versions = {"hail": hl.version(), "spark": hl.spark_context().version}
        mt = mt.annotate_globals(
            parameters=hl.struct(**parameters),
            versions=hl.struct(**versions),
            traits=[_trait(hl, trait) for trait in traits],
        )
        mt = add_people(mt, people)
        mt = mt.annotate_rows(site=exchange.read_sites(hl, sites_parquet, rg, tmp_dir)[mt.row_key])
        mt = drop_poor_genotypes(mt, min_genotype_quality, vcf)
        mt = judge_variants(mt, min_call_rate, min_hwe_p_value)
        mt.write(exchange.uri(matrix))

        mt = hl.read_matrix_table(exchange.uri(matrix))
        counts = _check_variants(_count_variants(mt), n_sites, vcf)
        exchange.write_table(
            _variant_table(mt), out_dir / "variants.parquet", "cohort_variants", tmp_dir
        )
        _check_unique(out_dir / "variants.parquet", vcf)
        passing = mt.filter_rows(mt.passes)
        _write_samples(passing, people.frame, out_dir / "samples.parquet")
        _write_plink(passing, tmp_dir / "genotypes")
        for ending in PLINK:
            (tmp_dir / f"genotypes{ending}").replace(out_dir / f"genotypes{ending}")
    write_json(
        out_dir / "join.json",
        people.report | counts | {"parameters": parameters, "versions": versions},
    )


def _read_units(path: str | Path) -> pd.DataFrame:
    with open(path, encoding="utf-8", newline="") as handle:
        return pd.DataFrame(csv.DictReader(handle, delimiter="\t"))


def _count_rows(path: str | Path) -> int:
    import pyarrow.parquet as pq

    return pq.ParquetFile(path).metadata.num_rows


def _trait(hl: ModuleType, trait: dict[str, Any]) -> hl.Expression:
    return hl.struct(
        name=trait["name"],
        type=trait["type"],
        unit=trait.get("unit") or "",
        transform=trait.get("transform") or "none",
        covariates=hl.literal(list(trait.get("covariates") or []), hl.tarray(hl.tstr)),
    )


def add_people(mt: hl.MatrixTable, people: People) -> hl.MatrixTable:
    """Keep the chosen samples and annotate each with its person and phenotypes."""
    import hail as hl

    kinds = {"f": hl.tfloat64, "i": hl.tfloat64, "u": hl.tfloat64, "b": hl.tbool}
    values = people.phenotypes.drop(columns="participant")
    phenotype_type = hl.tstruct(
        **{name: kinds.get(values[name].dtype.kind, hl.tstr) for name in values}
    )
    row_type = hl.tstruct(
        participant=hl.tstr,
        sex=hl.tstr,
        verdict=hl.tstr,
        mean_coverage=hl.tfloat64,
        phenotypes=phenotype_type,
    )

    def cell(value: Any, kind: hl.HailType) -> Any:
        if pd.isna(value):
            return None
        return {hl.tfloat64: float, hl.tbool: bool}.get(kind, str)(value)

    rows = {}
    for own, theirs in zip(people.frame.to_dict("records"), values.to_dict("records"), strict=True):
        rows[own["sample"]] = hl.Struct(
            **{name: cell(own[name], row_type[name]) for name in list(row_type)[:-1]},
            phenotypes=hl.Struct(
                **{name: cell(theirs[name], kind) for name, kind in phenotype_type.items()}
            ),
        )
    known = hl.literal(rows, hl.tdict(hl.tstr, row_type))
    mt = mt.filter_cols(known.contains(mt.s))
    return mt.annotate_cols(**known[mt.s])


def drop_poor_genotypes(mt: hl.MatrixTable, minimum: int, vcf: str | Path) -> hl.MatrixTable:
    """Set genotypes of GQ below `minimum` missing; count them in row field `n_poor_genotypes`."""
    import hail as hl

    if minimum <= 0:
        return mt.annotate_rows(n_poor_genotypes=hl.int64(0))
    if "GQ" not in mt.entry:
        raise fail(
            "vcf-without-gq",
            vcf,
            f"min_genotype_quality is {minimum} but genotypes have no GQ",
            "Call with GQ, or set variant_qc.min_genotype_quality to 0",
        )
    quality = mt.GQ
    mt = mt.annotate_entries(poor=hl.is_defined(mt.GT) & hl.coalesce(quality < minimum, False))
    mt = mt.annotate_rows(n_poor_genotypes=hl.agg.count_where(mt.poor))
    return mt.transmute_entries(GT=hl.or_missing(~mt.poor, mt.GT))


def judge_variants(
    mt: hl.MatrixTable, min_call_rate: float, min_hwe_p_value: float
) -> hl.MatrixTable:
    """Add `variant_qc`, `passes` and `reasons` to the rows (see the module's text).

    The Hardy-Weinberg p-value is that of Hail: two-sided, exact, with mid-p (`plink2 --hardy
    midp`). Without any diploid call it is missing and no reason.
    """
    import hail as hl

    def count(condition: hl.Expression) -> hl.Expression:
        return hl.int32(hl.agg.count_where(condition))

    diploid = mt.GT.ploidy == 2
    mt = mt.annotate_rows(
        variant_qc=hl.struct(
            n_called=count(hl.is_defined(mt.GT)),
            allele_count=hl.int32(hl.agg.sum(mt.GT.n_alt_alleles())),
            allele_number=hl.int32(hl.agg.sum(mt.GT.ploidy)),
            n_hom_ref=count(mt.GT.is_hom_ref()),
            n_het=count(mt.GT.is_het()),
            n_hom_alt=count(mt.GT.is_hom_var()),
            diploid_hom_ref=count(diploid & mt.GT.is_hom_ref()),
            diploid_hom_alt=count(diploid & mt.GT.is_hom_var()),
        ),
        n_samples=hl.int32(hl.agg.count()),
    )
    qc = mt.variant_qc
    n_diploid = qc.diploid_hom_ref + qc.n_het + qc.diploid_hom_alt
    mt = mt.annotate_rows(
        variant_qc=qc.drop("diploid_hom_ref", "diploid_hom_alt").annotate(
            call_rate=qc.n_called / mt.n_samples,
            allele_frequency=hl.or_missing(
                qc.allele_number > 0, qc.allele_count / qc.allele_number
            ),
            hwe_p_value=hl.or_missing(
                n_diploid > 0,
                hl.hardy_weinberg_test(qc.diploid_hom_ref, qc.n_het, qc.diploid_hom_alt).p_value,
            ),
        )
    ).drop("n_samples")
    qc = mt.variant_qc
    tests = [
        ("more than two alleles", hl.len(mt.alleles) != 2),
        (
            "allele without sequence",
            ~mt.alleles.all(lambda allele: allele.upper().matches("[ACGTN]+", full_match=True)),
        ),
        ("call rate", qc.call_rate < min_call_rate),
        ("one allele only", (qc.allele_count == 0) | (qc.allele_count == qc.allele_number)),
    ]
    if min_hwe_p_value > 0:
        tests.append(
            ("Hardy-Weinberg equilibrium", hl.coalesce(qc.hwe_p_value < min_hwe_p_value, False))
        )
    reasons = hl.sorted(hl.array(hl.coalesce(mt.filters, hl.empty_set(hl.tstr)))).map(
        lambda name: "filter " + name
    )
    for name, applies in tests:
        reasons = reasons.extend(hl.if_else(applies, [name], hl.empty_array(hl.tstr)))
    mt = mt.annotate_rows(reasons=reasons)
    return mt.annotate_rows(passes=hl.len(mt.reasons) == 0)


def _count_variants(mt: hl.MatrixTable) -> hl.Struct:
    import hail as hl

    return mt.aggregate_rows(
        hl.struct(
            records=hl.agg.count(),
            without_site=hl.agg.count_where(hl.is_missing(mt.site)),
            passing=hl.agg.count_where(mt.passes),
            poor=hl.agg.sum(mt.n_poor_genotypes),
            reasons=hl.agg.explode(lambda reason: hl.agg.counter(reason), mt.reasons),
        )
    )


def _check_variants(counts: hl.Struct, n_sites: int, vcf: str | Path) -> dict[str, Any]:
    """Raise if records were lost or none is left; else give the counts of ``join.json``."""
    if counts.records == 0:
        raise fail("no-variants", vcf, "it has no records", "See the calling stage")
    if counts.records != n_sites or counts.without_site:
        raise fail(
            "sites-differ",
            vcf,
            f"it has {counts.records} records, the site table {n_sites}; {counts.without_site}"
            " records have no site of the same contig, position and alleles",
            "Run 'genopheno annotate' again, which makes both",
        )
    reasons = dict(sorted(counts.reasons.items()))
    if counts.passing == 0:
        raise fail(
            "no-passing-variants",
            vcf,
            f"none of {counts.records} variants passes: {reasons}",
            "Look at the calls; if they are sound, relax variant_qc",
        )
    return {
        "variants": {
            "records": counts.records,
            "passing": counts.passing,
            "not_passing": counts.records - counts.passing,
            "reasons": reasons,
        },
        "genotypes": {"set_missing_for_low_quality": counts.poor},
    }


def _variant_table(mt: hl.MatrixTable) -> hl.Table:
    import hail as hl

    rows = mt.rows().key_by()
    qc = rows.variant_qc
    return rows.select(
        **exchange.variant_columns(rows),
        **{name: rows.site[name] for name in ("rsid", "gene_symbol", "consequence", "impact")},
        **{name: qc[name] for name in qc if name != "n_called"},
        passes=rows.passes,
        reasons=hl.delimit(rows.reasons, ";"),
    )


def _check_unique(variants_parquet: Path, vcf: str | Path) -> None:
    names = fields.read(variants_parquet, ["variant_id"])["variant_id"]
    twice = names[names.duplicated()]
    if len(twice):
        variants_parquet.unlink()
        raise fail(
            "variants-twice",
            vcf,
            f"{len(twice)} variants occur more than once: {', '.join(twice[:5])}",
            "Normalise with 'bcftools norm -m -any -d exact'",
        )


def _write_samples(mt: hl.MatrixTable, frame: pd.DataFrame, path: Path) -> None:
    """Write the kept samples with Hail's sample QC over the passing variants."""
    import hail as hl

    mt = hl.sample_qc(mt.select_entries("GT"))
    measures = ["call_rate", "n_het", "n_hom_var", "n_singleton", "r_ti_tv", "r_het_hom_var"]
    cols = mt.cols().key_by()
    cols = cols.select("s", **{name: cols.sample_qc[name] for name in measures})
    qc = pd.DataFrame([dict(row) for row in cols.collect()]).set_index("s")
    qc = qc.replace([float("inf"), float("-inf")], float("nan"))
    own = frame.drop(columns="mean_coverage")
    fields.write(path, own.join(qc, on="sample"), "cohort_samples")


def _write_plink(mt: hl.MatrixTable, prefix: Path) -> None:
    import hail as hl

    call = hl.if_else(mt.GT.ploidy == 1, hl.call(mt.GT[0], mt.GT[0]), mt.GT)
    is_female = hl.or_missing(hl.set(["female", "male"]).contains(mt.sex), mt.sex == "female")
    hl.export_plink(mt, exchange.uri(prefix), call=call, ind_id=mt.s, is_female=is_female)
