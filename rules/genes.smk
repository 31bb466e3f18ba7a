# Tests of genes, where masks are configured: which variants go together, and every test of them.
import json

GENE_MASKS = {
    name: mask.model_dump(exclude_defaults=True)
    for name, mask in SETTINGS.association.genes.masks.items()
}
GENE_REPORTS = ["results/association/genes/genes.json"] if GENE_MASKS else []


rule gene_sets:
    input:
        genotypes=multiext("results/cohort/genotypes", ".bed", ".bim", ".fam"),
        sites="results/annotated/sites.parquet",
        consequences="results/annotated/consequences.parquet",
    output:
        sets="results/association/genes/sets/sets.parquet",
        report="results/association/genes/sets/sets.json",
    log:
        "results/logs/gene_sets.log",
    benchmark:
        "results/benchmarks/gene_sets.tsv"
    conda:
        "../envs/python.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        masks=json.dumps(GENE_MASKS),
    shell:
        "genopheno gene-sets --genotypes results/cohort/genotypes --sites {input.sites}"
        " --consequences {input.consequences} --masks {params.masks:q} --out {output.sets}"
        " > {log} 2>&1"


rule gene_tests:
    input:
        genotypes=multiext("results/cohort/genotypes", ".bed", ".bim", ".fam"),
        sets="results/association/genes/sets/sets.parquet",
        counts="results/association/genes/sets/sets.json",
        design="results/association/design.parquet",
        models="results/association/design.json",
        loco="results/association/predictions/loco.parquet",
        predicted="results/association/predictions/loco.json",
        chromosomes="results/reference/ploidy/chromosomes.json",
    output:
        report="results/association/genes/genes.json",
        tables=expand("results/association/genes/{trait}.parquet", trait=TRAITS),
        downloads=expand("results/association/genes/{trait}.tsv.gz", trait=TRAITS),
        left_out=expand("results/association/genes/left_out/{trait}.parquet", trait=TRAITS),
        variants=expand("results/association/genes/variants/{trait}.parquet", trait=TRAITS),
    log:
        "results/logs/gene_tests.log",
    benchmark:
        "results/benchmarks/gene_tests.tsv"
    conda:
        "../envs/python.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 480 * attempt,
    params:
        x_male_dosage=SETTINGS.association.x_male_dosage,
        max_frequency=[f"--max-frequency {f}" for f in SETTINGS.association.genes.max_frequency],
        burden=SETTINGS.association.genes.burden,
        ultra_rare=SETTINGS.association.genes.ultra_rare_allele_count,
        weights=SETTINGS.association.genes.weights,
        min_allele_count=SETTINGS.association.genes.min_allele_count,
        min_variants=SETTINGS.association.genes.min_variants,
        follow_up=SETTINGS.association.genes.follow_up,
        correction=SETTINGS.association.correction,
        firth_below=SETTINGS.association.firth_below,
        exact_firth_below=SETTINGS.association.exact_firth_below,
    shell:
        "genopheno gene-tests --genotypes results/cohort/genotypes --design {input.design}"
        " --sets {input.sets} --loco {input.loco} --chromosomes {input.chromosomes}"
        " --x-male-dosage {params.x_male_dosage} {params.max_frequency} --burden {params.burden}"
        " --ultra-rare-allele-count {params.ultra_rare} --weights {params.weights}"
        " --min-allele-count {params.min_allele_count} --min-variants {params.min_variants}"
        " --follow-up {params.follow_up} --correction {params.correction}"
        " --firth-below {params.firth_below} --exact-firth-below {params.exact_firth_below}"
        " --out-dir results/association/genes --threads {threads} > {log} 2>&1"
