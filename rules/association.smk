# Who is tested how, predictions from the other chromosomes, and one scan for every declared trait.


rule design:
    input:
        genotypes=multiext("results/cohort/genotypes", ".bed", ".bim", ".fam"),
        samples="results/cohort/samples.parquet",
        phenotypes="results/phenotypes/phenotypes.parquet",
        traits="results/phenotypes/traits.json",
        components="results/structure/components.parquet",
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
    shell:
        "genopheno design --engine {params.engine} --genotypes results/cohort/genotypes"
        " --samples {input.samples} --phenotypes {input.phenotypes} --traits {input.traits}"
        " --components {input.components} --n-components {params.components}"
        " --relatives {params.relatives} --model {params.model} --out {output.design}"
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


rule associate:
    input:
        genotypes=multiext("results/cohort/genotypes", ".bed", ".bim", ".fam"),
        matrix="results/cohort/cohort.mt",
        variants="results/cohort/variants.parquet",
        design="results/association/design.parquet",
        models="results/association/design.json",
        loco="results/association/predictions/loco.parquet",
        predicted="results/association/predictions/loco.json",
    output:
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
        min_allele_count=SETTINGS.association.min_allele_count,
        correction=SETTINGS.association.correction,
        firth_below=SETTINGS.association.firth_below,
        exact_firth_below=SETTINGS.association.exact_firth_below,
    shell:
        "genopheno associate --engine {params.engine} --genotypes results/cohort/genotypes"
        " --cohort {input.matrix} --variants {input.variants} --design {input.design}"
        " --loco {input.loco} --min-allele-count {params.min_allele_count}"
        " --correction {params.correction}"
        " --firth-below {params.firth_below} --exact-firth-below {params.exact_firth_below}"
        " --out-dir results/association --threads {threads} --memory {resources.mem_mb}"
        " > {log} 2>&1"


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
