# Behind the significant variants of each trait: clumps, independent signals, credible sets.
# Imputed genotypes are scanned as dosages, and have no hard calls whose correlations could be asked.
SIGNALS = (
    [] if SETTINGS.association.dosages else expand("results/signals/{trait}.json", trait=TRAITS)
)
KNOWN = [SETTINGS.signals.known] if SETTINGS.signals.known else []


rule signals:
    input:
        genotypes=multiext("results/cohort/genotypes", ".bed", ".bim", ".fam"),
        results="results/association/{trait}.parquet",
        scan="results/association/scan.json",
        design="results/association/design.parquet",
        models="results/association/design.json",
        loco="results/association/predictions/loco.parquet",
        sites="results/annotated/sites.parquet",
        genes="results/reference/genes.gff3.gz",
        chromosomes="results/reference/ploidy/chromosomes.json",
        known=KNOWN,
    output:
        multiext(
            "results/signals/{trait}",
            ".clumps.parquet",
            ".members.parquet",
            ".signals.parquet",
            ".credible.parquet",
            ".loci.parquet",
            ".json",
        ),
    log:
        "results/logs/signals/{trait}.log",
    benchmark:
        "results/benchmarks/signals/{trait}.tsv"
    wildcard_constraints:
        trait=one_of(TRAITS),
    conda:
        "../envs/python.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 120 * attempt,
    params:
        p_value=SETTINGS.signals.p_value,
        r2=SETTINGS.signals.r2,
        kb=SETTINGS.signals.kb,
        coverage=SETTINGS.signals.coverage,
        known=[f"--known={path}" for path in KNOWN],
        known_kb=SETTINGS.signals.known_kb,
    shell:
        "genopheno signals --genotypes results/cohort/genotypes --results {input.results}"
        " --trait {wildcards.trait} --design {input.design} --loco {input.loco}"
        " --sites {input.sites} --genes {input.genes} --chromosomes {input.chromosomes}"
        " --p-value {params.p_value} --r2 {params.r2} --kb {params.kb}"
        " --coverage {params.coverage} {params.known:q} --known-kb {params.known_kb}"
        " --out-dir results/signals --threads {threads} > {log} 2>&1"
