# The matrices in further formats, for those who work with PLINK 2, sgkit or Hail.

FORMAT_OF = {"vcz": "zarr", "mt": "hail"}
FORMAT_FILES = {
    "plink2": ["results/matrices/cohort.pgen"],
    **{format: [f"results/matrices/cohort.{ending}"] for ending, format in FORMAT_OF.items()},
}
MATRIX_FILES = [path for name in SETTINGS.matrices.formats for path in FORMAT_FILES[name]]


rule matrix_directory:
    input:
        sites="results/matrices/sites.parquet",
        genotypes="results/matrices/genotypes.parquet",
        people=["results/matrices/samples.parquet", "results/matrices/phenotypes.parquet"],
        contigs="results/matrices/annotated.vcf.gz",  # its header has their lengths
        report="results/matrices/matrices.json",
    output:
        matrix=directory("results/matrices/cohort.{ending}"),
        report="results/matrices/cohort.{ending}.json",
    log:
        "results/logs/matrix_{ending}.log",
    benchmark:
        "results/benchmarks/matrix_{ending}.tsv"
    wildcard_constraints:
        ending="|".join(FORMAT_OF),
    conda:
        "../envs/matrices.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 480 * attempt,
    params:
        to=lambda wildcards: FORMAT_OF[wildcards.ending],
        build=SETTINGS.reference.build,
    shell:
        "genopheno extract --matrices results/matrices --to {params.to} --output {output.matrix}"
        " --build {params.build:q} --threads {threads} --memory {resources.mem_mb}"
        " > {log} 2>&1"


rule matrix_plink2:
    input:
        sites="results/matrices/sites.parquet",
        genotypes="results/matrices/genotypes.parquet",
        people=["results/matrices/samples.parquet", "results/matrices/phenotypes.parquet"],
        contigs="results/matrices/annotated.vcf.gz",  # its header has their lengths
        report="results/matrices/matrices.json",
    output:
        pgen="results/matrices/cohort.pgen",
        pvar="results/matrices/cohort.pvar",
        psam="results/matrices/cohort.psam",
        report="results/matrices/cohort.pgen.json",
    log:
        "results/logs/matrix_plink2.log",
    benchmark:
        "results/benchmarks/matrix_plink2.tsv"
    conda:
        "../envs/python.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 480 * attempt,
    shell:
        "genopheno extract --matrices results/matrices --to plink2 --output {output.pgen}"
        " > {log} 2>&1"
