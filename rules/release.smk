# What everybody looks at, and where a later run starts.

# Under the strategy gvcf every sample has a permanent one, unless only its calls were given.
KEPT_GVCFS = (
    [sample for sample in SAMPLES if sample not in VCFS]
    if getattr(SETTINGS.calling, "strategy", "joint") == "gvcf"
    else []
)
SHEETS = ["calls"] + ["alignments"] * bool(CRAM_SAMPLES) + ["gvcfs"] * bool(KEPT_GVCFS)


rule multiqc:
    input:
        calls="results/qc/cohort.stats",
        fastp=[f"results/reads/{unit.sample}/{unit.unit}.fastp.json" for unit in UNITS.values()],
        stats=expand("results/qc/{sample}/{sample}.stats", sample=CRAM_SAMPLES),
        coverage=expand(
            "results/qc/{sample}/{sample}.mosdepth.global.dist.txt", sample=CRAM_SAMPLES
        ),
        verdicts="results/qc/samples_mqc.json",
    output:
        ensure("results/report/multiqc.html", non_empty=True),
    log:
        "results/logs/multiqc.log",
    benchmark:
        "results/benchmarks/multiqc.tsv"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=60,
    params:
        folders=["results/qc", *(["results/reads"] if UNITS else [])],
    shell:
        "genopheno multiqc {params.folders} --output {output} > {log} 2>&1"


rule report:
    input:
        receipt="results/submission/receipt.json",
        verdicts="results/qc/samples.parquet",
        calls=CALLS_REPORT,
        annotation="results/annotated/annotation.json",
        join="results/cohort/join.json",
        structure="results/structure/structure.json",
        scan="results/association/scan.json",
        interactions=INTERACTION_REPORTS,
        signals=SIGNALS,
        genes=GENE_REPORTS,
        scores=SCORES,
        calibration="results/association/calibration.json",
        summaries="results/summaries/summaries.json",
        matrices="results/matrices/dictionary.tsv",
        formats=MATRIX_FILES,
        controls=expand("results/truth/{sample}.json", sample=CONTROLS),
    output:
        report=ensure("results/report/report.html", non_empty=True),
        provenance="results/report/provenance.json",
    log:
        "results/logs/report.log",
    benchmark:
        "results/benchmarks/report.tsv"
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


# Where a later run can start: the sheets name what this one keeps.
rule sheets:
    input:
        units="results/submission/units.tsv",
        verdicts="results/qc/samples.tsv",
        calls="results/calls/cohort.bcf",
        crams=expand("results/crams/{sample}.cram", sample=CRAM_SAMPLES),
        gvcfs=expand("results/gvcfs/{sample}.g.vcf.gz", sample=KEPT_GVCFS),
    output:
        expand("results/sheets/{sheet}.csv", sheet=SHEETS),
        report="results/sheets/sheets.json",
    log:
        "results/logs/sheets.log",
    conda:
        "../envs/python.yaml"
    params:
        crams="--cram-dir results/crams" if CRAM_SAMPLES else "",
        gvcfs="--gvcf-dir results/gvcfs" if KEPT_GVCFS else "",
    shell:
        "genopheno sheets --units {input.units} --verdicts {input.verdicts} --calls {input.calls}"
        " {params.crams} {params.gvcfs} --out-dir results/sheets > {log} 2>&1"
