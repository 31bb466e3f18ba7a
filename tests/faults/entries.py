"""A tiny project whose rows name alignments and calls: sound ones, and one fault of each kind.

The files are made by samtools and bcftools, the contents are by hand.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.faults.planting import GENES, LENGTH, SHEET, Expected, Project, table

COLUMNS = (
    *("sample", "participant", "sex", "library", "lane", "fastq_1", "fastq_2"),
    *("bam", "cram", "gvcf", "vcf", "control"),
)
READ = 50
GATK = '##GATKCommandLine=<ID=HaplotypeCaller,Version="4.6">\n'
DEEPVARIANT = "##DeepVariant_version=1.6.0\n"
GT = '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
FIELDS = GT + (
    '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Depths">\n'
    '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">\n'
    '##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Quality">\n'
    '##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Likelihoods">\n'
    '##INFO=<ID=END,Number=1,Type=Integer,Description="End">\n'
)


class Entries(Project):
    """A project with one row for each `enter`; the participant is entered with it."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.shift = 0
        for name in ("alignments", "calls"):
            (folder / name).mkdir()

    def enter(self, sample: str, participant: str = "", **cells: str) -> int:
        """Add a row and, where it is a new one, its person; return the line."""
        if not participant:
            participant = "P" + sample
            self.person(participant)
        if "fastq_1" in cells:
            cells = {"library": f"lib{len(self.rows)}", "lane": "L1", **cells}
        values = {"sample": sample, "participant": participant, "sex": "female", **cells}
        self.rows.append(tuple(values.get(name, "") for name in COLUMNS))
        return len(self.rows) + 1

    def finish(self) -> None:
        super().finish()
        self.write(SHEET, table([COLUMNS, *self.rows]))

    # --- alignments ---

    def sam(
        self,
        *groups: str,
        contigs: dict[str, tuple[int, str]] | None = None,
        aligned: bool = True,
    ) -> str:
        """SAM of 30 reads: `groups` are the SM of its read groups; contigs: length and M5.

        Each call gives other reads.
        """
        contigs = {"20": (LENGTH, self.m5)} if contigs is None else contigs
        lines = ["@HD\tVN:1.6\tSO:" + ("coordinate" if aligned else "unsorted")]
        if aligned:
            for name, (length, m5) in contigs.items():
                lines.append(f"@SQ\tSN:{name}\tLN:{length}" + (f"\tM5:{m5}" if m5 else ""))
        lines += [f"@RG\tID:g{i}\tSM:{name}\tPL:ILLUMINA" for i, name in enumerate(groups)]
        self.shift += 1
        for i in range(30):
            start = self.shift + 40 * i
            place = (
                [next(iter(contigs)), start + 1, 60, f"{READ}M"] if aligned else ["*", 0, 0, "*"]
            )
            flag = (1024 if i == 7 else 0) if aligned else 4
            bases = self.genome[start : start + READ]
            group = [f"RG:Z:g{i % len(groups)}"] if groups else []
            cells = [f"r{i}", flag, *place, "*", 0, 0, bases, "F" * READ, *group]
            lines.append("\t".join(map(str, cells)))
        return "\n".join(lines) + "\n"

    @property
    def m5(self) -> str:
        return hashlib.md5(self.genome.encode()).hexdigest()

    def bam(self, name: str, sam: str) -> str:
        path = f"alignments/{name}.bam"
        run("samtools", "view", "-b", "-o", self.folder / path, "-", given=sam)
        return path

    def cram(self, name: str, sam: str, genome: str = "") -> str:
        """A CRAM packed with this project's genome, or with another one."""
        fasta, path = self.folder / f"alignments/{name}.fa", f"alignments/{name}.cram"
        fasta.write_text(f">20\n{genome or self.genome}\n")
        run("samtools", "view", "-C", "-T", fasta, "-o", self.folder / path, "-", given=sam)
        for rest in self.folder.glob(f"alignments/{name}.fa*"):
            rest.unlink()
        return path

    # --- calls ---

    def sites(self, every: int = 100) -> Iterator[tuple[int, str, str]]:
        """Position, REF, ALT."""
        self.shift += 1
        for position in range(self.shift, LENGTH - every, every):
            base = self.genome[position - 1]
            yield position, base, "CA"[base == "C"]

    def vcf(
        self,
        name: str,
        samples: tuple[str, ...],
        *,
        contig: str = "20",
        form: str = "GT",
        header: str = GT,
        sort: int = 1,
        complement: bool = False,
    ) -> str:
        """VCF text of genotypes; `sort`: -1 turns the records round."""
        lines = []
        for position, ref, alt in list(self.sites())[::sort]:
            if complement:
                ref, alt = alt, ref
            cells = [contig, position, ".", ref, alt, 50, "PASS", "."]
            lines.append([*cells, *([form, *(["0/1"] * len(samples))] if samples else [])])
        return self._calls(name, samples, lines, contig, header)

    def gvcf(
        self,
        name: str,
        sample: str,
        *,
        signature: str = GATK,
        symbol: str = "<NON_REF>",
        contig: str = "20",
        blocks: bool = True,
        form: str = "GT:AD:DP:GQ:PL",
    ) -> str:
        lines, last = [], 0
        for position, ref, alt in self.sites():
            if blocks and position > last + 1:
                first = self.genome[last]
                block = ["0/0", "30,0", "30", "90", "0,90,900"]
                info = f"END={position - 1}"
                lines.append([contig, last + 1, ".", first, symbol, ".", ".", info, block])
            call = ["0/1", "15,15,0", "30", "99", "300,0,300,345,345,690"]
            lines.append([contig, position, ".", ref, f"{alt},{symbol}", 50, ".", ".", call])
            last = position
        names = ["GT", "AD", "DP", "GQ", "PL"]
        kept = form.split(":")
        rows = [
            [*cells, form, ":".join(v for n, v in zip(names, call, strict=True) if n in kept)]
            for *cells, call in lines
        ]
        return self._calls(name, (sample,), rows, contig, signature + FIELDS, ".g.vcf.gz")

    def _calls(self, name, samples, lines, contig, header, ending=".vcf.gz") -> str:
        columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
        columns += ["FORMAT", *samples] if samples else []
        head = f"##fileformat=VCFv4.2\n##contig=<ID={contig},length={LENGTH}>\n{header}"
        text = head + "".join("\t".join(map(str, row)) + "\n" for row in [columns, *lines])
        path = f"calls/{name}{ending}"
        (self.folder / path).write_bytes(run("bgzip", "-c", given=text))
        return path

    # --- what happens to files ---

    def cut(self, path: str, keep: float | int) -> str:
        """Cut a file: a share to keep, or (negative) bytes to lose at the end."""
        content = (self.folder / path).read_bytes()
        at = keep if keep < 0 else int(len(content) * keep)
        (self.folder / path).write_bytes(content[:at])
        return path

    def index(self, path: str, ending: str, older_by: int) -> str:
        """Index a file, `older_by` seconds before it was written."""
        file = self.folder / path
        tool = ("samtools", "index") if ending == ".bai" else ("bcftools", "index", "-t")
        run(*tool, file)
        written = file.stat().st_mtime - older_by
        os.utime(f"{file}{ending}", (written, written))
        return path


