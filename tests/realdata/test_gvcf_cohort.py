"""30 real gVCFs of GATK: a cohort that grew, was resumed, lost samples, equals one made at once."""

from __future__ import annotations

import gzip
import shutil
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from genopheno import fields
from genopheno.cohort import combine, dense, exchange, parts, relatedness, session, store
from genopheno.cohort.session import hail_session
from genopheno.files import read_json
from genopheno.genotypes import Genotypes, write_bed
from genopheno.problems import StageError
from genopheno.structure.run import Pruning
from genopheno.structure_engines import structure
from genopheno.tools import run
from genopheno.variants.gvcf import normalise

pytestmark = pytest.mark.slow
LENGTH = 50_818_468
CHR22 = {"chr22": 12_000_000}  # the records end at 11.9 Mb: fewer intervals, the same matrix
FIELDS = ("GT", "AD", "DP", "GQ", "PL")


@pytest.fixture(scope="module")
def hl(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hail")
    with hail_session(folder / "tmp", memory_mb=3000, threads=2, small=True) as hail:
        yield hail


@pytest.fixture(scope="module")
def gvcfs(data) -> dict[str, Path]:
    folder = data("kgp_gvcf_chr22") / "gvcf"
    found = {path.name.split(".")[0]: path for path in sorted(folder.glob("*.g.vcf.gz"))}
    assert len(found) == 30
    return found


def update(hl, folder: Path, gvcfs: dict[str, Path], **options) -> store.Change:
    genome = exchange.genome(hl, "chr22", CHR22)
    return store.update(hl, folder, gvcfs, genome, build="chr22", contigs=CHR22, **options)


def entries(hl, change: store.Change, samples) -> dict[tuple, list[tuple]]:
    """Trimmed (position, reference, alternate) to quality and every sample's entry."""
    mt = dense.matrix(hl, parts.together(hl, change.parts, change.contigs), list(samples))
    mt = mt.filter_rows(mt.n_carriers > 0)
    mt = mt.annotate_rows(trimmed=hl.min_rep(mt.locus, mt.alleles))
    rows = mt.select_entries(*FIELDS).localize_entries("cells", "columns")
    assert [column.s for column in hl.eval(rows.columns)] == list(samples)
    rows = rows.key_by().select("trimmed", "quality", "cells").collect()
    return {
        (row.trimmed.locus.position, *row.trimmed.alleles): [
            row.quality,
            *(cell and tuple(cell[f] for f in FIELDS) for cell in row.cells),
        ]
        for row in rows
    }


def cells(table: dict[tuple, list], columns) -> dict[tuple, list]:
    """The entries of some samples, at the alleles that one of them carries."""
    kept = {key: [row[1 + i] for i in columns] for key, row in table.items()}
    return {key: row for key, row in kept.items() if any(map(carried, row))}


def carried(cell: tuple | None) -> bool:
    return bool(cell and cell[0] is not None and cell[0].is_non_ref())


def without_quality(table: dict[tuple, list]) -> dict[tuple, list]:
    return {key: row[1:] for key, row in table.items()}


def first(gvcfs: dict[str, Path], start: int, end: int | None = None) -> dict[str, Path]:
    return dict(list(gvcfs.items())[start:end])


@pytest.fixture(scope="module")
def whole(hl, gvcfs, tmp_path_factory):
    change = update(hl, tmp_path_factory.mktemp("whole"), gvcfs)
    assert change.added == list(gvcfs) and len(change.parts) == 1
    return entries(hl, change, gvcfs)


@pytest.fixture(scope="module")
def grown(hl, gvcfs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("grown")
    update(hl, folder, first(gvcfs, 0, 20))
    return folder, update(hl, folder, gvcfs)


def test_ten_appended_to_twenty_equal_thirty_at_once(hl, gvcfs, whole, grown):
    _, change = grown
    assert change.added == list(gvcfs)[20:] and change.kept == 20 and len(change.parts) == 2
    assert len(whole) > 90
    assert entries(hl, change, gvcfs) == whole


def test_matrix_says_what_the_gvcfs_say(gvcfs, whole):
    """Every heterozygous or homozygous SNP of two samples, read from their files by bcftools."""
    names = list(gvcfs)
    for sample in (names[0], names[17]):
        rows = run(
            ["bcftools", "view", "-H", "-i", 'GT="alt"', "-v", "snps", gvcfs[sample]]
        ).splitlines()
        for row in (line.split("\t") for line in rows):
            alts = row[4].removesuffix(",<NON_REF>").split(",")
            called = row[9].split(":")[0].replace("|", "/").split("/")
            for number, alt in enumerate(alts, start=1):
                dose = called.count(str(number))
                if dose and alt != "*":
                    trimmed = run_trim(int(row[1]), row[3], alt)
                    genotype = whole[trimmed][1 + names.index(sample)][0]
                    assert genotype.n_alt_alleles() == dose


def run_trim(position: int, reference: str, alternate: str) -> tuple[int, str, str]:
    while len(reference) > 1 and len(alternate) > 1 and reference[-1] == alternate[-1]:
        reference, alternate = reference[:-1], alternate[:-1]
    return position, reference, alternate


def test_an_unchanged_store_is_left_alone(hl, gvcfs, grown):
    folder, before = grown
    times = {path: path.stat().st_mtime_ns for path in folder.glob("*.vds")}
    again = update(hl, folder, gvcfs)
    assert (again.added, again.changed, again.removed, again.kept) == ([], [], [], 30)
    assert again.parts == before.parts
    assert times == {path: path.stat().st_mtime_ns for path in folder.glob("*.vds")}


@pytest.fixture(scope="module")
def rewritten(gvcfs, tmp_path_factory) -> tuple[Path, dict[str, Path]]:
    """Copies with ``<*>``, and a reference that has the bases they name (N elsewhere)."""
    folder = tmp_path_factory.mktemp("rewritten")
    bases = bytearray(b"N" * LENGTH)
    copies = {}
    for sample, path in gvcfs.items():
        text = gzip.decompress(path.read_bytes()).decode()
        for line in text.splitlines():
            if not line.startswith("#"):
                _, pos, _, ref, _ = line.split("\t", 4)
                bases[int(pos) - 1 : int(pos) - 1 + len(ref)] = ref.encode()
        text = text.replace("<NON_REF>", "<*>").replace("ID=NON_REF,", "ID=*,")
        copies[sample] = folder / f"{sample}.g.vcf.gz"
        copies[sample].write_bytes(gzip.compress(text.encode(), 1))
    (folder / "chr22.fa").write_bytes(b">chr22\n" + bytes(bases) + b"\n")
    run(["samtools", "faidx", folder / "chr22.fa"])
    return folder / "chr22.fa", copies


def test_copies_with_another_symbol_give_the_same_matrix(hl, gvcfs, whole, rewritten, tmp_path):
    reference, copies = rewritten
    ready = {}
    for sample, path in copies.items():
        ready[sample] = tmp_path / f"{sample}.g.vcf.gz"
        counts = normalise(path, sample=sample, reference=reference, out_gvcf=ready[sample])
        assert counts["symbol"] == "<*>"
        assert counts["records_in"] == counts["records_out"] == 1000
    assert entries(hl, update(hl, tmp_path / "store", ready), gvcfs) == whole


def test_a_symbol_that_reached_the_store_is_found(hl, rewritten, tmp_path):
    """The combiner keeps ``<*>`` as an allele like any other, without a word."""
    copies = {}
    for sample, path in list(rewritten[1].items())[:2]:
        copies[sample] = tmp_path / path.name
        run(["bcftools", "view", "-Oz", "-o", copies[sample], path])
        run(["bcftools", "index", "-t", copies[sample]])
    change = update(hl, tmp_path / "store", copies)
    mt = dense.matrix(hl, parts.together(hl, change.parts, change.contigs), list(copies))
    shards = dense.export(hl, mt, tmp_path / "shards.vcf.bgz")
    with pytest.raises(StageError, match=r"symbolic-allele-left.*<\*>"):
        combine._write_bcf(shards, list(copies), tmp_path / "out.bcf", tmp_path)
    assert not (tmp_path / "out.bcf").exists()


def test_withdrawn_samples_are_as_if_never_there(hl, gvcfs, grown, tmp_path):
    folder = tmp_path / "store"
    shutil.copytree(grown[0], folder)
    gone = [list(gvcfs)[i] for i in (0, 7, 19, 25)]
    rest = {sample: path for sample, path in gvcfs.items() if sample not in gone}
    change = update(hl, folder, rest)
    assert change.removed == gone and change.added == [] and len(change.parts) == 2
    assert sorted(path.name for path in folder.glob("*.vds")) == [p.name for p in change.parts]
    for part in change.parts:
        assert not set(hl.vds.read_vds(str(part)).reference_data.s.collect()) & set(gone)
    never = update(hl, tmp_path / "never", rest)
    assert entries(hl, change, rest) == entries(hl, never, rest)


def test_a_changed_gvcf_is_combined_anew(hl, gvcfs, whole, tmp_path):
    samples = list(gvcfs)[:3]
    here = {sample: tmp_path / gvcfs[sample].name for sample in samples}
    for sample, path in here.items():
        for ending in ("", ".tbi"):
            shutil.copy(f"{gvcfs[sample]}{ending}", f"{path}{ending}")
    update(hl, tmp_path / "store", here)
    other = gvcfs[list(gvcfs)[5]]
    for ending in ("", ".tbi"):
        here[samples[1]].with_name(here[samples[1]].name + ending).unlink()
        shutil.copy(f"{other}{ending}", f"{here[samples[1]]}{ending}")
    change = update(hl, tmp_path / "store", here)
    assert (change.added, change.changed, change.kept) == ([], [samples[1]], 2)
    assert len(change.parts) == 2
    assert without_quality(entries(hl, change, samples)) == cells(whole, [0, 5, 2])


def test_a_killed_combine_leaves_the_store_and_resumes_with_its_options(
    hl, gvcfs, whole, tmp_path, monkeypatch
):
    from hail.vds.combiner.variant_dataset_combiner import VariantDatasetCombiner as Combiner

    folder, five = tmp_path / "store", first(gvcfs, 0, 5)
    old = update(hl, folder, first(gvcfs, 0, 2))
    step, steps = Combiner.step, []

    def dies(self):
        if steps:
            raise KeyboardInterrupt
        steps.append(1)
        step(self)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Combiner, "step", dies)
        update(hl, folder, five, branch_factor=2)
    assert [part["name"] for part in store.read(folder)["parts"]] == [p.name for p in old.parts]
    assert list(store.read(folder)["samples"]) == list(gvcfs)[:2]
    assert without_quality(entries(hl, old, list(gvcfs)[:2])) == cells(whole, [0, 1])
    assert read_json(folder / "work" / "plan.json")["gvcfs"] == []  # its first step is done

    done = []
    with monkeypatch.context() as patch:
        patch.setattr(Combiner, "_step_gvcfs", lambda self: done.append("gvcfs"))
        change = update(hl, folder, five, branch_factor=2)
    assert done == []  # no gVCF was read again
    assert change.added == list(five)[2:]
    assert not (folder / "work").exists()
    resumed = hl.vds.read_vds(str(change.parts[-1]))
    assert "gvcf_filters" in resumed.variant_data.entry
    assert "gvcf_filters" in resumed.reference_data.entry
    assert without_quality(entries(hl, change, five)) == cells(whole, range(5))


def test_many_small_parts_become_few(hl, gvcfs, whole, tmp_path, monkeypatch):
    monkeypatch.setattr(store, "MAX_PARTS", 2)
    for end in (1, 2, 3):
        change = update(hl, tmp_path / "store", first(gvcfs, 0, end))
    assert len(change.parts) == 1
    assert without_quality(entries(hl, change, first(gvcfs, 0, 3))) == cells(whole, range(3))


def test_contamination_is_what_hail_computes(hl, gvcfs, grown):
    _, change = grown
    mt = dense.matrix(hl, parts.together(hl, change.parts, change.contigs), list(gvcfs))
    mt = mt.checkpoint(hl.utils.new_temp_file(extension="mt"))
    ours = {row.sample: row for row in dense.contamination(hl, mt, {"chr22"}).collect()}
    single = mt.filter_rows(~mt.was_split)
    theirs = hl.compute_charr(single, ref_AF=single.calls.AF[0]).collect()
    assert sum(row.n_sites for row in ours.values()) >= 5  # most are below 10 reads
    for row in theirs:
        if ours[row.s].n_sites:
            assert ours[row.s].charr == pytest.approx(row.charr, rel=1e-12)
        else:
            assert ours[row.s].charr is None


def test_structure_by_hail_is_that_by_numpy(hl, data, tmp_path, monkeypatch):
    """It stands here because a session, which is slow to start, runs here.

    99 people of HapMap 3, relatives among them, and variants without missing genotypes.
    """
    prefix = data("hapmap3_pca") / "hapmap3"
    everyone = Genotypes.open(prefix)
    population = pd.read_csv(prefix.with_name("samples.tsv"), sep="\t").set_index("iid")[
        "population"
    ]
    people = np.flatnonzero(population[everyone.samples].isin(["MKK", "ASW"]))[:99]
    rows = np.arange(0, everyone.n_variants, 10)
    dosages = np.concatenate([everyone.dosages(i, i + 1, people, np.int8) for i in rows])
    whole = (dosages >= 0).all(axis=1)
    assert whole.sum() > 900
    samples = [everyone.samples[i] for i in people]
    variants = everyone.variants.iloc[rows[whole]]
    write_bed(tmp_path / "g", dosages[whole], variants, samples)
    lengths = variants.groupby("contig", sort=False)["position"].max().astype(int).to_dict()
    files = {name: exchange.uri(tmp_path / f"g.{name}") for name in ("bed", "bim", "fam")}
    genome = exchange.genome(hl, "NCBI36", lengths)
    mt = hl.import_plink(**files, a2_reference=True, reference_genome=genome)
    mt = mt.choose_cols(
        list(range(len(samples)))[::-1]
    )  # the order of samples is not the fileset's
    mt.write(exchange.uri(tmp_path / "cohort.mt"))

    @contextmanager
    def running(folder, **_):
        folder.mkdir()
        yield hl

    monkeypatch.setattr(session, "hail_session", running)
    for engine in ("numpy", "hail"):
        structure(
            tmp_path / "g", tmp_path / engine, engine=engine, cohort=tmp_path / "cohort.mt",
            threads=2, memory_mb=3000, components=4, min_allele_frequency=0.05,
            max_kinship=0.0884, pruning=Pruning(0.2), min_independent_variants=0,
        )  # fmt: skip
    ours, hails = (
        {name: fields.read(tmp_path / engine / f"{name}.parquet") for name in
         ("kinship", "components", "loadings", "samples")}
        for engine in ("numpy", "hail")
    )  # fmt: skip
    assert len(ours["kinship"]) > 20
    assert 5 < (~ours["components"]["unrelated"]).sum() < 80  # these are projected
    for name, table in ours.items():
        assert len(table) == len(hails[name])
        for column in table:
            a, b = (np.array(t[name][column].tolist()) for t in (ours, hails))
            if a.dtype.kind == "f":
                np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6, err_msg=column)
            else:
                assert a.tolist() == b.tolist()
    ours, hails = (read_json(tmp_path / name / "structure.json") for name in ("numpy", "hail"))
    assert (ours.pop("engine"), hails.pop("engine")) == ("numpy", "hail")
    for name in ("eigenvalues", "shrinkage", "variance_fraction", "relatives_dropped"):
        one, two = ours.pop(name), hails.pop(name)
        if name != "relatives_dropped":
            np.testing.assert_allclose(one, two, rtol=1e-6)
    assert ours == hails

    with (
        pytest.raises(StageError, match="structure-sample-unknown"),
        relatedness.opened(tmp_path / "cohort.mt", ["nobody"], tmp_path / "no"),
    ):
        pass
    with (
        relatedness.opened(tmp_path / "cohort.mt", samples, tmp_path / "one") as found,
        pytest.raises(StageError, match="structure-variants-unknown"),
    ):
        found.king(variants.assign(effect_allele="*"), 0.0442)
