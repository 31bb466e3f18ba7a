# Who each sample is, and one verdict per sample, from its reads and its genotypes.
import json

# Written where gVCFs are combined.
CHARR = (
    ["results/calls/charr.parquet"]
    if getattr(SETTINGS.calling, "strategy", "joint") == "gvcf"
    else []
)


rule identity:
    input:
        units="results/submission/units.tsv",
        calls="results/calls/cohort.bcf",
        contigs=expand("results/qc/{sample}/contigs.json", sample=CRAM_SAMPLES),
        chromosomes="results/reference/ploidy/chromosomes.json",
        pedigree=SETTINGS.pedigree or [],
        earlier=SETTINGS.identity.earlier,
    output:
        measures=ensure("results/qc/identity/measures.parquet", non_empty=True),
        pairs="results/qc/identity/pairs.parquet",
        fingerprints="results/qc/identity/fingerprints.bcf",
        report="results/qc/identity/identity.json",
    log:
        "results/logs/identity.log",
    benchmark:
        "results/benchmarks/identity.tsv"
    conda:
        "../envs/variants.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 480 * attempt,
    params:
        pedigree=["--pedigree", SETTINGS.pedigree] if SETTINGS.pedigree else [],
        earlier=[word for path in SETTINGS.identity.earlier for word in ("--earlier", path)],
        max_sites=SETTINGS.identity.max_sites,
        min_frequency=SETTINGS.identity.min_frequency,
        min_call_rate=SETTINGS.identity.min_call_rate,
        min_sites=SETTINGS.identity.min_sites,
        min_independent_sites=SETTINGS.identity.min_independent_sites,
    shell:
        "genopheno identity --units {input.units} --calls {input.calls} --qc-dir results/qc"
        " --chromosomes {input.chromosomes} {params.pedigree:q} {params.earlier:q}"
        " --max-sites {params.max_sites} --min-frequency {params.min_frequency}"
        " --min-call-rate {params.min_call_rate} --min-sites {params.min_sites}"
        " --min-independent-sites {params.min_independent_sites}"
        " --out-dir results/qc/identity --threads {threads} > {log} 2>&1"


rule verdicts:
    input:
        units="results/submission/units.tsv",
        metrics=expand("results/qc/{sample}/metrics.json", sample=CRAM_SAMPLES),
        calls="results/calls/cohort.bcf",
        identity="results/qc/identity/measures.parquet",
        charr=CHARR,
    output:
        table=ensure("results/qc/samples.parquet", non_empty=True),
        tsv="results/qc/samples.tsv",
        json="results/qc/samples.json",
        multiqc="results/qc/samples_mqc.json",
    log:
        "results/logs/verdicts.log",
    benchmark:
        "results/benchmarks/verdicts.tsv"
    conda:
        "../envs/variants.yaml"
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        charr=[f"--charr {path}" for path in CHARR],
        limits=json.dumps(settings_model.limits(SETTINGS), sort_keys=True),
        on_sex=SETTINGS.sample_qc.on_sex,
        on_identity=SETTINGS.sample_qc.on_identity,
        on_pedigree=SETTINGS.sample_qc.on_pedigree,
        outlier_z=SETTINGS.sample_qc.outlier_z,
        outlier_min_samples=SETTINGS.sample_qc.outlier_min_samples,
    shell:
        "genopheno verdicts --units {input.units} --qc-dir results/qc --calls {input.calls}"
        " --identity {input.identity} {params.charr} --limits {params.limits:q} --on-sex {params.on_sex}"
        " --on-identity {params.on_identity} --on-pedigree {params.on_pedigree}"
        " --outlier-z {params.outlier_z} --outlier-min-samples {params.outlier_min_samples}"
        " --out-dir results/qc > {log} 2>&1"
