# Genotypes meet people: phenotypes, the Hail cohort and its summaries.


rule phenotypes:
    input:
        participants=SETTINGS.participants,
        declaration=SETTINGS.phenotypes,
        units="results/submission/units.tsv",
    output:
        table=ensure("results/phenotypes/phenotypes.parquet", non_empty=True),
        traits="results/phenotypes/traits.json",
    log:
        "results/logs/phenotypes.log",
    benchmark:
        "results/benchmarks/phenotypes.tsv"
    conda:
        "../envs/python.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        groups=[f"--group={name}" for name in SETTINGS.summaries.groups],
        kept=[f"--keep={name}" for name in columns_of(STRATA)],
    shell:
        "genopheno phenotypes --participants {input.participants:q}"
        " --declaration {input.declaration:q} --units {input.units}"
        " {params.groups:q} {params.kept:q}"
        " --output {output.table} --traits {output.traits} > {log} 2>&1"


rule join:
    input:
        vcf="results/annotated/cohort.vcf.gz",
        index="results/annotated/cohort.vcf.gz.tbi",
        sites="results/annotated/sites.parquet",
        verdicts="results/qc/samples.parquet",
        units="results/submission/units.tsv",
        phenotypes="results/phenotypes/phenotypes.parquet",
        traits="results/phenotypes/traits.json",
    output:
        matrix=directory("results/cohort/cohort.mt"),
        genotypes=multiext("results/cohort/genotypes", ".bed", ".bim", ".fam"),
        samples="results/cohort/samples.parquet",
        variants="results/cohort/variants.parquet",
        report="results/cohort/join.json",
    log:
        "results/logs/join.log",
    benchmark:
        "results/benchmarks/join.tsv"
    conda:
        "../envs/java.yaml"
    threads: 16
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 720 * attempt,
    params:
        build=SETTINGS.reference.build,
        min_call_rate=SETTINGS.variant_qc.min_call_rate,
        min_hwe_p_value=SETTINGS.variant_qc.min_hwe_p_value,
        min_genotype_quality=SETTINGS.variant_qc.min_genotype_quality,
    shell:
        "genopheno join --vcf {input.vcf} --sites {input.sites} --verdicts {input.verdicts}"
        " --units {input.units} --phenotypes {input.phenotypes} --traits {input.traits}"
        " --build {params.build:q} --min-call-rate {params.min_call_rate}"
        " --min-hwe-p-value {params.min_hwe_p_value}"
        " --min-genotype-quality {params.min_genotype_quality}"
        " --out-dir results/cohort --threads {threads} --memory {resources.mem_mb}"
        " > {log} 2>&1"


rule summarise:
    input:
        matrix="results/cohort/cohort.mt",
        traits="results/phenotypes/traits.json",
    output:
        report="results/summaries/summaries.json",
        frequencies="results/summaries/frequencies.parquet",
        groups="results/summaries/groups.parquet",
        phenotypes="results/summaries/phenotypes.parquet",
    log:
        "results/logs/summarise.log",
    benchmark:
        "results/benchmarks/summarise.tsv"
    conda:
        "../envs/java.yaml"
    threads: 16
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 480 * attempt,
    params:
        groups=[f"--group {name}" for name in SETTINGS.summaries.groups],
    shell:
        "genopheno summarise --cohort {input.matrix} {params.groups}"
        " --out-dir results/summaries --threads {threads} --memory {resources.mem_mb}"
        " > {log} 2>&1"
