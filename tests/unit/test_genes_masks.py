"""Which variants masks take, from annotation and from the files of REGENIE and SAIGE."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from genopheno import fields
from genopheno.association.design import Design, TraitDesign
from genopheno.association.genes import masks, scan, setfiles
from genopheno.association.genes.gene import Options
from genopheno.association.genes.masks import Mask
from genopheno.files import read_json
from genopheno.genotypes import write_bed
from genopheno.problems import StageError

# variant, gene, consequence, impact, score, row that is to be shown of the gene
ROWS = [
    (1, "A", "stop_gained", "HIGH", 0.1, True),
    (1, "B", "intron_variant", "MODIFIER", 0.1, True),
    (2, "A", "missense_variant", "MODERATE", 0.9, True),
    (2, "A", "stop_gained", "HIGH", 0.9, False),  # of another transcript, not the one to show
    (3, "A", "missense_variant", "MODERATE", 0.2, True),
    (4, "B", "missense_variant", "MODERATE", None, True),
    (5, "B", "frameshift_variant", "HIGH", None, True),
    (6, None, "intergenic_variant", "MODIFIER", 0.5, True),
    (9, "B", "stop_gained", "HIGH", 0.5, True),  # not among the genotypes
]
DECLARED = {
    "lof": Mask(impacts=("HIGH",)),
    "bad": Mask(consequences=("missense_variant",), min_score=(("db_score", 0.5),)),
    "both": Mask(also=("lof", "bad")),
}


def name(i: int) -> str:
    return f"1:{i}:G:A"


@pytest.fixture
def annotated(tmp_path: Path) -> Path:
    variants = pd.DataFrame(
        {
            "variant_id": [name(i) for i in range(1, 8)],
            "contig": "1",
            "position": range(1, 8),
            "effect_allele": "A",
            "other_allele": "G",
        }
    )
    random = np.random.default_rng(0)
    dosages = random.binomial(2, 0.2, (7, 40))
    write_bed(tmp_path / "g", dosages, variants, [f"s{i}" for i in range(40)])
    blank = dict.fromkeys(fields.names("consequences"))
    frame = pd.DataFrame(
        [
            blank
            | {
                "variant_id": name(i),
                "contig": "1",
                "position": i,
                "gene_id": g,
                "gene_symbol": g and g.lower(),
                "consequence": c,
                "impact": impact,
                "most_severe_of_gene": shown,
            }
            for i, g, c, impact, _, shown in ROWS
        ]
    )
    fields.write(tmp_path / "consequences.parquet", frame, "consequences")
    scores = {name(i): score for i, _, _, _, score, _ in ROWS}
    pd.DataFrame({"variant_id": scores.keys(), "db_score": scores.values()}).to_parquet(
        tmp_path / "sites.parquet"
    )
    return tmp_path


def made(folder: Path) -> dict[tuple[str, str], list[str]]:
    frame = pd.read_parquet(folder / "sets.parquet")
    return {(r.gene_id, r.variant_id): list(r.masks) for r in frame.itertuples()}


def test_masks_take_what_the_variant_does_in_the_gene(annotated: Path) -> None:
    masks.run(
        annotated / "g", annotated / "consequences.parquet", DECLARED,
        annotated / "sets.parquet", annotated / "sites.parquet",
    )  # fmt: skip
    assert made(annotated) == {
        ("A", name(1)): ["lof", "both"],
        ("A", name(2)): ["bad", "both"],
        ("B", name(5)): ["lof", "both"],
    }
    told = read_json(annotated / "sets.json")
    assert told["left_out"] == {"in no gene": 1, "not among the genotypes": 1, "in no mask": 3}
    assert told["consequences_in_no_mask"] == {"missense_variant": 2, "intron_variant": 1}
    assert told["masks"][0] == {"name": "lof", "variants": 2, "genes": 2}


def test_faulty_masks_are_told_at_once(annotated: Path) -> None:
    faulty = {
        "a": Mask(impacts=("HIGH",), min_score=(("db_scroe", 1.0),)),
        "b": Mask(also=("c",)),
        "d": Mask(),
    }
    with pytest.raises(StageError) as error:
        masks.run(
            annotated / "g", annotated / "consequences.parquet", faulty,
            annotated / "sets.parquet", annotated / "sites.parquet",
        )  # fmt: skip
    codes = [p.code for p in error.value.problems]
    assert codes == ["mask-score-unknown", "mask-unknown", "mask-empty"]
    assert not (annotated / "sets.parquet").exists()


def test_masks_that_match_nothing_leave_empty_tables_with_the_reason(annotated: Path) -> None:
    nothing = {"none": Mask(consequences=("start_lost",))}
    sets = annotated / "sets.parquet"
    masks.run(annotated / "g", annotated / "consequences.parquet", nothing, sets)
    assert read_json(annotated / "sets.json")["n_genes"] == 0
    y = np.random.default_rng(1).normal(size=40)
    design = Design(
        [f"s{i}" for i in range(40)],
        [TraitDesign("t", "quantitative", y, np.empty((40, 0)), [])],
    )
    told = scan.run(
        annotated / "g", design, sets, options=Options(), out_dir=annotated / "out",
        firth_below=0.05, exact_firth_below=1e-4,
    )  # fmt: skip
    assert told["n_genes"] == 0
    for table in ("t.parquet", "left_out/t.parquet", "variants/t.parquet"):
        assert pd.read_parquet(annotated / "out" / table).empty


def test_each_reason_to_leave_a_mask_out(tmp_path: Path) -> None:
    """One gene each, all in mask m of limit 0.1; M alone has no variant in the other mask."""
    random = np.random.default_rng(0)
    n = 200

    def variant(copies: int) -> np.ndarray:
        out = np.zeros(n, int)
        out[random.choice(n, copies, replace=False)] = 1
        return out

    genes = {
        "monomorphic": [variant(0), variant(0)],
        "above max frequency": [variant(90), variant(80)],
        "one variant": [variant(12), variant(0)],
        "min allele count": [variant(1), variant(2)],
        "only singletons": [variant(1) for _ in range(6)],
        "collapsed into one": [variant(3), variant(3)],
        "": [variant(14), variant(15)],
    }
    rows = [(gene, g) for gene, found in genes.items() for g in found]
    # The singletons of that gene are of different people, so that nothing hangs on chance.
    variants = pd.DataFrame(
        {
            "variant_id": [name(i) for i in range(len(rows))],
            "contig": "1",
            "position": np.arange(len(rows)) + 1,
            "effect_allele": "A",
            "other_allele": "G",
        }
    )
    samples = [f"s{i}" for i in range(n)]
    write_bed(tmp_path / "g", np.array([g for _, g in rows]), variants, samples)
    group = tmp_path / "groups.txt"
    with open(group, "w") as out:
        for number, gene in enumerate(genes):
            some = [name(i) for i, (g, _) in enumerate(rows) if g == gene]
            out.write(f"g{number} var {' '.join(some)}\n")
            out.write(f"g{number} anno {' '.join('m' for _ in some)}\n")
    setfiles.run(tmp_path / "g", tmp_path / "sets.parquet", saige=group)
    y = random.normal(size=n)
    design = Design(samples, [TraitDesign("t", "quantitative", y, np.empty((n, 0)), [])])
    told = scan.run(
        tmp_path / "g", design, tmp_path / "sets.parquet",
        options=Options(max_frequency=(0.1,), min_allele_count=5), out_dir=tmp_path / "out",
        firth_below=0.05, exact_firth_below=1e-4,
    )["traits"][0]  # fmt: skip
    left = pd.read_parquet(tmp_path / "out/left_out/t.parquet").set_index("gene_id").reason
    assert left.to_dict() == {f"g{i}": reason for i, reason in enumerate(list(genes)[:4])}
    assert told["burden_alone"] == {"only singletons": 1, "collapsed into one": 1}
    tests = pd.read_parquet(tmp_path / "out/t.parquet")
    assert set(tests[tests.gene_id == "g4"].test) == {"burden", "acat-o"}
    assert set(tests[tests.gene_id == "g6"].test) == {
        "burden",
        "skat",
        "skat-o",
        "acat-v",
        "acat-o",
    }


REGENIE = {
    "annotations": "1:1:G:A S1 lof\n1:2:G:A S1 mis\nnew S1 mis\n1:3:G:A S2 syn\n",
    "list": "S1 1 1 1:1:G:A,1:2:G:A,new,1:4:G:A\nS2 1 3 1:3:G:A\n",
    "masks": "M1 lof\nM2 lof,mis\nM3 odd\n",
}


def written(folder: Path, **changed: str) -> tuple[Path, Path, Path]:
    for key, text in (REGENIE | changed).items():
        (folder / key).write_text(text)
    return tuple(folder / key for key in REGENIE)


def test_files_of_regenie(annotated: Path) -> None:
    setfiles.run(annotated / "g", annotated / "sets.parquet", regenie=written(annotated))
    assert made(annotated) == {("S1", name(1)): ["M1", "M2"], ("S1", name(2)): ["M2"]}
    told = read_json(annotated / "sets.json")
    assert told["left_out"] == {
        "without annotation in its set": 1,
        "not among the genotypes": 1,
        "category in no mask": 1,
    }
    assert told["sets_without_variants"] == ["S2"]
    assert told["categories_that_nothing_has"] == {"M3": ["odd"]}


@pytest.mark.parametrize(
    ("changed", "codes"),
    [
        ({"annotations": "1:1:G:A S1\n"}, ["set-file-malformed"]),
        ({"annotations": "v S1 lof\nv S1 mis\n"}, ["annotation-duplicate"]),
        ({"list": "S1 1 1 v\nS1 1 1 v\n"}, ["set-duplicate"]),
        ({"masks": "M a\nM b\n"}, ["mask-duplicate"]),
        ({"masks": "M1 odd\n"}, ["gene-sets-empty"]),
        ({"annotations": "a S1 lof\nb S1 mis\n", "list": "S1 1 1 a,b\n"}, ["gene-sets-unmatched"]),
    ],
)  # fmt: skip
def test_faulty_files_of_regenie(annotated: Path, changed, codes) -> None:
    with pytest.raises(StageError) as error:
        files = written(annotated, **changed)
        setfiles.run(annotated / "g", annotated / "sets.parquet", regenie=files)
    assert [p.code for p in error.value.problems] == codes


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("S var a b\nS anno lof\n", ["group-file-lengths"]),
        ("S vars a\nT anno lof\n", ["group-file-line", "group-file-lengths"]),
        ("S var a\nS anno x\nS var b\n", ["set-duplicate"]),
    ],
)
def test_faulty_files_of_saige(annotated: Path, text: str, codes) -> None:
    (annotated / "group").write_text(text)
    with pytest.raises(StageError) as error:
        setfiles.run(annotated / "g", annotated / "sets.parquet", saige=annotated / "group")
    assert [p.code for p in error.value.problems] == codes


@pytest.mark.parametrize(
    "mask", [{"also": ["other"]}, {"impacts": ["SEVERE"]}, {"min_score": {"a_b": 1}}]
)
def test_faulty_masks_of_the_configuration_are_told_by_check(mask) -> None:
    from genopheno.settings import parse

    values = {"reference": {"fasta": "a", "genes": "b"}}
    values["association"] = {"genes": {"masks": {"m": mask}}}
    with pytest.raises(StageError) as error:
        parse(values, "config.yaml")
    assert {p.code for p in error.value.problems} == {"config-invalid"}
