# Strategy joint: CRAMs of the cohort to one file of normalised variants, by regions of equal
# work.
import json


rule shards:
    input:
        reference=GENOME,
        fai=f"{GENOME}.fai",
        targets=TARGETS,
    output:
        expand("results/calls/shards/{shard}.bed", shard=SHARDS),
    log:
        "results/logs/shards.log",
    conda:
        "../envs/variants.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        n=len(SHARDS),
        targets=[f"--targets {path}" for path in TARGETS],
    shell:
        "genopheno shards --reference {input.reference} --number {params.n} {params.targets}"
        " --out-dir results/calls/shards > {log} 2>&1"


rule call:
    input:
        crams=expand("results/crams/{sample}.cram", sample=CRAM_SAMPLES),
        crais=expand("results/crams/{sample}.cram.crai", sample=CRAM_SAMPLES),
        regions="results/calls/shards/{shard}.bed",
        ploidy=PLOIDY.values(),
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
        # that a mended cell of it calls nobody again; of the cells only the sexes matter, and
        # those only where the reference has an X or Y.
        sheet=str(SETTINGS.samples),
        sexes=lambda wildcards: sexes_that_matter(),
        caller=SETTINGS.calling.caller,
        min_mapping_quality=SETTINGS.calling.min_mapping_quality,
        min_base_quality=SETTINGS.calling.min_base_quality,
        max_depth=SETTINGS.calling.max_depth,
    shell:
        # The CRAMs are named by the sheet: a list of thousands would not fit a command line.
        "genopheno call --samples {params.sheet:q} --cram-dir results/crams"
        " --caller {params.caller} --ploidy-dir results/reference/ploidy"
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
        caller=SETTINGS.calling.caller,
        limits=json.dumps(settings_model.filter_limits(SETTINGS), sort_keys=True),
    shell:
        "genopheno gather {input.shards} --samples {params.sheet:q} --reference {input.reference}"
        " --caller {params.caller} --limits {params.limits:q} --output {output.bcf}"
        " --report {output.report} > {log} 2>&1"
