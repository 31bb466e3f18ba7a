"""A tiny project, sound or with one planted fault of each kind, and the list of what is planted.

`sound` and `plant` make the whole project: reference, genes, a site database, reads, sheets
and configuration. Paths in the configuration are relative to the project folder, so a check
has to run there.
"""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from pathlib import Path

Expected = tuple[str, str, int | None, str | None]  # code, file, line, column

SHEET = "config/samples.csv"
PEOPLE = "config/participants.csv"
GENES = "reference/genes.gff3"
DATABASE = "databases/sites.vcf.gz"
HEADER = ("sample", "participant", "sex", "library", "lane", "platform", "fastq_1", "fastq_2")
LENGTH = 3000
READ = 60

CONFIG = """\
samples: config/samples.csv
participants: config/participants.csv
phenotypes: config/phenotypes.yaml
reference:
  fasta: reference/genome.fa
  genes: reference/genes.gff3
databases:
  sites:
    file: databases/sites.vcf.gz
"""
PHENOTYPES = """\
participant: participant
missing: ["", NA]
covariates: [age, sex]
traits:
  ldl:
    column: ldl_mmol
    type: quantitative
    unit: mmol/L
  diabetes:
    column: diabetes
    type: binary
    case: [1]
    control: [0]
"""


class Project:
    """A project folder that is filled bit by bit."""

    def __init__(self, folder: Path, contig: str = "20"):
        self.folder = folder
        self.random = random.Random(20)
        self.genome = "".join(self.random.choices("ACGT", k=LENGTH))
        self.rows: list[tuple[str, ...]] = []
        self.people: list[tuple[str, ...]] = []
        for name in ("config", "reference", "databases", "reads"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self.write("config/config.yaml", CONFIG)
        self.write("config/phenotypes.yaml", PHENOTYPES)
        self.write("reference/genome.fa", f">20 a tiny one\n{self.genome}\n")
        self.write(GENES, genes(contig))
        self.pack(DATABASE, sites(contig, self.genome))

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def pack(self, name: str, text: str) -> None:
        (self.folder / name).write_bytes(gzip.compress(text.encode(), mtime=0))

    def reads(self, name: str, change: Callable[[list[list[str]], int], None] | None = None):
        """Write a pair of FASTQ; `change` may spoil the records of mate 1 or 2."""
        paths = []
        starts = [self.random.randrange(LENGTH - 3 * READ) for _ in range(40)]
        for mate in (1, 2):
            records = [
                [
                    f"@run:{name}:{i} {mate}:N:0:ACGT",
                    self.genome[start + (mate - 1) * 2 * READ :][:READ],
                    "+",
                    "".join(self.random.choices("#,:FFFFFF", k=READ)),
                ]
                for i, start in enumerate(starts)
            ]
            if change:
                change(records, mate)
            path = f"reads/{name}_R{mate}.fastq.gz"
            self.pack(path, "".join("\n".join(record) + "\n" for record in records))
            paths.append(path)
        return tuple(paths)

    def row(self, sample: str, participant: str, **other: str) -> int:
        """Add a row to the sheet, with sound reads unless paths are given; return its line."""
        line = len(self.rows) + 2
        values = {
            "sample": sample,
            "participant": participant,
            "sex": "female",
            "library": f"lib{line}",
            "lane": "L1",
            "platform": "ILLUMINA",
        }
        if "fastq_1" not in other or "fastq_2" not in other:
            values["fastq_1"], values["fastq_2"] = self.reads(f"unit{line}")
        values |= other
        self.rows.append(tuple(values[name] for name in HEADER))
        return line

    def person(self, name: str, **other: str) -> int:
        """Add a row to the participant table; return its line."""
        n = len(self.people)
        values = {"age": str(40 + n), "ldl_mmol": f"{3 + n / 10:.1f}", "diabetes": str(n % 2)}
        values |= other
        self.people.append((name, *values.values()))
        return n + 2

    def finish(self) -> None:
        """Write both sheets."""
        self.write(SHEET, table([HEADER, *self.rows]))
        self.write(PEOPLE, table([("participant", "age", "ldl_mmol", "diabetes"), *self.people]))


def table(rows: list[tuple[str, ...]]) -> str:
    return "".join(",".join(row) + "\n" for row in rows)


def genes(contig: str) -> str:
    lines = ["##gff-version 3", f"##sequence-region {contig} 1 {LENGTH}"]
    for kind, ident in (
        ("gene", "ID=gene:G1;biotype=protein_coding;Name=ONE"),
        ("mRNA", "ID=transcript:T1;Parent=gene:G1;biotype=protein_coding"),
        ("exon", "Parent=transcript:T1"),
        ("CDS", "Parent=transcript:T1"),
    ):
        phase = "0" if kind == "CDS" else "."
        lines.append(f"{contig}\tmade\t{kind}\t301\t900\t.\t+\t{phase}\t{ident}")
    return "\n".join(lines) + "\n"


def sites(contig: str, genome: str) -> str:
    lines = [
        "##fileformat=VCFv4.2",
        f"##contig=<ID={contig},length={LENGTH}>",
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO",
    ]
    for position in (100, 200, 300):
        base = genome[position - 1]
        lines.append(f"{contig}\t{position}\trs{position}\t{base}\t{'CA'[base == 'C']}\t.\t.\t.")
    return "\n".join(lines) + "\n"


def sound(folder: Path, people: int = 6) -> Path:
    """Make a project in which nothing is wrong; each person has one sample on two lanes."""
    project = Project(folder)
    for i in range(1, people + 1):
        project.person(f"P{i:02}")
        for lane in ("L1", "L2"):
            project.row(f"S{i:02}", f"P{i:02}", library=f"S{i:02}_lib", lane=lane)
    project.finish()
    return folder


def plant(folder: Path) -> tuple[Path, list[Expected]]:
    """Make a project with one fault of each kind.

    Returns
    -------
    folder : the project.
    expected : (code, file, line, column) of every problem that a check has to find there,
        and nothing else; sorted.
    """
    # FASTA says '20'; gene models say 'chr20', the database is of another chromosome.
    project = Project(folder, contig="chr20")
    project.pack(DATABASE, sites("21", project.genome))
    expected: list[Expected] = [
        ("contig-names", GENES, None, None),
        ("contig-names", DATABASE, None, None),
    ]

    def fault(code: str, column: str | None, row: int) -> None:
        expected.append((code, SHEET, row, column))

    for i in range(1, 25):
        project.person(f"P{i:02}")

    project.row("S01", "P01")  # sound
    _files(project, fault)
    _contents(project, fault)
    _cells(project, fault)
    _rows(project, fault)

    fault("sample-without-participant", "participant", project.row("S25", "P25"))
    line = project.person("P26")
    expected.append(("participant-without-sample", PEOPLE, line, "participant"))
    project.row("S27", "P27")
    line = project.person("P27", ldl_mmol="high")
    expected.append(("phenotype-value", PEOPLE, line, "ldl_mmol"))
    project.row("S28", "P28")
    line = project.person("P28", diabetes="maybe")
    expected.append(("phenotype-value", PEOPLE, line, "diabetes"))
    expected += _models(project)
    project.finish()
    return folder, sorted(expected, key=str)


Fault = Callable[[str, str | None, int], None]


def _files(project: Project, fault: Fault) -> None:
    """Files that are not there, hold nothing, are cut off, or are named twice."""
    line = project.row("S02", "P02", fastq_2="reads/nowhere.fastq.gz")
    fault("missing-file", "fastq_2", line)

    line = project.row("S03", "P03")
    (project.folder / project.rows[-1][6]).write_bytes(b"")
    fault("empty-file", "fastq_1", line)

    line = project.row("S04", "P04")
    path = project.folder / project.rows[-1][7]
    path.write_bytes(path.read_bytes()[:-200])
    fault("gzip-truncated", "fastq_2", line)

    line = project.row("S05", "P05")
    path = project.folder / project.rows[-1][6]
    content = bytearray(path.read_bytes())
    content[-6] ^= 1  # the checksum at the end
    path.write_bytes(content)
    fault("gzip-damaged", "fastq_1", line)

    line = project.row("S06", "P06", fastq_2="reads/../" + project.rows[0][7])
    fault("file-twice", "fastq_2", line)

    line = project.row("S07", "P07")
    project.rows[-1] = (*project.rows[-1][:7], project.rows[-1][6])
    fault("file-twice", "fastq_2", line)

    line = project.row("S08", "P08")
    copied = (project.folder / project.rows[0][6]).read_bytes()
    (project.folder / project.rows[-1][6]).write_bytes(copied)
    # Its mate has the same reads packed otherwise, so that the pair is in step.
    (project.folder / project.rows[-1][7]).write_bytes(
        gzip.compress(gzip.decompress((project.folder / project.rows[0][7]).read_bytes()), 1)
    )
    fault("same-content", "fastq_1", line)

    line = project.row("S09", "P09", fastq_2="reads/$HOME.fastq.gz")
    fault("illegal-path", "fastq_2", line)


def _contents(project: Project, fault: Fault) -> None:
    """Reads that are not what they should be."""

    def shorter(records: list[list[str]], mate: int) -> None:
        if mate == 2:
            del records[-3:]

    def out_of_step(records: list[list[str]], mate: int) -> None:
        if mate == 2:
            records[10], records[11] = records[11], records[10]

    def phred_64(records: list[list[str]], mate: int) -> None:
        if mate == 1:
            for record in records:
                record[3] = "".join(chr(ord(mark) + 31) for mark in record[3])

    def lost_quality(records: list[list[str]], mate: int) -> None:
        if mate == 2:
            records[7][3] = records[7][3][:-1]

    def strange_base(records: list[list[str]], mate: int) -> None:
        if mate == 1:
            records[5][1] = records[5][1][:9] + "!" + records[5][1][10:]

    def none(records: list[list[str]], mate: int) -> None:
        if mate == 1:
            records.clear()

    for sample, code, column, change in (
        ("10", "read-count", "fastq_2", shorter),
        ("11", "read-names", "fastq_2", out_of_step),
        ("12", "quality-encoding", "fastq_1", phred_64),
        ("13", "fastq-record", "fastq_2", lost_quality),
        ("14", "illegal-base", "fastq_1", strange_base),
        ("15", "no-reads", "fastq_1", none),
    ):
        reads = project.reads(f"spoiled{sample}", change)
        line = project.row(f"S{sample}", f"P{sample}", fastq_1=reads[0], fastq_2=reads[1])
        fault(code, column, line)


def _cells(project: Project, fault: Fault) -> None:
    """Cells that cannot be used."""
    fault("illegal-name", "sample", project.row("a;rm -rf x", "P16"))
    fault("illegal-name", "library", project.row("S17", "P17", library="../x"))
    fault("illegal-name", "lane", project.row("S18", "P18", lane="-n"))
    fault("unknown-sex", "sex", project.row("S19", "P19", sex="w"))
    fault("unknown-platform", "platform", project.row("S20", "P20", platform="HISEQ"))
    fault("missing-value", "lane", project.row("S21", "P21", lane=""))


def _models(project: Project) -> list[Expected]:
    """Strata and interactions that the participants do not have."""
    config = "config/config.yaml"
    project.write(
        config,
        f"""{CONFIG}
association:
  strata: {{women: {{sex: femail}}, north: {{centre: oslo}}, ldl: {{age: 40}}}}
  interactions: [bmi]
""",
    )
    project.write(
        "config/phenotypes.yaml",
        PHENOTYPES + "  ldl.ldl: {column: age, type: quantitative, covariates: [sex]}\n",
    )
    return [
        ("stratum-value", config, None, "association.strata.women.sex"),
        ("column-absent", PEOPLE, 1, "centre"),
        ("stratum-name", config, None, "association.strata.ldl"),
        ("interaction-unknown", config, None, "association.interactions"),
    ]


def _rows(project: Project, fault: Fault) -> None:
    """Rows that contradict each other."""
    project.row("S22", "P22", library="lib22")
    fault("unit-twice", "lane", project.row("S22", "P22", library="lib22"))
    project.row("S23", "P23", lane="L1")
    fault("sample-in-two-participants", "participant", project.row("S23", "P01", lane="L2"))
    project.row("S24", "P24", sex="F")
    fault("participant-with-two-sexes", "sex", project.row("S24b", "P24", sex="XY"))
