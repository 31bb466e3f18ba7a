# Calls that labs handed in (VCF), and the calls of the whole cohort where there are any.


rule receive_vcf:
    input:
        vcf=lambda wildcards: ENTRIES[wildcards.sample][0],
        reference=GENOME,
        fai=f"{GENOME}.fai",
    output:
        bcf=ensure("results/calls/entries/{sample}.bcf", non_empty=True),
        index="results/calls/entries/{sample}.bcf.csi",
        report="results/calls/entries/{sample}.json",
    log:
        "results/logs/receive_vcf/{sample}.log",
    benchmark:
        "results/benchmarks/receive_vcf/{sample}.tsv"
    conda:
        "../envs/variants.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
    params:
        sheet=str(SETTINGS.samples),
        # Samples that are taken from this file; the command reads them in the sheet.
        samples=lambda wildcards: ENTRIES[wildcards.sample][1],
    shell:
        "genopheno receive-vcf {input.vcf:q} --samples {params.sheet:q}"
        " --reference {input.reference} --output {output.bcf} --report {output.report}"
        " > {log} 2>&1"


if ENTRIES:

    rule merge_calls:
        input:
            # With VCF entries alone nothing is called.
            called=[CALLED] if len(VCFS) < len(SAMPLES) else [],
            called_index=[f"{CALLED}.csi"] if len(VCFS) < len(SAMPLES) else [],
            entries=expand("results/calls/entries/{sample}.bcf", sample=ENTRIES),
            indexes=expand("results/calls/entries/{sample}.bcf.csi", sample=ENTRIES),
        output:
            bcf=ensure("results/calls/cohort.bcf", non_empty=True),
            index="results/calls/cohort.bcf.csi",
            report="results/calls/merge.json",
        log:
            "results/logs/merge_calls.log",
        benchmark:
            "results/benchmarks/merge_calls.tsv"
        conda:
            "../envs/variants.yaml"
        resources:
            mem_mb=lambda wildcards, attempt: 4000 * attempt,
            runtime=lambda wildcards, attempt: 480 * attempt,
        params:
            sheet=str(SETTINGS.samples),
        shell:
            "genopheno merge-calls {input.called} {input.entries} --samples {params.sheet:q}"
            " --output {output.bcf} --report {output.report} > {log} 2>&1"
