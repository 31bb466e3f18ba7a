# What labs handed in: checked, and brought into one form.
import os

HANDED_IN = list(dict.fromkeys(path for unit in _units for path in unit.files.values()))


# First of all, so that faults show at once. No step that works on the submission waits for
# it: each verifies what it reads, and a receipt made anew (since files were archived, say) runs
# only the report again.
rule receive:
    input:
        sheet=SETTINGS.samples,
        # Those that are there: files of finished samples may be archived, and of one that is
        # missing the command says more than Snakemake.
        files=[path for path in HANDED_IN if os.path.exists(path)],
        fasta=SETTINGS.reference.fasta,
        genes=SETTINGS.reference.genes,
        databases=[str(SETTINGS.databases[name].file) for name in DATABASES],
        targets=SETTINGS.reference.targets or [],
    output:
        "results/submission/receipt.json",
    log:
        "results/logs/receive.log",
    benchmark:
        "results/benchmarks/receive.tsv"
    priority: 100
    conda:
        "../envs/python.yaml"
    threads: 8
    resources:
        mem_mb=2000,
        runtime=600,
    params:
        realign="--realign" if getattr(SETTINGS.reads, "realign", False) else "--no-realign",
        databases=[
            word
            for name in DATABASES
            for word in ("--database", f"{name}={SETTINGS.databases[name].file}")
        ],
        targets=["--targets", SETTINGS.reference.targets] if TARGETS else [],
    shell:
        "genopheno receive --samples {input.sheet:q} --fasta {input.fasta:q}"
        " --genes {input.genes:q} {params.databases:q} {params.targets:q} {params.realign}"
        " --jobs {threads} --receipt {output} > {log} 2>&1"


# Apart from the receipt: it hangs on the sheet alone, not on the files that the sheet names.
rule units:
    input:
        SETTINGS.samples,
    output:
        "results/submission/units.tsv",
    log:
        "results/logs/units.log",
    conda:
        "../envs/python.yaml"
    resources:
        mem_mb=500,
        runtime=10,
    shell:
        "genopheno units --samples {input:q} --output {output} > {log} 2>&1"


rule reference:
    input:
        fasta=SETTINGS.reference.fasta,
        genes=SETTINGS.reference.genes,
    output:
        fasta=ensure(GENOME, non_empty=True),
        fai=ensure(f"{GENOME}.fai", non_empty=True),
        genes=ensure("results/reference/genes.gff3.gz", non_empty=True),
    log:
        "results/logs/reference.log",
    benchmark:
        "results/benchmarks/reference.tsv"
    conda:
        "../envs/python.yaml"
    resources:
        mem_mb=2000,
        runtime=120,
    shell:
        "genopheno reference --fasta {input.fasta:q} --genes {input.genes:q}"
        " --out-fasta {output.fasta} --out-genes {output.genes} > {log} 2>&1"


rule targets:
    input:
        bed=SETTINGS.reference.targets or [],
        fai=f"{GENOME}.fai",
    output:
        bed="results/reference/targets.bed",
        report="results/reference/targets.json",
    log:
        "results/logs/targets.log",
    conda:
        "../envs/python.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        padding=SETTINGS.reference.target_padding,
    shell:
        "genopheno targets --bed {input.bed:q} --fai {input.fai} --padding {params.padding}"
        " --output {output.bed} --report {output.report} > {log} 2>&1"


# How many copies each sex has, where it is not two; the same files for every sample.
rule ploidy:
    input:
        f"{GENOME}.fai",
    output:
        PLOIDY.values(),
        "results/reference/ploidy/chromosomes.json",
    log:
        "results/logs/ploidy.log",
    conda:
        "../envs/python.yaml"
    resources:
        mem_mb=500,
        runtime=10,
    params:
        build=SETTINGS.reference.build,
        given=(
            SETTINGS.reference.sex_chromosomes.model_dump_json()
            if SETTINGS.reference.sex_chromosomes
            else "null"
        ),
    shell:
        "genopheno ploidy --fai {input} --build {params.build:q} --sex-chromosomes {params.given:q}"
        " --out-dir results/reference/ploidy > {log} 2>&1"


rule database:
    input:
        file=lambda wildcards: SETTINGS.databases[wildcards.database].file,
        fasta=GENOME,
        fai=f"{GENOME}.fai",
    output:
        table=ensure("results/reference/databases/{database}.tsv.gz", non_empty=True),
        index="results/reference/databases/{database}.tsv.gz.tbi",
    log:
        "results/logs/database/{database}.log",
    benchmark:
        "results/benchmarks/database/{database}.tsv"
    conda:
        "../envs/variants.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
    params:
        options=lambda wildcards: database_options(SETTINGS.databases[wildcards.database]),
    shell:
        "genopheno database {wildcards.database} --file {input.file:q} --reference {input.fasta}"
        " {params.options:q} --output {output.table} > {log} 2>&1"
