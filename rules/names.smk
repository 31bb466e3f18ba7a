# What the rules are about: settings, units, samples and traits, read once when Snakemake starts.
import re
from functools import cache
from pathlib import Path

try:
    from genopheno import settings as settings_model
    from genopheno.clinical.declaration import trait_names
    from genopheno.problems import StageError
    from genopheno.project import CACHE, copies_depend_on_sex
    from genopheno.reads.aligners import FAST, index_files
    from genopheno.strata import ANCESTRY as ANCESTRY_GROUP
    from genopheno.strata import columns_of, of_settings, run_names
    from genopheno.submission.alignments import is_aligned
    from genopheno.submission.sheet import read_sheet
except ModuleNotFoundError as error:
    raise WorkflowError(f"{error}. Install the package beside Snakemake: pip install .")

try:
    SETTINGS = settings_model.parse(dict(config), "config")
    STRATA = of_settings(SETTINGS.association.strata)
    # Every trait, and every trait of each stratum.
    TRAITS = run_names(trait_names(SETTINGS.phenotypes), SETTINGS.association.strata)
    _units, _problems = read_sheet(SETTINGS.samples)
    if _problems:
        raise StageError(*_problems)
    # What has to be aligned, unit by unit.
    UNITS = {
        (unit.sample, unit.unit): unit
        for unit in _units
        if unit.entry == "fastq"
        or (
            unit.entry in ("bam", "cram")
            and (SETTINGS.reads.realign or not is_aligned(unit.file, CACHE))
        )
    }
except StageError as error:
    raise WorkflowError(f"{error}\nRun 'genopheno check' for the whole list.")

SAMPLES = list(dict.fromkeys(unit.sample for unit in _units))
# Alignments taken as they are; calls made elsewhere.
_aligned = {
    unit.sample: unit
    for unit in _units
    if unit.entry in ("bam", "cram") and (unit.sample, unit.unit) not in UNITS
}
ALIGNED = {sample: unit.file for sample, unit in _aligned.items()}
GVCFS = {unit.sample: unit.file for unit in _units if unit.entry == "gvcf"}
VCFS = {unit.sample: unit.file for unit in _units if unit.entry == "vcf"}
if GVCFS and SETTINGS.calling.strategy == "joint":
    raise WorkflowError(
        f"The sheet hands in gVCFs ({', '.join(list(GVCFS)[:5])}), which only strategy gvcf"
        " can combine. Set calling.strategy: gvcf, or give their reads."
    )
CRAM_SAMPLES = [sample for sample in SAMPLES if sample not in GVCFS and sample not in VCFS]
# Samples of which the truth is known, and the truth set of each.
CONTROLS = {unit.sample: unit.control for unit in _units if unit.control}
if _unknown := set(CONTROLS.values()) - set(SETTINGS.truth_sets):
    raise WorkflowError(f"No such truth set: {', '.join(sorted(_unknown))}. Run 'genopheno check'.")
PARTICIPANT_OF = {unit.sample: unit.participant for unit in _units}
UNITS_OF = {}
for unit in UNITS.values():
    UNITS_OF.setdefault(unit.sample, []).append(unit)
_both = [
    unit.sample for unit in _units if unit.sample in _aligned and unit is not _aligned[unit.sample]
]
if _both:
    raise WorkflowError(
        f"An aligned BAM or CRAM must be the only row of its sample: {', '.join(_both)}. "
        "Merge the files, or set reads.realign: true"
    )
SHARDS = [str(i + 1) for i in range(SETTINGS.calling.shards)]
DATABASES = sorted(SETTINGS.databases)
GENOME = "results/reference/genome.fa"
ALIGNER = FAST if SETTINGS.fast else SETTINGS.aligner
INDEX = index_files(ALIGNER, GENOME)
# VCF files by the sample that names each first: (file, samples taken from it).
ENTRIES = {}
for _file in dict.fromkeys(VCFS.values()):
    _samples = [sample for sample, file in VCFS.items() if file == _file]
    ENTRIES[_samples[0]] = (_file, _samples)
# Calls made here; merged with those of the VCF entries where there are any.
CALLED = "results/calls/called.bcf" if ENTRIES else "results/calls/cohort.bcf"
CALLS_REPORT = "results/calls/merge.json" if ENTRIES else "results/calls/gather.json"
TARGETS = ["results/reference/targets.bed"] if SETTINGS.reference.targets else []
SEX_OF = {unit.sample: unit.sex for unit in _units}
PLOIDY = {sex: f"results/reference/ploidy/{sex}.bed" for sex in ("female", "male", "unknown")}


def one_of(samples):
    """A wildcard constraint: one of these, or nothing at all where there are none."""
    return "|".join(map(re.escape, samples)) or "(?!)"


def database_options(database):
    """Options of 'genopheno database' from the configuration of one."""
    options = [f"--field={field}" for field in database.fields]
    given = {
        "match": database.match,
        "combine": database.combine,
        "source": database.source,
        "release": database.version,
    }
    options += [f"--{name}={value}" for name, value in given.items() if value]
    return [*options, "--rsid" if database.rsid else "--no-rsid"]


@cache
def sexes_that_matter():
    """Sex of each sample with reads; none where every sex has the same copies of all contigs."""
    given = SETTINGS.reference.sex_chromosomes
    matter = copies_depend_on_sex(
        SETTINGS.reference.fasta,
        Path(f"{GENOME}.fai"),
        SETTINGS.reference.build,
        given and given.model_dump(),
    )
    return {sample: SEX_OF[sample] for sample in CRAM_SAMPLES} if matter else {}


wildcard_constraints:
    sample="[A-Za-z0-9][A-Za-z0-9_.-]*",
    unit="[A-Za-z0-9][A-Za-z0-9_.-]*",
    shard="[0-9]+",
    database="[A-Za-z][A-Za-z0-9_]*",
