# CRAMs of the cohort to one file of normalised variants, by regions of equal work.


rule shards:
    input:
        f"{GENOME}.fai",
    output:
        expand("results/calls/shards/{shard}.bed", shard=SHARDS),
    log:
        "results/logs/shards.log",
    conda:
        "../envs/python.yaml"
    resources:
        mem_mb=500,
        runtime=10,
    params:
        n=len(SHARDS),
    shell:
        "genopheno shards --fai {input} --number {params.n} --out-dir results/calls/shards"
        " > {log} 2>&1"


rule call:
    input:
        crams=expand("results/crams/{sample}.cram", sample=SAMPLES),
        crais=expand("results/crams/{sample}.cram.crai", sample=SAMPLES),
        regions="results/calls/shards/{shard}.bed",
        reference=GENOME,
    output:
        bcf=ensure("results/calls/shards/{shard}.bcf", non_empty=True),
        index="results/calls/shards/{shard}.bcf.csi",
    log:
        "results/logs/call/{shard}.log",
    benchmark:
        "results/benchmarks/call/{shard}.tsv"
    conda:
        "../envs/variants.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 1440 * attempt,
    params:
        # Who is in it is told by the CRAMs among the inputs: the sheet itself is no input, so
        # that a mended cell of it calls nobody again.
        sheet=str(SETTINGS.samples),
        min_mapping_quality=SETTINGS.calling.min_mapping_quality,
        min_base_quality=SETTINGS.calling.min_base_quality,
        max_depth=SETTINGS.calling.max_depth,
    shell:
        # The CRAMs are named by the sheet: a list of thousands would not fit a command line.
        "genopheno call --samples {params.sheet:q} --cram-dir results/crams"
        " --reference {input.reference} --regions {input.regions} --output {output.bcf}"
        " --min-mapping-quality {params.min_mapping_quality}"
        " --min-base-quality {params.min_base_quality} --max-depth {params.max_depth}"
        " > {log} 2>&1"


rule gather:
    input:
        shards=expand("results/calls/shards/{shard}.bcf", shard=SHARDS),
        indexes=expand("results/calls/shards/{shard}.bcf.csi", shard=SHARDS),
        reference=GENOME,
    output:
        bcf=ensure("results/calls/cohort.bcf", non_empty=True),
        index="results/calls/cohort.bcf.csi",
        report="results/calls/gather.json",
    log:
        "results/logs/gather.log",
    benchmark:
        "results/benchmarks/gather.tsv"
    conda:
        "../envs/variants.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 480 * attempt,
    params:
        sheet=str(SETTINGS.samples),
        min_quality=SETTINGS.calling.min_quality,
    shell:
        "genopheno gather {input.shards} --samples {params.sheet:q} --reference {input.reference}"
        " --min-quality {params.min_quality} --output {output.bcf} --report {output.report}"
        " > {log} 2>&1"