def run(*words: str | Path, given: str = "") -> bytes:
    said = subprocess.run(list(map(str, words)), input=given.encode(), capture_output=True)
    assert said.returncode == 0, said.stderr.decode()
    return said.stdout


def sound_entries(project: Entries) -> list[str]:
    """Rows of every kind in which nothing is wrong; what the notes have to tell of them."""
    first, second = project.reads("pair")
    project.enter("S01", fastq_1=first, fastq_2=second)
    project.enter("S02", fastq_1=project.reads("single")[0])
    project.enter("S03", bam=project.bam("ours", project.sam("S03")))
    project.enter("S04", cram=project.cram("ours", project.sam("S04")))
    project.enter("S05", bam=project.bam("renamed", project.sam("old_name")))
    project.enter("S06", library="a", lane="1", bam=project.bam("a", project.sam(aligned=False)))
    project.enter(
        "S06", "PS06", library="b", lane="1", bam=project.bam("b", project.sam(aligned=False))
    )
    project.enter("S07", gvcf=project.gvcf("gatk", "S07"))
    project.enter("S08", gvcf=project.gvcf("renamed", "other"))
    deep = project.gvcf("deep", "S09", signature=DEEPVARIANT, symbol="<*>")
    project.enter("S09", gvcf=deep)
    many = project.vcf("many", ("x", "S10", "S11"))
    project.enter("S10", vcf=many)
    project.enter("S11", vcf=f"calls/../{many}")
    bcf = project.folder / "calls/one.bcf"
    run("bcftools", "view", "-Ob", "-o", bcf, project.folder / project.vcf("one", ("S12",)))
    project.enter("S12", vcf="calls/one.bcf")
    return [
        "single-end: line 3",
        "SM is not the sample and is renamed: line 6 (old_name to S05)",
        "unaligned reads, to be aligned: line 7, line 8",
        "the gVCF's sample is renamed: line 10 (other to S08)",
        "which knows <NON_REF> only: line 11 (deepvariant, <*>)",
    ]


