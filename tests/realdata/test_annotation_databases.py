"""Real databases: every allele that they hold is found, and no other.

Who holds what is told by a reader of its own: pysam, and exact matching after a left
alignment that is written here.
"""

import gzip
import random
import subprocess

import pysam
import pytest

from genopheno import tools
from genopheno.annotation.databases import lookup, prepare, read_prepared
from genopheno.annotation.values import reader
from genopheno.problems import StageError

PLAIN = set("ACGT")


def unpack(source, target):
    target.write_bytes(gzip.decompress(source.read_bytes()))
    return target


def write_calls(path, keys):
    """Sites (contig, position, REF, ALT) as a VCF, sorted."""
    lines = [
        "##fileformat=VCFv4.2",
        *(f"##contig=<ID={c}>" for c in dict.fromkeys(k[0] for k in keys)),
    ]
    lines.append("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO")
    lines += ["\t".join([c, str(p), ".", r, a, ".", ".", "."]) for c, p, r, a in keys]
    path.write_text("\n".join(lines) + "\n")
    return path


def as_told(kind, raw, encoded):
    """A value of pysam by way of its text, as the table of sites has it."""
    if kind == "bool":
        return bool(raw)
    parts = raw if isinstance(raw, tuple) else (raw,)
    return reader(kind, encoded)(",".join("." if part is None else str(part) for part in parts))


def looked_up(path, name, calls):
    """Key → values of a database, of the calls that it holds; rsid where it gives one."""
    prepared = read_prepared(name, path)
    out = calls.with_suffix(".found.bcf")
    tools.run(["bcftools", "view", calls], *lookup(prepared, path, calls.parent), stdout=out)
    found, n = {}, 0
    for record in pysam.VariantFile(str(out)):
        n += 1
        if prepared.found in record.info:
            values = {
                column.field: as_told(field.type, record.info.get(column.name), prepared.encoded)
                for column, field in zip(prepared.taken, prepared.fields[1:], strict=True)
            }
            found[record.chrom, record.pos, record.ref, record.alts[0]] = {
                **values,
                "id": record.id,
            }
    assert n == sum(1 for line in calls.open() if not line.startswith("#"))
    return found


def left(sequence, position, ref, alt):
    """Left-align and trim an allele (Tan, Abecasis and Kang 2015); position from 1."""
    while ref != alt and ref[-1] == alt[-1] and (len(ref) > 1 or len(alt) > 1):
        if min(len(ref), len(alt)) == 1:
            if position == 1:
                break
            position -= 1
            base = sequence[position - 1]
            ref, alt = base + ref, base + alt
        ref, alt = ref[:-1], alt[:-1]
    while min(len(ref), len(alt)) > 1 and ref[0] == alt[0]:
        position, ref, alt = position + 1, ref[1:], alt[1:]
    return position, ref, alt


def right(sequence, position, ref, alt):
    """The same change of an insertion or deletion, as far to the right as it goes."""
    while True:
        end = position - 1 + len(ref)
        if end >= len(sequence) or (ref + sequence[end])[0] != (alt + sequence[end])[0]:
            return position, ref, alt
        longer_ref, longer_alt = ref + sequence[end], alt + sequence[end]
        if longer_ref[1:2] != longer_alt[1:2]:
            return position, ref, alt
        position, ref, alt = position + 1, longer_ref[1:], longer_alt[1:]


@pytest.fixture(scope="module")
def megabase(data, tmp_path_factory):
    """Folder, FASTA and sequence of kgp_1mb, and its alleles by left-aligned key."""
    folder = data("kgp_1mb")
    fasta = unpack(folder / "z.fa.gz", tmp_path_factory.mktemp("z") / "z.fa")
    pysam.faidx(str(fasta))
    sequence = pysam.FastaFile(str(fasta)).fetch("z").upper()
    published = {}
    for record in pysam.VariantFile(str(folder / "z.sites.vcf.gz")):
        for index, alternate in enumerate(record.alts):
            if set(alternate) <= PLAIN:
                key = ("z", *left(sequence, record.pos, record.ref, alternate))
                published.setdefault(key, []).append((record.info["EUR_AF"][index], record.id))
    return folder, fasta, sequence, published


