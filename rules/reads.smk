# Reads of one unit to alignments; units of one sample, or an alignment made elsewhere, to a
# CRAM with its measures.
import re

# Of a human genome, in GB: what the index takes while it is made, and an aligner with it.
_INDEX_GB = {"bwa": 8, "bwa-mem2": 72, "minimap2": 16, "snap": 48}
_ALIGN_GB = {"bwa": 12, "bwa-mem2": 28, "minimap2": 16, "snap": 48}
_OPTIONS = {"fastq_1": "--fastq-1", "fastq_2": "--fastq-2"}  # of what the sheet names
# The BED of an exome or panel, if there is one.
_TARGETS = [str(path) for path in [getattr(SETTINGS.reference, "targets", None)] if path]


rule aligner_index:
    input:
        GENOME,
    output:
        INDEX,
    log:
        f"results/logs/aligner_index/{ALIGNER}.log",
    benchmark:
        f"results/benchmarks/aligner_index/{ALIGNER}.tsv"
    conda:
        "../envs/reads.yaml"
    threads: 4
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * _INDEX_GB[ALIGNER] * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
    params:
        aligner=ALIGNER,
    shell:
        "genopheno index {input} --aligner {params.aligner} --threads {threads} > {log} 2>&1"


rule align:
    input:
        files=lambda wildcards: list(UNITS[wildcards.sample, wildcards.unit].files.values()),
        reference=GENOME,
        index=INDEX,
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
        mem_mb=lambda wildcards, attempt: 1000 * _ALIGN_GB[ALIGNER] * attempt,
        runtime=lambda wildcards, attempt: 720 * attempt,
    params:
        reads=lambda wildcards: [
            word
            for column, path in UNITS[wildcards.sample, wildcards.unit].files.items()
            for word in (_OPTIONS.get(column, "--alignment"), path)
        ],
        aligner=ALIGNER,
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
        " --reference {input.reference} --aligner {params.aligner} {params.reads:q}"
        " --bam {output.bam} --json {output.json} --html {output.html}"
        " --threads {threads} > {log} 2>&1"


rule import_alignment:
    input:
        alignment=lambda wildcards: ALIGNED[wildcards.sample],
        reference=GENOME,
        fai=f"{GENOME}.fai",
    output:
        cram=ensure("results/crams/{sample}.cram", non_empty=True),
        crai=ensure("results/crams/{sample}.cram.crai", non_empty=True),
        md5=ensure("results/crams/{sample}.cram.md5", non_empty=True),
        report="results/qc/{sample}/{sample}.import.json",
    log:
        "results/logs/import_alignment/{sample}.log",
    benchmark:
        "results/benchmarks/import_alignment/{sample}.tsv"
    wildcard_constraints:
        # The CRAM of any other sample is made by mark_duplicates. (?!) matches nothing.
        sample="|".join(map(re.escape, ALIGNED)) or "(?!)",
    conda:
        "../envs/reads.yaml"
    threads: 4
    resources:
        mem_mb=lambda wildcards, attempt: 6000 * attempt,
        runtime=lambda wildcards, attempt: 480 * attempt,
    params:
        library=lambda wildcards: _aligned[wildcards.sample].library,
        lane=lambda wildcards: _aligned[wildcards.sample].lane,
        platform=lambda wildcards: _aligned[wildcards.sample].platform,
    shell:
        "genopheno import-alignment {input.alignment:q} --sample {wildcards.sample}"
        " --library {params.library} --lane {params.lane} --platform {params.platform}"
        " --reference {input.reference} --cram {output.cram} --report {output.report}"
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
    wildcard_constraints:
        sample="|".join(map(re.escape, UNITS_OF)) or "(?!)",
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
            for unit in UNITS_OF.get(wildcards.sample, [])
        ],
        # Which of the two rules made the CRAM: if that changes, the CRAM is made anew.
        made=lambda wildcards: "results/qc/{sample}/{sample}."
        + ("import.json" if wildcards.sample in ALIGNED else "markdup.json"),
        targets=_TARGETS,
    output:
        metrics=ensure("results/qc/{sample}/metrics.json", non_empty=True),
        stats="results/qc/{sample}/{sample}.stats",
        coverage="results/qc/{sample}/{sample}.mosdepth.global.dist.txt",
        contigs="results/qc/{sample}/contigs.json",
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
        targets=[word for path in _TARGETS for word in ("--targets", path)],
        folder=lambda wildcards: f"results/qc/{wildcards.sample}",
    shell:
        "genopheno read-qc {input.cram} --sample {wildcards.sample}"
        " --participant {params.participant} --reference {input.reference} {params.fastp}"
        " {params.targets:q} --out-dir {params.folder} --threads {threads} > {log} 2>&1"
