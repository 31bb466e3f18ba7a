# What labs handed in: checked, and brought into one form.


# First of all, so that faults show at once. No step that works on the submission waits for
# it: each verifies what it reads, and a receipt made anew runs nothing again.
rule receive:
    input:
        sheet=SETTINGS.samples,
        files=list(dict.fromkeys(path for unit in _units for path in unit.files.values())),
        fasta=SETTINGS.reference.fasta,
        genes=SETTINGS.reference.genes,
        databases=[str(SETTINGS.databases[name].file) for name in DATABASES],
        targets=SETTINGS.reference.targets or [],
    output:
        receipt="results/submission/receipt.json",
        units="results/submission/units.tsv",
    log:
        "results/logs/receive.log",
    priority: 100
    conda:
        "../envs/python.yaml"
    threads: 8
    resources:
        mem_mb=2000,
        runtime=600,
    params:
        databases=[
            word
            for name in DATABASES
            for word in ("--database", f"{name}={SETTINGS.databases[name].file}")
        ],
        targets=["--targets", SETTINGS.reference.targets] if TARGETS else [],
    shell:
        "genopheno receive --samples {input.sheet:q} --fasta {input.fasta:q}"
        " --genes {input.genes:q} {params.databases:q} {params.targets:q} --jobs {threads}"
        " --receipt {output.receipt} --units {output.units} > {log} 2>&1"


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


rule bwa_index:
    input:
        GENOME,
    output:
        multiext(GENOME, ".amb", ".ann", ".bwt", ".pac", ".sa"),
    log:
        "results/logs/bwa_index.log",
    conda:
        "../envs/reads.yaml"
    resources:
        mem_mb=8000,
        runtime=240,
    shell:
        "bwa index {input} > {log} 2>&1"


rule database:
    input:
        vcf=lambda wildcards: SETTINGS.databases[wildcards.database].file,
        fasta=GENOME,
        fai=f"{GENOME}.fai",
    output:
        vcf="results/reference/databases/{database}.vcf.gz",
        index="results/reference/databases/{database}.vcf.gz.tbi",
    log:
        "results/logs/database/{database}.log",
    conda:
        "../envs/variants.yaml"
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        fields=lambda wildcards: " ".join(
            f"--field {field}" for field in SETTINGS.databases[wildcards.database].fields
        ),
        rsid=lambda wildcards: (
            "--rsid" if SETTINGS.databases[wildcards.database].rsid else "--no-rsid"
        ),
    shell:
        "genopheno database {wildcards.database} --vcf {input.vcf:q} --reference {input.fasta}"
        " {params.fields} {params.rsid} --output {output.vcf} > {log} 2>&1"
