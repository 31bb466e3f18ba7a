# What researchers download, and what everybody looks at.


rule matrices:
    input:
        vcf="results/annotated/cohort.vcf.gz",
        index="results/annotated/cohort.vcf.gz.tbi",
        sites="results/annotated/sites.parquet",
        samples="results/cohort/samples.parquet",
        variants="results/cohort/variants.parquet",
        phenotypes="results/phenotypes/phenotypes.parquet",
    output:
        vcf=ensure("results/matrices/annotated.vcf.gz", non_empty=True),
        index="results/matrices/annotated.vcf.gz.tbi",
        sites="results/matrices/sites.parquet",
        genotypes="results/matrices/genotypes.parquet",
        samples="results/matrices/samples.parquet",
        phenotypes="results/matrices/phenotypes.parquet",
        dictionary="results/matrices/dictionary.tsv",
        report="results/matrices/matrices.json",
    log:
        "results/logs/matrices.log",
    benchmark:
        "results/benchmarks/matrices.tsv"
    conda:
        "../envs/variants.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 480 * attempt,
    params:
        min_genotype_quality=SETTINGS.variant_qc.min_genotype_quality,
    shell:
        "genopheno matrices --vcf {input.vcf} --sites {input.sites} --samples {input.samples}"
        " --variants {input.variants} --phenotypes {input.phenotypes}"
        " --min-genotype-quality {params.min_genotype_quality}"
        " --out-dir results/matrices > {log} 2>&1"


rule multiqc:
    input:
        fastp=[f"results/reads/{unit.sample}/{unit.unit}.fastp.json" for unit in UNITS.values()],
        stats=expand("results/qc/{sample}/{sample}.stats", sample=SAMPLES),
        coverage=expand("results/qc/{sample}/{sample}.mosdepth.global.dist.txt", sample=SAMPLES),
        verdicts="results/qc/samples_mqc.json",
    output:
        ensure("results/report/multiqc.html", non_empty=True),
    log:
        "results/logs/multiqc.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=60,
    shell:
        "multiqc results/reads results/qc --outdir results/report --filename multiqc.html"
        " --title 'Reads and samples' --no-data-dir --force --no-version-check > {log} 2>&1"


rule report:
    input:
        receipt="results/submission/receipt.json",
        verdicts="results/qc/samples.parquet",
        calls=CALLS_REPORT,
        annotation="results/annotated/annotation.json",
        join="results/cohort/join.json",
        structure="results/structure/structure.json",
        scan="results/association/scan.json",
        summaries="results/summaries/summaries.json",
        matrices="results/matrices/dictionary.tsv",
    output:
        report=ensure("results/report/report.html", non_empty=True),
        provenance="results/report/provenance.json",
    log:
        "results/logs/report.log",
    conda:
        "../envs/variants.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=60,
    params:
        settings=SETTINGS.model_dump_json(),
    shell:
        "genopheno report --results results --settings {params.settings:q}"
        " --output {output.report} --provenance {output.provenance} > {log} 2>&1"
