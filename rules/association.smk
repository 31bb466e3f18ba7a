# Who is tested how, predictions from the other chromosomes, and one scan for every declared trait.

BY_ANCESTRY = any(ANCESTRY_GROUP in stratum.columns for stratum in STRATA)
CONDITIONS = SETTINGS.association.condition_on
INTERACTIONS = list(dict.fromkeys(SETTINGS.association.interactions))
INTERACTION_REPORTS = expand(
    "results/association/interactions/{trait}.{covariate}.json",
    trait=TRAITS,
    covariate=INTERACTIONS,
)


rule design:
    input:
        genotypes=multiext("results/cohort/genotypes", ".bed", ".bim", ".fam"),
        samples="results/cohort/samples.parquet",
        phenotypes="results/phenotypes/phenotypes.parquet",
        traits="results/phenotypes/traits.json",
        components="results/structure/components.parquet",
        # Groups and rsIDs only where they are asked for.
        structure=["results/structure/samples.parquet"] if BY_ANCESTRY else [],
        variants=["results/cohort/variants.parquet"] if CONDITIONS else [],
    output:
        design="results/association/design.parquet",
        report="results/association/design.json",
    log:
        "results/logs/design.log",
    benchmark:
        "results/benchmarks/design.tsv"
    conda:
        "../envs/python.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        engine=SETTINGS.association.engine,
        model=SETTINGS.association.model,
        components=SETTINGS.association.components,
        relatives=SETTINGS.association.relatives,
        strata=[f"--stratum={option}" for stratum in STRATA for option in stratum.options()],
        structure=["--structure", "results/structure/samples.parquet"] if BY_ANCESTRY else [],
        conditions=[f"--condition-on={variant}" for variant in CONDITIONS],
        variants=["--variants", "results/cohort/variants.parquet"] if CONDITIONS else [],
        interactions=[f"--interaction={name}" for name in INTERACTIONS],
    shell:
        "genopheno design --engine {params.engine} --genotypes results/cohort/genotypes"
        " --samples {input.samples} --phenotypes {input.phenotypes} --traits {input.traits}"
        " --components {input.components} --n-components {params.components}"
        " --relatives {params.relatives} --model {params.model} {params.strata:q}"
        " {params.structure:q} {params.conditions:q} {params.variants:q} {params.interactions:q}"
        " --out {output.design}"
        " > {log} 2>&1"


rule loco:
    input:
        genotypes=multiext("results/cohort/genotypes", ".bed", ".bim", ".fam"),
        design="results/association/design.parquet",
        models="results/association/design.json",
    output:
        loco="results/association/predictions/loco.parquet",
        report="results/association/predictions/loco.json",
    log:
        "results/logs/loco.log",
    benchmark:
        "results/benchmarks/loco.tsv"
    conda:
        "../envs/python.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 720 * attempt,
    params:
        block_size=SETTINGS.association.wgr.block_size,
        min_allele_frequency=SETTINGS.association.wgr.min_allele_frequency,
    shell:
        "genopheno loco --genotypes results/cohort/genotypes --design {input.design}"
        " --block-size {params.block_size} --min-allele-frequency {params.min_allele_frequency}"
        " --out {output.loco} --threads {threads} > {log} 2>&1"


# Jobs that share the scan. Hail scans all variants in one.
scattergather:
    scan=1 if SETTINGS.association.engine == "hail" else SETTINGS.association.jobs,


rule associate:
    input:
        genotypes=multiext("results/cohort/genotypes", ".bed", ".bim", ".fam"),
        matrix="results/cohort/cohort.mt",
        variants="results/cohort/variants.parquet",
        design="results/association/design.parquet",
        models="results/association/design.json",
        loco="results/association/predictions/loco.parquet",
        predicted="results/association/predictions/loco.json",
        chromosomes="results/reference/ploidy/chromosomes.json",
        dosages=DOSAGES,
    output:
        temp(directory("results/association/parts/{scatteritem}")),
    log:
        "results/logs/associate/{scatteritem}.log",
    benchmark:
        "results/benchmarks/associate/{scatteritem}.tsv"
    wildcard_constraints:
        scatteritem="[0-9]+-of-[0-9]+",
    conda:
        "../envs/java.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 720 * attempt,
    params:
        engine=SETTINGS.association.engine,
        x_male_dosage=SETTINGS.association.x_male_dosage,
        dosages=(
            [
                "--dosages=results/dosages/dosages",
                f"--min-imputation-quality={SETTINGS.association.min_imputation_quality}",
            ]
            if DOSAGES
            else []
        ),
        min_allele_count=SETTINGS.association.min_allele_count,
        correction=SETTINGS.association.correction,
        firth_below=SETTINGS.association.firth_below,
        exact_firth_below=SETTINGS.association.exact_firth_below,
    shell:
        "genopheno associate --engine {params.engine} --genotypes results/cohort/genotypes"
        " --cohort {input.matrix} --variants {input.variants} --design {input.design}"
        " --loco {input.loco} --part {wildcards.scatteritem} --chromosomes {input.chromosomes}"
        " --x-male-dosage {params.x_male_dosage} {params.dosages}"
        " --min-allele-count {params.min_allele_count} --correction {params.correction}"
        " --firth-below {params.firth_below} --exact-firth-below {params.exact_firth_below}"
        " --out-dir {output} --threads {threads} --memory {resources.mem_mb} > {log} 2>&1"


