# Polygenic scores, where scoring files are configured.
SCORES = ["results/scores/scores.json"] if SETTINGS.scores.files else []


rule score:
    input:
        genotypes=multiext("results/cohort/genotypes", ".bed", ".bim", ".fam"),
        components="results/structure/components.parquet",
        variants="results/cohort/variants.parquet",
        files=list(SETTINGS.scores.files.values()),
    output:
        scores="results/scores/scores.parquet",
        variants="results/scores/variants.parquet",
        report="results/scores/scores.json",
    log:
        "results/logs/score.log",
    benchmark:
        "results/benchmarks/score.tsv"
    conda:
        "../envs/python.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 120 * attempt,
    params:
        files=[f"--scoring={name}={path}" for name, path in SETTINGS.scores.files.items()],
        build=SETTINGS.reference.build,
        min_match=SETTINGS.scores.min_match,
        ambiguous="--keep-ambiguous" if SETTINGS.scores.keep_ambiguous else "",
        components=SETTINGS.scores.components,
    shell:
        "genopheno score --genotypes results/cohort/genotypes {params.files:q}"
        " --build {params.build:q} --min-match {params.min_match} {params.ambiguous}"
        " --components {input.components} --n-components {params.components}"
        " --variants {input.variants} --out-dir results/scores --threads {threads} > {log} 2>&1"
