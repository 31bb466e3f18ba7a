# Variants to annotated variants: consequences on genes, and fields of site databases.


rule annotate:
    input:
        calls="results/calls/cohort.bcf",
        index="results/calls/cohort.bcf.csi",
        reference=GENOME,
        genes="results/reference/genes.gff3.gz",
        databases=expand("results/reference/databases/{name}.tsv.gz", name=DATABASES),
        indexes=expand("results/reference/databases/{name}.tsv.gz.tbi", name=DATABASES),
    output:
        vcf=ensure("results/annotated/cohort.vcf.gz", non_empty=True),
        index="results/annotated/cohort.vcf.gz.tbi",
        sites=ensure("results/annotated/sites.parquet", non_empty=True),
        report="results/annotated/annotation.json",
    log:
        "results/logs/annotate.log",
    benchmark:
        "results/benchmarks/annotate.tsv"
    conda:
        "../envs/variants.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 480 * attempt,
    params:
        databases=[
            f"--database {name}=results/reference/databases/{name}.tsv.gz" for name in DATABASES
        ],
    shell:
        "genopheno annotate --calls {input.calls} --reference {input.reference}"
        " --genes {input.genes} {params.databases} --output {output.vcf}"
        " --sites {output.sites} --report {output.report} > {log} 2>&1"