def person(folder, sequence):
    """Left-aligned alleles of NA12878, in order."""
    keys = {
        ("z", *left(sequence, record.pos, record.ref, alternate))
        for record in pysam.VariantFile(str(folder / "z.NA12878_giab_v3.3.2.vcf.gz"))
        for alternate in record.alts
    }
    return sorted(keys)


def test_frequencies_of_a_real_person(megabase, tmp_path):
    """NA12878 in 1 Mb: 1,153 of 1,236 alleles are among the 1000 Genomes sites as written."""
    folder, fasta, sequence, published = megabase
    path = tmp_path / "kgp.tsv.gz"
    counts = prepare(
        *("kgp", folder / "z.sites.vcf.gz"),
        reference=fasta,
        fields=["AF", "EUR_AF"],
        rsid=True,
        out=path,
    )
    assert counts["records_in"] == 28_998
    assert counts["alleles_disagreeing"] == counts["records_outside_reference"] == 0
    assert counts["alleles_left_out"]["symbolic"] >= 24
    assert counts["records"] == len(published)
    assert counts["duplicates"] == sum(len(values) - 1 for values in published.values())

    keys = person(folder, sequence)
    assert len(keys) == 1236
    found = looked_up(path, "kgp", write_calls(tmp_path / "calls.vcf", keys))
    assert found.keys() == set(keys) & published.keys()
    assert len(found) >= 1153
    for key, values in found.items():
        assert values["EUR_AF"] == pytest.approx(published[key][0][0], rel=1e-6), key
        assert values["id"] == published[key][0][1], key


def test_shifted_indels_written_differently_are_found(megabase, tmp_path):
    """As a table, its rows out of order, 'chr' before its contig, indels shifted to the right
    and with a base too much on both sides."""
    folder, fasta, sequence, published = megabase
    keys = [key for key in person(folder, sequence) if len(key[2]) != len(key[3])]
    there = [key for key in keys if key in published]
    assert len(there) >= 80
    rows, moved = [], 0
    for key in there:
        position, ref, alt = right(sequence, *key[1:])
        moved += position != key[1]
        before, after = sequence[position - 2], sequence[position - 1 + len(ref)]
        rows.append(f"chrz\t{position - 1}\t{before}{ref}{after}\t{before}{alt}{after}\t{key[1]}\n")
    assert moved > 50
    random.Random(1).shuffle(rows)
    table = tmp_path / "table.tsv"
    table.write_text("chrom\tpos\tref\talt\tplace\n" + "".join(rows))
    path = tmp_path / "t.tsv.gz"
    counts = prepare("t", table, reference=fasta, fields=["place"], out=path)
    assert counts["contigs_renamed"] == {"chrz": "z"}
    found = looked_up(path, "t", write_calls(tmp_path / "calls.vcf", keys))
    assert {key: values["place"] for key, values in found.items()} == {key: key[1] for key in there}


def test_another_build_is_refused(megabase, tmp_path):
    """The same sites, seven bases on: three of four SNVs disagree."""
    folder, fasta, _, _ = megabase
    shifted = tmp_path / "shifted.vcf"
    with shifted.open("w") as out:
        for line in gzip.open(folder / "z.sites.vcf.gz", "rt"):
            cells = line.split("\t")
            if not line.startswith("#"):
                cells[1] = str(int(cells[1]) + 7)
            out.write("\t".join(cells))
    with pytest.raises(StageError) as error:
        prepare("kgp", shifted, reference=fasta, fields=["AF"], out=tmp_path / "o.tsv.gz")
    assert error.value.problems[0].code == "database-other-build"


def known_only(records, path, contig):
    """A FASTA that knows only the REF of these records."""
    sequence = ["N"] * (max(r.stop for r in records) + 100)
    for record in records:
        sequence[record.start : record.start + len(record.ref)] = record.ref
    path.write_text(f">{contig}\n{''.join(sequence)}\n")
    return path


def with_others(keys):
    """The keys, and for each SNV the other bases, and for each indel one base more."""
    others = set()
    for contig, position, ref, alt in keys:
        if len(ref) == len(alt) == 1:
            others |= {(contig, position, ref, base) for base in PLAIN - {ref, alt}}
        else:
            others.add((contig, position, ref, alt + "A"))
    return sorted(others | set(keys))


