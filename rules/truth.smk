# Control samples: what was called, compared with what is known of them.


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
