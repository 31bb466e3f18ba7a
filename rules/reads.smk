# Reads of one unit to alignments; units of one sample to a CRAM with its measures.


rule align:
    input:
        fastq_1=lambda wildcards: UNITS[wildcards.sample, wildcards.unit].fastq_1,
        fastq_2=lambda wildcards: UNITS[wildcards.sample, wildcards.unit].fastq_2,
        reference=GENOME,
        index=multiext(GENOME, ".amb", ".ann", ".bwt", ".pac", ".sa"),
    output:
        bam=temp("results/reads/{sample}/{unit}.bam"),
        json=ensure("results/reads/{sample}/{unit}.fastp.json", non_empty=True),
        html="results/reads/{sample}/{unit}.fastp.html",
    log:
        "results/logs/align/{sample}/{unit}.log",
    benchmark:
        "results/benchmarks/align/{sample}/{unit}.tsv"
    conda:
        "../envs/reads.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, attempt: 12000 * attempt,
        runtime=lambda wildcards, attempt: 720 * attempt,
    params:
        library=lambda wildcards: UNITS[wildcards.sample, wildcards.unit].library,
        lane=lambda wildcards: UNITS[wildcards.sample, wildcards.unit].lane,
        platform=lambda wildcards: UNITS[wildcards.sample, wildcards.unit].platform,
        trim="--trim" if SETTINGS.reads.trim else "--no-trim",
        min_base_quality=SETTINGS.reads.min_base_quality,
        min_length=SETTINGS.reads.min_length,
    shell:
        "genopheno align --sample {wildcards.sample} --library {params.library}"
        " --lane {params.lane} --platform {params.platform} {params.trim}"
        " --min-base-quality {params.min_base_quality} --min-length {params.min_length}"
        " --reference {input.reference} --fastq-1 {input.fastq_1:q} --fastq-2 {input.fastq_2:q}"
        " --bam {output.bam} --json {output.json} --html {output.html}"
        " --threads {threads} > {log} 2>&1"


rule mark_duplicates:
    input:
        bams=lambda wildcards: [
            f"results/reads/{unit.sample}/{unit.unit}.bam" for unit in UNITS_OF[wildcards.sample]
        ],
        reference=GENOME,
        fai=f"{GENOME}.fai",
    output:
        cram=ensure("results/crams/{sample}.cram", non_empty=True),
        crai=ensure("results/crams/{sample}.cram.crai", non_empty=True),
        md5=ensure("results/crams/{sample}.cram.md5", non_empty=True),
        report="results/qc/{sample}/{sample}.markdup.json",
    log:
        "results/logs/mark_duplicates/{sample}.log",
    benchmark:
        "results/benchmarks/mark_duplicates/{sample}.tsv"
    conda:
        "../envs/reads.yaml"
    threads: 4
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 480 * attempt,
    params:
        units=lambda wildcards: " ".join(
            f"--unit {unit.library}=results/reads/{unit.sample}/{unit.unit}.bam"
            for unit in UNITS_OF[wildcards.sample]
        ),
    shell:
        "genopheno mark-duplicates {params.units} --reference {input.reference}"
        " --cram {output.cram} --report {output.report} --threads {threads} > {log} 2>&1"


rule read_qc:
    input:
        cram="results/crams/{sample}.cram",
        crai="results/crams/{sample}.cram.crai",
        reference=GENOME,
        fastp=lambda wildcards: [
            f"results/reads/{unit.sample}/{unit.unit}.fastp.json"
            for unit in UNITS_OF[wildcards.sample]
        ],
    output:
        metrics=ensure("results/qc/{sample}/metrics.json", non_empty=True),
        stats="results/qc/{sample}/{sample}.stats",
        coverage="results/qc/{sample}/{sample}.mosdepth.global.dist.txt",
    log:
        "results/logs/read_qc/{sample}.log",
    benchmark:
        "results/benchmarks/read_qc/{sample}.tsv"
    conda:
        "../envs/reads.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
    params:
        participant=lambda wildcards: PARTICIPANT_OF[wildcards.sample],
        fastp=lambda wildcards, input: " ".join(f"--fastp {path}" for path in input.fastp),
        folder=lambda wildcards: f"results/qc/{wildcards.sample}",
    shell:
        "genopheno read-qc {input.cram} --sample {wildcards.sample}"
        " --participant {params.participant} --reference {input.reference} {params.fastp}"
        " --out-dir {params.folder} --threads {threads} > {log} 2>&1"
