# One verdict per sample, from its reads and its genotypes.
import json


rule verdicts:
    input:
        metrics=expand("results/qc/{sample}/metrics.json", sample=SAMPLES),
        calls="results/calls/cohort.bcf",
    output:
        table=ensure("results/qc/samples.parquet", non_empty=True),
        tsv="results/qc/samples.tsv",
        multiqc="results/qc/samples_mqc.json",
    log:
        "results/logs/verdicts.log",
    benchmark:
        "results/benchmarks/verdicts.tsv"
    conda:
        "../envs/variants.yaml"
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        sheet=str(SETTINGS.samples),
        limits=json.dumps(settings_model.limits(SETTINGS), sort_keys=True),
    shell:
        "genopheno verdicts --samples {params.sheet:q} --qc-dir results/qc --calls {input.calls}"
        " --limits {params.limits:q} --output {output.table} --tsv {output.tsv}"
        " --multiqc {output.multiqc} > {log} 2>&1"
