# Imputed genotypes that are scanned in place of the cohort's calls; only where they are given.

IMPUTED = SETTINGS.association.imputed
DOSAGES = multiext("results/dosages/dosages", ".pgen", ".pvar", ".psam", ".json") if IMPUTED else []


rule dosages:
    input:
        files=IMPUTED,
        genotypes=multiext("results/cohort/genotypes", ".bed", ".bim", ".fam"),
        reference=[GENOME, f"{GENOME}.fai"],
        chromosomes="results/reference/ploidy/chromosomes.json",
    output:
        multiext("results/dosages/dosages", ".pgen", ".pvar", ".psam", ".json"),
    log:
        "results/logs/dosages.log",
    benchmark:
        "results/benchmarks/dosages.tsv"
    conda:
        "../envs/python.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 720 * attempt,
    shell:
        "genopheno dosages {input.files:q} --genotypes results/cohort/genotypes"
        " --reference {input.reference[0]} --chromosomes {input.chromosomes}"
        " --out results/dosages/dosages > {log} 2>&1"
