# The cohort as tables that researchers download: a file per contig, which open as one.


rule matrices:
    input:
        vcf="results/annotated/cohort.vcf.gz",
        index="results/annotated/cohort.vcf.gz.tbi",
        sites="results/annotated/sites.parquet",
        consequences="results/annotated/consequences.parquet",
        samples="results/cohort/samples.parquet",
        variants="results/cohort/variants.parquet",
        components="results/structure/components.parquet",
        phenotypes="results/phenotypes/phenotypes.parquet",
        traits="results/phenotypes/traits.json",
    output:
        vcf=ensure("results/matrices/annotated.vcf.gz", non_empty=True),
        index="results/matrices/annotated.vcf.gz.tbi",
        sites=directory("results/matrices/sites.parquet"),
        consequences=directory("results/matrices/consequences.parquet"),
        genotypes=directory("results/matrices/genotypes.parquet"),
        carriers=directory("results/matrices/carriers.parquet"),
        genes="results/matrices/genes.parquet",
        samples="results/matrices/samples.parquet",
        phenotypes="results/matrices/phenotypes.parquet",
        dictionary=multiext("results/matrices/dictionary", ".tsv", ".md"),
        package="results/matrices/datapackage.json",
        report="results/matrices/matrices.json",
    log:
        "results/logs/matrices.log",
    benchmark:
        "results/benchmarks/matrices.tsv"
    conda:
        "../envs/variants.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 480 * attempt,
    params:
        groups=[f"--group {name}" for name in SETTINGS.summaries.groups],
        entry_fields=[f"--entry-field {name}" for name in SETTINGS.matrices.entry_fields],
        carriers_max_frequency=SETTINGS.matrices.carriers_max_frequency,
        min_genotype_quality=SETTINGS.variant_qc.min_genotype_quality,
    shell:
        "genopheno matrices --vcf {input.vcf} --sites {input.sites}"
        " --consequences {input.consequences} --samples {input.samples}"
        " --variants {input.variants} --components {input.components}"
        " --phenotypes {input.phenotypes} --traits {input.traits} {params.groups}"
        " {params.entry_fields} --carriers-max-frequency {params.carriers_max_frequency}"
        " --min-genotype-quality {params.min_genotype_quality}"
        " --out-dir results/matrices --threads {threads} > {log} 2>&1"
