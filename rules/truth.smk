# What was called: counted, and compared with what is known of control samples.


rule benchmark:
    input:
        calls="results/calls/cohort.bcf",
        index="results/calls/cohort.bcf.csi",
        truth=lambda wildcards: SETTINGS.truth_sets[CONTROLS[wildcards.sample]].calls,
        regions=lambda wildcards: SETTINGS.truth_sets[CONTROLS[wildcards.sample]].regions,
        reference=GENOME,
        fai=f"{GENOME}.fai",
    output:
        json=ensure("results/truth/{sample}.json", non_empty=True),
        tsv="results/truth/{sample}.tsv",
        curve="results/truth/{sample}.curve.tsv",
        errors="results/truth/{sample}.errors.vcf.gz",
        index="results/truth/{sample}.errors.vcf.gz.tbi",
        html="results/truth/{sample}.html",
    log:
        "results/logs/benchmark/{sample}.log",
    benchmark:
        "results/benchmarks/benchmark/{sample}.tsv"
    conda:
        "../envs/variants.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
    shell:
        "genopheno benchmark {input.calls} {input.truth:q} --regions {input.regions:q}"
        " --reference {input.reference} --sample {wildcards.sample} --out-dir results/truth"
        " > {log} 2>&1"


# Of the cohort as a whole, for MultiQC.
rule call_stats:
    input:
        calls="results/calls/cohort.bcf",
        reference=GENOME,
        fai=f"{GENOME}.fai",
    output:
        ensure("results/qc/cohort.stats", non_empty=True),
    log:
        "results/logs/call_stats.log",
    benchmark:
        "results/benchmarks/call_stats.tsv"
    conda:
        "../envs/variants.yaml"
    resources:
        mem_mb=2000,
        runtime=240,
    shell:
        "bcftools stats -f PASS,. -s - -F {input.reference} {input.calls} > {output} 2> {log}"
