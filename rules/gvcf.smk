# Strategy gvcf: one permanent gVCF per sample, combined into a store that grows.
import json

GVCF_CALLER = SETTINGS.calling.gvcf_caller
COMBINED = [*CRAM_SAMPLES, *GVCFS]


if GVCF_CALLER == "deepvariant":

    # Nobody here has run this rule: the image could not be had where the tests run.
    rule deepvariant:
        input:
            cram="results/crams/{sample}.cram",
            crai="results/crams/{sample}.cram.crai",
            reference=GENOME,
            fai=f"{GENOME}.fai",
        output:
            vcf=temp("results/gvcfs/deepvariant/{sample}.vcf.gz"),
            gvcf=temp("results/gvcfs/deepvariant/{sample}.g.vcf.gz"),
        log:
            "results/logs/deepvariant/{sample}.log",
        benchmark:
            "results/benchmarks/deepvariant/{sample}.tsv"
        container:
            "docker://google/deepvariant:1.6.1"
        threads: 16
        resources:
            mem_mb=lambda wildcards, attempt: 32000 * attempt,
            runtime=lambda wildcards, attempt: 1440 * attempt,
        shell:
            "PATH=$PATH:/opt/deepvariant/bin run_deepvariant --model_type=WGS"
            " --ref={input.reference}"
            " --reads={input.cram} --sample_name={wildcards.sample} --output_vcf={output.vcf}"
            " --output_gvcf={output.gvcf} --num_shards={threads} > {log} 2>&1"

else:

    rule call_gvcf:
        input:
            cram="results/crams/{sample}.cram",
            crai="results/crams/{sample}.cram.crai",
            reference=GENOME,
            fai=f"{GENOME}.fai",
            ploidy=lambda wildcards: PLOIDY[sexes_that_matter().get(wildcards.sample, "unknown")],
        output:
            gvcf=ensure("results/gvcfs/{sample}.g.vcf.gz", non_empty=True),
            index="results/gvcfs/{sample}.g.vcf.gz.tbi",
            report="results/gvcfs/{sample}.json",
        log:
            "results/logs/call_gvcf/{sample}.log",
        benchmark:
            "results/benchmarks/call_gvcf/{sample}.tsv"
        wildcard_constraints:
            sample=one_of(CRAM_SAMPLES),
        conda:
            f"../envs/{'gatk' if GVCF_CALLER == 'gatk' else 'variants'}.yaml"
        threads: 2
        resources:
            mem_mb=lambda wildcards, attempt: 4000 * attempt,
            runtime=lambda wildcards, attempt: 2880 * attempt,
        params:
            caller=GVCF_CALLER,
            min_mapping_quality=SETTINGS.calling.min_mapping_quality,
            min_base_quality=SETTINGS.calling.min_base_quality,
            max_depth=SETTINGS.calling.max_depth,
            # Java takes memory outside of its heap, too.
            heap=lambda wildcards, resources: resources.mem_mb * 3 // 4,
        shell:
            "genopheno call-gvcf {wildcards.sample} --cram {input.cram}"
            " --reference {input.reference} --output {output.gvcf} --report {output.report}"
            " --ploidy {input.ploidy} --caller {params.caller}"
            " --min-mapping-quality {params.min_mapping_quality}"
            " --min-base-quality {params.min_base_quality} --max-depth {params.max_depth}"
            " --threads {threads} --memory {params.heap} > {log} 2>&1"


rule receive_gvcf:
    input:
        gvcf=lambda wildcards: GVCFS.get(
            wildcards.sample, f"results/gvcfs/deepvariant/{wildcards.sample}.g.vcf.gz"
        ),
        reference=GENOME,
        fai=f"{GENOME}.fai",
    output:
        gvcf=ensure("results/gvcfs/{sample}.g.vcf.gz", non_empty=True),
        index="results/gvcfs/{sample}.g.vcf.gz.tbi",
        report="results/gvcfs/{sample}.json",
    log:
        "results/logs/receive_gvcf/{sample}.log",
    wildcard_constraints:
        sample=one_of(COMBINED if GVCF_CALLER == "deepvariant" else list(GVCFS)),
    conda:
        "../envs/variants.yaml"
    resources:
        mem_mb=1000,
        runtime=lambda wildcards, attempt: 240 * attempt,
    shell:
        "genopheno receive-gvcf {wildcards.sample} --gvcf {input.gvcf:q}"
        " --reference {input.reference} --output {output.gvcf} --report {output.report}"
        " > {log} 2>&1"


# The store is the rule's own: it is appended to, and must outlive a run that fails.
rule combine:
    input:
        gvcfs=expand("results/gvcfs/{sample}.g.vcf.gz", sample=COMBINED),
        indexes=expand("results/gvcfs/{sample}.g.vcf.gz.tbi", sample=COMBINED),
        fai=f"{GENOME}.fai",
    output:
        bcf=temp("results/calls/combined.bcf"),
        index=temp("results/calls/combined.bcf.csi"),
        charr="results/calls/charr.parquet",
        report="results/calls/combine.json",
    log:
        "results/logs/combine.log",
    benchmark:
        "results/benchmarks/combine.tsv"
    conda:
        "../envs/combine.yaml"
    threads: 16
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 1440 * attempt,
    params:
        sheet=str(SETTINGS.samples),
        build=SETTINGS.reference.build,
    shell:
        "genopheno combine --samples {params.sheet:q} --gvcf-dir results/gvcfs --fai {input.fai}"
        " --build {params.build:q} --store results/gvcfs/store --output {output.bcf}"
        " --charr {output.charr} --report {output.report} --threads {threads}"
        " --memory {resources.mem_mb} > {log} 2>&1"


rule gather:
    input:
        combined="results/calls/combined.bcf",
        index="results/calls/combined.bcf.csi",
        reference=GENOME,
    output:
        bcf=ensure(CALLED, non_empty=True),
        index=f"{CALLED}.csi",
        report="results/calls/gather.json",
    log:
        "results/logs/gather.log",
    conda:
        "../envs/variants.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 480 * attempt,
    params:
        sheet=str(SETTINGS.samples),
        limits=json.dumps(settings_model.filter_limits(SETTINGS), sort_keys=True),
    shell:
        "genopheno gather {input.combined} --samples {params.sheet:q}"
        " --reference {input.reference} --caller gvcf --limits {params.limits:q}"
        " --output {output.bcf} --report {output.report} > {log} 2>&1"
