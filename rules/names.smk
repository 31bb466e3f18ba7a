# What the rules are about: settings, units, samples and traits, read once when Snakemake starts.
try:
    from genopheno import settings as settings_model
    from genopheno.clinical.declaration import trait_names
    from genopheno.problems import StageError
    from genopheno.submission.alignments import is_aligned
    from genopheno.submission.sheet import read_sheet
except ModuleNotFoundError as error:
    raise WorkflowError(f"{error}. Install the package beside Snakemake: pip install .")

try:
    SETTINGS = settings_model.parse(dict(config), "config")
    TRAITS = trait_names(SETTINGS.phenotypes)
    _units, _problems = read_sheet(SETTINGS.samples)
    if _problems:
        raise StageError(*_problems)
except StageError as error:
    raise WorkflowError(f"{error}\nRun 'genopheno check' for the whole list.")

SAMPLES = list(dict.fromkeys(unit.sample for unit in _units))
# What has to be aligned, unit by unit; alignments taken as they are; calls made elsewhere.
UNITS = {
    (unit.sample, unit.unit): unit
    for unit in _units
    if unit.entry == "fastq" or (unit.entry in ("bam", "cram") and not is_aligned(unit.file))
}
ALIGNED = {
    unit.sample: unit.file
    for unit in _units
    if unit.entry in ("bam", "cram") and (unit.sample, unit.unit) not in UNITS
}
GVCFS = {unit.sample: unit.file for unit in _units if unit.entry == "gvcf"}
VCFS = {unit.sample: unit.file for unit in _units if unit.entry == "vcf"}
CRAM_SAMPLES = [sample for sample in SAMPLES if sample not in GVCFS and sample not in VCFS]
# Samples of which the truth is known, and the truth set of each.
CONTROLS = {unit.sample: unit.control for unit in _units if unit.control}
if _unknown := set(CONTROLS.values()) - set(SETTINGS.truth_sets):
    raise WorkflowError(f"No such truth set: {', '.join(sorted(_unknown))}. Run 'genopheno check'.")
PARTICIPANT_OF = {unit.sample: unit.participant for unit in _units}
UNITS_OF = {}
for unit in UNITS.values():
    UNITS_OF.setdefault(unit.sample, []).append(unit)
SHARDS = [str(i + 1) for i in range(SETTINGS.calling.shards)]
DATABASES = sorted(SETTINGS.databases)
GENOME = "results/reference/genome.fa"


wildcard_constraints:
    sample="[A-Za-z0-9][A-Za-z0-9_.-]*",
    unit="[A-Za-z0-9][A-Za-z0-9_.-]*",
    shard="[0-9]+",
    database="[A-Za-z][A-Za-z0-9_]*",
