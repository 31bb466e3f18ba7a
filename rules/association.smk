# One scan for every declared trait.


rule associate:
    input:
        genotypes=multiext("results/cohort/genotypes", ".bed", ".bim", ".fam"),
        matrix="results/cohort/cohort.mt",
        samples="results/cohort/samples.parquet",
        variants="results/cohort/variants.parquet",
        phenotypes="results/phenotypes/phenotypes.parquet",
        traits="results/phenotypes/traits.json",
        components="results/structure/components.parquet",
    output:
        design="results/association/design.parquet",
        report="results/association/scan.json",
        tables=expand("results/association/{trait}.parquet", trait=TRAITS),
        downloads=expand("results/association/{trait}.tsv.gz", trait=TRAITS),
    log:
        "results/logs/associate.log",
    benchmark:
        "results/benchmarks/associate.tsv"
    conda:
        "../envs/java.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 720 * attempt,
    params:
        engine=SETTINGS.association.engine,
        components=SETTINGS.association.components,
        relatives=SETTINGS.association.relatives,
        min_allele_count=SETTINGS.association.min_allele_count,
        firth_below=SETTINGS.association.firth_below,
        exact_firth_below=SETTINGS.association.exact_firth_below,
    shell:
        "genopheno associate --engine {params.engine} --genotypes results/cohort/genotypes"
        " --cohort {input.matrix} --samples {input.samples} --variants {input.variants}"
        " --phenotypes {input.phenotypes} --traits {input.traits}"
        " --components {input.components} --n-components {params.components}"
        " --relatives {params.relatives} --min-allele-count {params.min_allele_count}"
        " --firth-below {params.firth_below} --exact-firth-below {params.exact_firth_below}"
        " --out-dir results/association --threads {threads} --memory {resources.mem_mb}"
        " > {log} 2>&1"