def test_gnomad_with_its_870_fields(data, tmp_path):
    source = data("hail_sample_vcf") / "gnomad_exomes_r2.1.1_chr1.sites.vcf.gz"
    records = list(pysam.VariantFile(str(source)))
    fasta = known_only(records, tmp_path / "1.fa", "1")
    wanted = ["AF", "AC", "popmax", "segdup", "vep", "age_hist_het_bin_freq"]
    path = tmp_path / "gnomad.tsv.gz"
    counts = prepare("gnomad", source, reference=fasta, fields=wanted, rsid=True, out=path)
    assert counts["records"] == len(records) == 100
    by_key = {("1", r.pos, r.ref, r.alts[0]): r for r in records}
    calls = write_calls(tmp_path / "calls.vcf", with_others(by_key))
    found = looked_up(path, "gnomad", calls)
    assert found.keys() == by_key.keys()
    for key, record in by_key.items():
        values, info = found[key], record.info
        assert values["AC"] == info["AC"][0]
        assert values["AF"] == (pytest.approx(info["AF"][0], rel=1e-6) if "AF" in info else None)
        assert values["segdup"] == ("segdup" in info)
        assert values["popmax"] == info.get("popmax", (None,))[0]
        assert values["vep"] == (",".join(info["vep"]) if "vep" in info else None)
        (histogram,) = info.get("age_hist_het_bin_freq", (None,))
        assert values["age_hist_het_bin_freq"] == histogram
        assert values["id"] == record.id
    with pytest.raises(StageError, match="no INFO field AF_of_everything"):
        prepare("x", source, reference=fasta, fields=["AF_of_everything"], out=path)


def test_clinvar_word_for_word(data, tmp_path):
    """Its 50 records on all chromosomes, on a reference that is named 'chr1' and so on.

    The records are moved to the begin of their chromosomes, 10 kb apart: the sequence that
    they need would have three billion letters.
    """
    source = data("clinvar_small") / "clinvar_grch38_50.vcf.gz"
    moved, expected, sequences, head = [], {}, {}, []
    for line in gzip.open(source, "rt"):
        if line.startswith("#"):
            head.append(line if not line.startswith("##contig") else "")
            continue
        cells = line.rstrip("\n").split("\t")
        bases = sequences.setdefault(cells[0], ["N"] * 100)
        bases += ["N"] * (10_000 - len(bases) % 10_000)
        cells[1] = str(len(bases) + 1)
        bases += cells[3] + "N" * 100
        moved.append("\t".join(cells))
        info = dict(part.partition("=")[::2] for part in cells[7].split(";"))
        for alternate in cells[4].split(","):
            if set(alternate) <= PLAIN:
                mine = "chrM" if cells[0] == "MT" else f"chr{cells[0]}"
                expected[mine, int(cells[1]), cells[3], alternate] = info
    assert len(moved) == 50 and len(expected) >= 45
    vcf, fasta = tmp_path / "clinvar.vcf", tmp_path / "genome.fa"
    vcf.write_text("".join(head) + "\n".join(moved) + "\n")
    names = {c: "chrM" if c == "MT" else f"chr{c}" for c in sequences}
    fasta.write_text("".join(f">{names[c]}\n{''.join(bases)}\n" for c, bases in sequences.items()))
    wanted = ["CLNSIG", "CLNREVSTAT", "CLNDN", "CLNHGVS", "MC", "GENEINFO", "ALLELEID"]
    path = tmp_path / "clinvar.tsv.gz"
    counts = prepare("clinvar", vcf, reference=fasta, fields=wanted, out=path)
    assert counts["records"] == len(expected)
    assert counts["contigs_renamed"] == names
    keys = with_others(expected)
    assert len(keys) > len(expected) + 50
    found = looked_up(path, "clinvar", write_calls(tmp_path / "calls.vcf", keys))
    assert found.keys() == expected.keys()
    for key, info in expected.items():
        for field in wanted:
            said = found[key][field]
            assert (None if said is None else str(said)) == info.get(field), (key, field)
    assert counts["fields"]["CLNSIG"]["values"] == sum("CLNSIG" in i for i in expected.values())


