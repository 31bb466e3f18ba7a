# Variants to annotated variants: consequences on genes, and fields of site databases.
import json

ENGINE = SETTINGS.annotation.engine
FLOORS = {name: SETTINGS.databases[name].min_fraction for name in DATABASES}
VEP = SETTINGS.annotation.vep.model_dump(mode="json")
VEP["assembly"] = VEP["assembly"] or SETTINGS.reference.build


rule snpeff_database:
    input:
        reference=GENOME,
        genes="results/reference/genes.gff3.gz",
    output:
        directory("results/reference/snpeff"),
    log:
        "results/logs/snpeff_database.log",
    benchmark:
        "results/benchmarks/snpeff_database.tsv"
    conda:
        "../envs/snpeff.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 10000 * attempt,
        runtime=lambda wildcards, attempt: 120 * attempt,
    params:
        memory=lambda wildcards, resources: int(resources.mem_mb * 0.8),
    shell:
        "genopheno snpeff-database --reference {input.reference} --genes {input.genes}"
        " --out-dir {output} --memory {params.memory} > {log} 2>&1"


rule annotate:
    input:
        calls="results/calls/cohort.bcf",
        index="results/calls/cohort.bcf.csi",
        reference=GENOME,
        genes="results/reference/genes.gff3.gz",
        databases=expand("results/reference/databases/{name}.tsv.gz", name=DATABASES),
        indexes=expand("results/reference/databases/{name}.tsv.gz.tbi", name=DATABASES),
        snpeff="results/reference/snpeff" if ENGINE == "snpeff" else [],
    output:
        vcf=ensure("results/annotated/cohort.vcf.gz", non_empty=True),
        index="results/annotated/cohort.vcf.gz.tbi",
        sites=ensure("results/annotated/sites.parquet", non_empty=True),
        consequences=ensure("results/annotated/consequences.parquet", non_empty=True),
        report="results/annotated/annotation.json",
    log:
        "results/logs/annotate.log",
    benchmark:
        "results/benchmarks/annotate.tsv"
    conda:
        "../envs/variants.yaml" if ENGINE == "csq" else f"../envs/{ENGINE}.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: (4000 if ENGINE == "csq" else 8000) * attempt,
        runtime=lambda wildcards, attempt: 480 * attempt,
    params:
        databases=[
            f"--database {name}=results/reference/databases/{name}.tsv.gz"
            f" --min-fraction {name}={'none' if floor is None else floor}"
            for name, floor in FLOORS.items()
        ],
        snpeff=lambda wildcards, input: (
            ["--snpeff-database", input.snpeff] if ENGINE == "snpeff" else []
        ),
        vep=["--vep", json.dumps(VEP)] if ENGINE == "vep" else [],
        memory=lambda wildcards, resources: int(resources.mem_mb * 0.7),
    shell:
        "genopheno annotate --calls {input.calls} --reference {input.reference}"
        " --genes {input.genes} {params.databases} --engine {ENGINE} {params.snpeff:q}"
        " {params.vep:q} --output {output.vcf} --sites {output.sites}"
        " --consequences {output.consequences} --report {output.report}"
        " --threads {threads} --memory {params.memory} > {log} 2>&1"