def plant_entries(folder: Path) -> tuple[Path, list[Expected]]:
    """Make a project with one fault of each kind that alignments and calls can have.

    Returns
    -------
    folder : the project.
    expected : (code, file, line, column) of every problem that a check has to find there,
        and nothing else; sorted.
    """
    project = Entries(folder)
    sound_entries(project)
    expected: list[Expected] = []
    number = 20

    def fault(code: str, column: str, path: str, sample: str = "") -> None:
        nonlocal number
        number += 1
        line = project.enter(sample or f"S{number}", **{column: path})
        expected.append((code, SHEET, line, column))

    _alignments(project, fault)
    _gvcfs(project, fault)
    _vcfs(project, fault)
    _rows(project, expected)
    project.finish()
    assert (folder / GENES).exists()
    return folder, sorted(expected, key=str)


def _alignments(project: Entries, fault) -> None:
    sam, bam, cram = project.sam, project.bam, project.cram
    longer = {"20": (LENGTH + 1000, "")}
    fault("contig-lengths", "bam", bam("build", sam("S21", contigs=longer)), "S21")
    other = {"20": (LENGTH, "0" * 32)}
    fault("contig-sequence", "bam", bam("m5", sam("S22", contigs=other)), "S22")
    chr20 = {"chr20": (LENGTH, "")}
    fault("contig-names", "bam", bam("chr", sam("S23", contigs=chr20)), "S23")
    decoy = {"20": (LENGTH, ""), "hs37d5": (900, "")}
    fault("contig-absent", "bam", bam("decoy", sam("S24", contigs=decoy)), "S24")
    mirrored = project.genome[::-1]
    strange = {"20": (LENGTH, hashlib.md5(mirrored.encode()).hexdigest())}
    fault("cram-reference", "cram", cram("absent", sam("S25", contigs=strange), mirrored), "S25")
    # Without its last 28 bytes every read of a BAM is there; samtools would only warn.
    fault("alignment-truncated", "bam", project.cut(bam("no_end", sam("S26")), -28), "S26")
    fault("alignment-truncated", "bam", project.cut(bam("half", sam("S27")), 0.5), "S27")
    fault("alignment-truncated", "cram", project.cut(cram("half", sam("S28")), 0.7), "S28")
    fault("alignment-truncated", "cram", project.cut(cram("no_end", sam("S29")), -38), "S29")
    path = bam("damaged", sam("S30"))
    content = bytearray((project.folder / path).read_bytes())
    content[-100] ^= 255
    (project.folder / path).write_bytes(content)
    fault("alignment-damaged", "bam", path, "S30")
    project.write("alignments/text.bam", sam("S31"))
    fault("alignment-unreadable", "bam", "alignments/text.bam", "S31")
    fault("alignment-samples", "bam", bam("two", sam("S32", "S33")), "S32")
    old = project.index(bam("old_index", sam("S33")), ".bai", 3600)
    fault("index-old", "bam", old, "S33")


