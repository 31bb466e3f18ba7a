# Relatives, components and ancestry groups of the cohort.

ANCESTRY = SETTINGS.structure.ancestry


rule structure:
    input:
        multiext("results/cohort/genotypes", ".bed", ".bim", ".fam"),
        matrix=["results/cohort/cohort.mt"] if SETTINGS.structure.engine == "hail" else [],
        # Who is a case matters only where cases are to be kept.
        tables=(
            [
                "results/cohort/samples.parquet",
                "results/phenotypes/phenotypes.parquet",
                "results/phenotypes/traits.json",
            ]
            if SETTINGS.structure.keep_cases_of
            else []
        ),
        panel=multiext(str(ANCESTRY.panel), ".bed", ".bim", ".fam") if ANCESTRY else [],
        labels=ANCESTRY.labels if ANCESTRY else [],
    output:
        components="results/structure/components.parquet",
        loadings="results/structure/loadings.parquet",
        kinship="results/structure/kinship.parquet",
        samples="results/structure/samples.parquet",
        report="results/structure/structure.json",
    log:
        "results/logs/structure.log",
    benchmark:
        "results/benchmarks/structure.tsv"
    conda:
        f"../envs/{'java' if SETTINGS.structure.engine == 'hail' else 'python'}.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
    params:
        engine=(
            ["--engine", "hail", "--cohort", "results/cohort/cohort.mt"]
            if SETTINGS.structure.engine == "hail"
            else []
        ),
        components=SETTINGS.structure.components,
        min_allele_frequency=SETTINGS.structure.min_allele_frequency,
        ld_r2=SETTINGS.structure.ld_r2,
        window=(
            f"--ld-window-variants {SETTINGS.structure.ld_window_variants}"
            if SETTINGS.structure.ld_window_variants
            else f"--ld-window-kb {SETTINGS.structure.ld_window_kb}"
        ),
        max_kinship=SETTINGS.structure.max_kinship,
        min_independent_variants=SETTINGS.structure.min_independent_variants,
        max_isolation=SETTINGS.structure.max_isolation,
        build=SETTINGS.reference.build,
        cases=(
            [
                "--keep-cases-of",
                SETTINGS.structure.keep_cases_of,
                "--samples",
                "results/cohort/samples.parquet",
                "--phenotypes",
                "results/phenotypes/phenotypes.parquet",
                "--traits",
                "results/phenotypes/traits.json",
            ]
            if SETTINGS.structure.keep_cases_of
            else []
        ),
        ancestry=(
            [
                "--panel",
                ANCESTRY.panel,
                "--labels",
                ANCESTRY.labels,
                "--min-probability",
                ANCESTRY.min_probability,
                "--panel-components",
                ANCESTRY.components,
                "--min-shared-variants",
                ANCESTRY.min_shared_variants,
            ]
            if ANCESTRY
            else []
        ),
    shell:
        "genopheno structure --genotypes results/cohort/genotypes {params.engine}"
        " --components {params.components} --min-allele-frequency {params.min_allele_frequency}"
        " --ld-r2 {params.ld_r2} {params.window} --max-kinship {params.max_kinship}"
        " --min-independent-variants {params.min_independent_variants}"
        " --max-isolation {params.max_isolation} --build {params.build:q}"
        " {params.cases:q} {params.ancestry:q}"
        " --out-dir results/structure --threads {threads} --memory {resources.mem_mb}"
        " > {log} 2>&1"