def test_clinvar_on_the_chromosomes_that_we_have(data, tmp_path):
    clinvar = data("clinvar_small") / "clinvar_grch38_50.vcf.gz"
    fasta = unpack(data("annotation_ensembl_chr21") / "grch38_chr21_10mb.fa.gz", tmp_path / "21.fa")
    path = tmp_path / "clinvar.tsv.gz"
    wanted = ["CLNSIG", "CLNDN", "GENEINFO"]
    counts = prepare("clinvar", clinvar, reference=fasta, fields=wanted, out=path)
    assert counts["records_in"] == 50
    assert counts["records_outside_reference"] == 49
    keys = [("21", 6116503, "C", "A"), ("21", 6116503, "C", "T")]
    assert looked_up(path, "clinvar", write_calls(tmp_path / "calls.vcf", keys)) == {
        keys[1]: {
            "CLNSIG": "Pathogenic",
            "CLNDN": "Rolandic_epilepsy",
            "GENEINFO": "LOC102724428:102724428",
            "id": None,
        }
    }
    # '20' in the database, 'chr20' in the reference.
    fasta = unpack(data("grch38_chr20_10mb") / "grch38_chr20_10mb.fa.gz", tmp_path / "chr20.fa")
    counts = prepare("clinvar", clinvar, reference=fasta, fields=["MC"], out=path)
    assert counts["contigs_renamed"] == {"20": "chr20"}
    keys = [("chr20", 145514, "GCAAA", "G"), ("chr20", 145669, "ACC", "A")]
    found = looked_up(path, "clinvar", write_calls(tmp_path / "calls.vcf", keys))
    assert {key: values["MC"] for key, values in found.items()} == dict.fromkeys(
        keys, "SO:0001589|frameshift_variant"
    )


def test_regions_agree_with_bedtools_like_overlap(megabase, tmp_path):
    """2,000 random regions that overlap each other, over the person's alleles."""
    folder, fasta, sequence, _ = megabase
    draw = random.Random(3)
    regions = []
    for i in range(2000):
        start = draw.randrange(990_000)
        regions.append((start, start + draw.randrange(1, 3000), f"r{i % 7}", draw.randrange(100)))
    bed = tmp_path / "regions.bed.gz"
    text = "".join(f"chrz\t{s}\t{e}\t{n}\t{v}\n" for s, e, n, v in regions)
    bed.write_bytes(gzip.compress(text.encode()))
    path = tmp_path / "r.tsv.gz"
    prepare("r", bed, reference=fasta, fields=["kind", "value"], out=path)
    keys = person(folder, sequence)
    found = looked_up(path, "r", write_calls(tmp_path / "calls.vcf", keys))
    for key in keys:
        first, last = key[1] - 1, key[1] - 1 + len(key[2])
        over = [r for r in regions if r[0] < last and r[1] > first]
        assert (key in found) == bool(over), key
        if over:
            assert set(found[key]["kind"].split(",")) == {r[2] for r in over}, key
            assert found[key]["value"] == max(r[3] for r in over), key
    assert 500 < len(found) < len(keys)


def test_the_newer_bcftools_finds_the_same(megabase, tmp_path):
    """bcftools of pysam (1.24 or later) reads the same table, and finds the same."""
    folder, fasta, sequence, _ = megabase
    path = tmp_path / "kgp.tsv.gz"
    sites = folder / "z.sites.vcf.gz"
    prepare("kgp", sites, reference=fasta, fields=["AF", "EUR_AF"], rsid=True, out=path)
    calls = write_calls(tmp_path / "calls.vcf", person(folder, sequence))
    ((_, _, *words),) = lookup(read_prepared("kgp", path), path, tmp_path)
    words[-2:] = ["-Ov", str(calls)]
    installed = subprocess.run(
        ["bcftools", "annotate", *map(str, words)], capture_output=True, text=True, check=True
    ).stdout
    import pysam.bcftools

    assert pysam.bcftools.annotate(*map(str, words)) == installed