def _gvcfs(project: Entries, fault) -> None:
    gvcf = project.gvcf
    fault("gvcf-without-gt", "gvcf", gvcf("no_gt", "S34", form="AD:DP:GQ:PL"))
    fault("gvcf-without-blocks", "gvcf", gvcf("no_end", "S35", blocks=False))
    freebayes = "##source=freeBayes v1.3.6\n"
    fault("gvcf-caller-unfit", "gvcf", gvcf("fb", "S36", signature=freebayes, symbol="<*>"))
    fault("contig-names", "gvcf", gvcf("chr", "S37", contig="chr20"))
    fault("gzip-truncated", "gvcf", project.cut(gvcf("cut", "S38"), -28))
    fault("gvcf-samples", "gvcf", project.vcf("two", ("a", "b")))


def _vcfs(project: Entries, fault) -> None:
    vcf = project.vcf
    fault("vcf-duplicate-samples", "vcf", vcf("twice", ("S40", "x", "S40")), "S40")
    fault("sample-not-in-vcf", "vcf", vcf("others", ("s-41", "x")), "S41")
    ad = '##FORMAT=<ID=AD,Number=1,Type=String,Description="not a genotype">\n'
    fault("vcf-without-gt", "vcf", vcf("no_gt", ("S42",), form="AD", header=ad), "S42")
    fault("vcf-unsorted", "vcf", vcf("unsorted", ("S43",), sort=-1), "S43")
    fault("reference-differs", "vcf", vcf("build", ("S44",), complement=True), "S44")
    fault("contig-names", "vcf", vcf("chr", ("S45",), contig="chr20"), "S45")
    fault("vcf-is-gvcf", "vcf", project.gvcf("as_vcf", "S46"), "S46")
    fault("vcf-without-samples", "vcf", vcf("sites", ()), "S47")
    fault("gzip-truncated", "vcf", project.cut(vcf("half", ("S48",)), 0.5), "S48")
    project.write("calls/text.vcf", "no VCF\n")
    fault("not-vcf", "vcf", "calls/text.vcf", "S49")
    old = project.index(vcf("old_index", ("S50",)), ".tbi", 3600)
    fault("index-old", "vcf", old, "S50")
    head = run("bcftools", "view", "-h", project.folder / vcf("some", ("S51",)))
    project.write("calls/empty.vcf", head.decode())
    fault("no-records", "vcf", "calls/empty.vcf", "S51")


def _rows(project: Entries, expected: list[Expected]) -> None:
    """Rows that do not go together."""

    def later(code: str, column: str, sample: str, participant: str = "", **cells: str) -> None:
        line = project.enter(sample, participant or f"P{sample}", **cells)
        expected.append((code, SHEET, line, column))

    project.enter("S60", fastq_1=project.reads("s60")[0])
    calls = project.vcf("same_name", ("S60",))
    later("sample-in-two-participants", "participant", "S60", "PS01", vcf=calls)
    project.enter("S61", fastq_1=project.reads("s61")[0])
    later("entry-mixed", "gvcf", "S61", gvcf=project.gvcf("mixed", "S61"))
    project.enter("S62", library="a", bam=project.bam("m1", project.sam("S62")))
    again = project.bam("m2", project.sam("S62"))
    later("entry-mixed", "bam", "S62", library="b", bam=again)
    project.enter("S63", vcf=project.vcf("repeated", ("S63",)))
    later("unit-twice", "vcf", "S63", vcf="calls/repeated.vcf.gz")
    project.enter("S64", gvcf=project.gvcf("shared", "S64"))
    line = project.enter("S65", gvcf="calls/shared.g.vcf.gz")
    expected.append(("file-twice", SHEET, line, "gvcf"))
    both = {"bam": project.bam("several", project.sam("S66")), "vcf": project.vcf("s", ("S66",))}
    line = project.enter("S66", **both)
    expected.append(("several-entries", SHEET, line, "vcf"))
    copied = project.bam("copied", project.sam("S67"))
    project.enter("S67", bam=copied)
    content = (project.folder / copied).read_bytes()
    (project.folder / "alignments/copy.bam").write_bytes(content)
    line = project.enter("S68", bam="alignments/copy.bam")
    expected.append(("same-content", SHEET, line, "bam"))