rule gather_scan:
    input:
        gather.scan("results/association/parts/{scatteritem}"),
    output:
        report="results/association/scan.json",
        tables=expand("results/association/{trait}.parquet", trait=TRAITS),
        downloads=expand("results/association/{trait}.tsv.gz", trait=TRAITS),
        left_out=expand("results/association/left_out/{trait}.parquet", trait=TRAITS),
    log:
        "results/logs/gather_scan.log",
    benchmark:
        "results/benchmarks/gather_scan.tsv"
    conda:
        "../envs/python.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 120 * attempt,
    shell:
        "genopheno gather-scan {input} --out-dir results/association --threads {threads}"
        " > {log} 2>&1"


# One job per trait and covariate: they share nothing but what they read.
rule interact:
    input:
        genotypes=multiext("results/cohort/genotypes", ".bed", ".bim", ".fam"),
        variants="results/cohort/variants.parquet",
        design="results/association/design.parquet",
        models="results/association/design.json",
        loco="results/association/predictions/loco.parquet",
        predicted="results/association/predictions/loco.json",
    output:
        table="results/association/interactions/{trait}.{covariate}.parquet",
        download="results/association/interactions/{trait}.{covariate}.tsv.gz",
        report="results/association/interactions/{trait}.{covariate}.json",
    log:
        "results/logs/interact/{trait}.{covariate}.log",
    benchmark:
        "results/benchmarks/interact/{trait}.{covariate}.tsv"
    wildcard_constraints:
        trait=one_of(TRAITS),
        covariate=one_of(INTERACTIONS),
    conda:
        "../envs/python.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 720 * attempt,
    params:
        min_allele_count=SETTINGS.association.min_allele_count,
        firth_below=SETTINGS.association.firth_below,
    shell:
        "genopheno interact --genotypes results/cohort/genotypes --variants {input.variants}"
        " --design {input.design} --loco {input.loco}"
        " --trait {wildcards.trait} --covariate {wildcards.covariate}"
        " --min-allele-count {params.min_allele_count} --firth-below {params.firth_below}"
        " --out {output.table} --threads {threads} > {log} 2>&1"


rule calibrate:
    input:
        genotypes=multiext("results/cohort/genotypes", ".bed", ".bim", ".fam"),
        design="results/association/design.parquet",
        models="results/association/design.json",
        tables=expand("results/association/{trait}.parquet", trait=TRAITS),
        scores=SETTINGS.association.calibration.ld_scores or [],
    output:
        table="results/association/calibration.parquet",
        report="results/association/calibration.json",
    log:
        "results/logs/calibrate.log",
    benchmark:
        "results/benchmarks/calibrate.tsv"
    conda:
        "../envs/python.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
    params:
        replicates=SETTINGS.association.calibration.replicates,
        variants=SETTINGS.association.calibration.variants,
        case_fractions=[
            f"--case-fraction {share}" for share in SETTINGS.association.calibration.case_fractions
        ],
        seed=SETTINGS.association.calibration.seed,
        ld_scores=(
            f"--ld-scores {SETTINGS.association.calibration.ld_scores}"
            if SETTINGS.association.calibration.ld_scores
            else ""
        ),
        min_allele_count=SETTINGS.association.min_allele_count,
        correction=SETTINGS.association.correction,
        firth_below=SETTINGS.association.firth_below,
        exact_firth_below=SETTINGS.association.exact_firth_below,
        block_size=SETTINGS.association.wgr.block_size,
        min_allele_frequency=SETTINGS.association.wgr.min_allele_frequency,
    shell:
        "genopheno calibrate --genotypes results/cohort/genotypes --design {input.design}"
        " --results-dir results/association --replicates {params.replicates}"
        " --variants {params.variants} {params.case_fractions} --seed {params.seed}"
        " {params.ld_scores} --min-allele-count {params.min_allele_count}"
        " --correction {params.correction} --firth-below {params.firth_below}"
        " --exact-firth-below {params.exact_firth_below} --block-size {params.block_size}"
        " --min-allele-frequency {params.min_allele_frequency} --out {output.table}"
        " --threads {threads} > {log} 2>&1"
