"""Small files of imputed genotypes, written as VCF, BGEN and PLINK 2, for tests."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from genopheno.tools import run

COLUMNS = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT")


@dataclass
class Imputed:
    """Dosages of some people at some variants.

    Attributes
    ----------
    variants : contig, position, reference, alternate.
    dosage : (variants, people) of the alternate allele, 0 to 2; NaN: missing.
    single : (variants, people) bool, people with one copy; their dosage is still up to 2.
    quality : (variants,) or None.
    """

    variants: pd.DataFrame
    samples: list[str]
    dosage: np.ndarray
    single: np.ndarray | None = None
    quality: np.ndarray | None = None
    lengths: dict[str, int] = field(default_factory=dict)

    def of(self, rows=slice(None), people=slice(None)) -> Imputed:
        """Some of the variants and people."""
        rows, people = (
            np.arange(n)[i] for n, i in zip(self.dosage.shape, (rows, people), strict=True)
        )
        return replace(
            self,
            variants=self.variants.iloc[rows].reset_index(drop=True),
            samples=[self.samples[i] for i in people],
            dosage=self.dosage[np.ix_(rows, people)],
            single=None if self.single is None else self.single[np.ix_(rows, people)],
            quality=None if self.quality is None else self.quality[rows],
        )

    def vcf(self, path: Path, *, fields: str = "GT:DS", tag: str = "R2") -> Path:
        """VCF (bgzip by its name) with GT, DS and GP as `fields` has them."""
        lines = ["##fileformat=VCFv4.2"]
        lines += [f"##contig=<ID={c},length={n}>" for c, n in self.lengths.items()]
        lines += [f'##INFO=<ID={tag},Number=A,Type=Float,Description="x">']
        told = {"GT": "1,Type=String", "DS": "A,Type=Float", "GP": "G,Type=Float"}
        lines += [
            f'##FORMAT=<ID={name},Number={told[name]},Description="x">'
            for name in fields.split(":")
        ]
        lines.append("\t".join([*COLUMNS, *self.samples]))
        for i, row in enumerate(self.variants.itertuples()):
            single = np.zeros(len(self.samples), bool) if self.single is None else self.single[i]
            cells = [
                ":".join(cell[name] for name in fields.split(":"))
                for cell in map(vcf_cell, self.dosage[i], single)
            ]
            place = row.contig, str(row.position), "."
            info = "." if self.quality is None else f"{tag}={self.quality[i]:g}"
            lines.append(
                "\t".join([*place, row.reference, row.alternate, ".", "PASS", info, fields, *cells])
            )
        plain = path.with_name(f"{path.name}.plain")
        plain.write_text("\n".join(lines) + "\n")
        kind = {"gz": "z", "bcf": "b"}.get(path.name.rpartition(".")[2], "v")
        run(["bcftools", "view", "-O", kind, "-o", path, plain])
        plain.unlink()
        return path

    def bgen(
        self, path: Path, *, bits: int = 8, phased: bool = False, flipped=(), packing: str = "zlib"
    ) -> Path:
        """BGEN with a .sample beside; `flipped` variants have their alleles the other way round."""
        from bgen import BgenWriter

        n = len(self.samples)
        with BgenWriter(str(path), n, samples=[], compression=packing) as out:
            for i, row in enumerate(self.variants.itertuples()):
                dosage, alleles = self.dosage[i], [row.reference, row.alternate]
                if i in flipped:
                    dosage, alleles = 2 - dosage, alleles[::-1]
                ploidy = np.full(n, 2, np.uint8)
                if self.single is not None:
                    ploidy[self.single[i]] = 1
                p = probabilities(dosage)
                if phased:
                    half = np.column_stack([1 - dosage / 2, dosage / 2])
                    p = np.column_stack([half, half])
                one = ploidy == 1
                p[one, 0], p[one, 1] = 1 - dosage[one] / 2, dosage[one] / 2
                p[one, 2:] = np.nan
                out.add_variant(
                    f"v{i}", f"rs{i}", row.contig, row.position, alleles, p,
                    ploidy=ploidy, phased=phased, bit_depth=bits,
                )  # fmt: skip
        lines = ["ID_1 ID_2 missing", "0 0 0", *(f"f {name} 0" for name in self.samples)]
        path.with_suffix(".sample").write_text("\n".join(lines) + "\n")
        return path

    def pgen(self, prefix: Path) -> Path:
        """PLINK 2 fileset, as plink2 makes it of the VCF."""
        vcf = self.vcf(prefix.with_name(f"{prefix.name}.from.vcf"))
        run(["plink2", "--vcf", vcf, "dosage=DS", "--make-pgen", "--out", prefix])
        return prefix.with_name(f"{prefix.name}.pgen")


def probabilities(dosage: np.ndarray) -> np.ndarray:
    """(people, 3) genotype probabilities with these dosages, nothing at the far homozygote."""
    over = dosage > 1
    het = np.where(over, 2 - dosage, dosage)
    hom = np.where(over, dosage - 1, 0.0)
    return np.column_stack([1 - het - hom, het, hom])


def vcf_cell(dosage: float, single: bool) -> dict[str, str]:
    if np.isnan(dosage):
        return {"GT": "." if single else "./.", "DS": ".", "GP": "."}
    if single:
        alternate = dosage / 2
        return {
            "GT": str(round(alternate)), "DS": f"{alternate:.6g}",
            "GP": f"{1 - alternate:.6g},{alternate:.6g}",
        }  # fmt: skip
    gp = ",".join(f"{value:.6g}" for value in probabilities(np.array([dosage]))[0])
    return {"GT": ("0/0", "0/1", "1/1")[round(dosage)], "DS": f"{dosage:.6g}", "GP": gp}
