"""Records of a gVCF of one sample: brought to one form, settled so that no two overlap.

The form is what GATK's HaplotypeCaller writes and Hail's combiner reads: a variant's last
allele is ``<NON_REF>``, a reference block has no other allele and gives its last base in
INFO END, and a position is told by one record.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from genopheno.flavours import ANY, NON_REF

# Phred of one read that fits the reference: half as likely from a heterozygous person.
PHRED_OF_A_READ = 10 * math.log10(2)
MAX_GQ = 99


@dataclass
class Record:
    """One line; `raw` is the line itself as long as nothing was changed.

    `end` is the last base of a reference block (1-based) and None for a variant; `alts` end
    with ``<NON_REF>``; `call` maps FORMAT keys to their text, in order.
    """

    contig: str
    pos: int
    ref: str
    alts: list[str]
    end: int | None
    call: dict[str, str]
    ident: str = "."
    qual: str = "."
    filters: str = "."
    info: str = "."
    raw: str | None = None

    def line(self) -> str:
        if self.raw is not None:
            return self.raw
        info = self.info if self.end is None else f"END={self.end}"
        return "\t".join(
            (
                *(self.contig, str(self.pos), self.ident, self.ref, ",".join(self.alts)),
                *(self.qual, self.filters, info, ":".join(self.call), ":".join(self.call.values())),
            )
        )


class Unfit(ValueError):
    """A record that cannot be combined: (code, what was found)."""

    def __init__(self, code: str, found: str):
        super().__init__(code, found)
        self.code, self.found = code, found


def parse(line: str, counts: Counter) -> Record | None:
    """A record in the one form; None: it says nothing that a cohort needs (counted).

    Dropped are only calls that an indel is absent: reference bases longer than one, without
    END and without another allele. The blocks tell that already.

    Raises
    ------
    Unfit : no GT, a symbolic allele other than ``<NON_REF>`` and ``<*>``, a block with
        another genotype than reference or missing, a wrong number of columns.
    """
    columns = line.split("\t")
    if len(columns) != 10:
        raise Unfit("gvcf-damaged", f"it has {len(columns)} columns, 10 are needed")
    contig, pos, ident, ref, alt, qual, filters, info, keys, values = columns
    if not (keys == "GT" or keys.startswith("GT:") or ":GT" in keys):
        raise Unfit("gvcf-without-gt", f"its FORMAT is {keys}")
    if not pos.isdigit():
        raise Unfit("gvcf-damaged", f"its position is {pos!r}")
    call = dict(zip(keys.split(":"), values.split(":"), strict=False))
    alts = [] if alt == "." else alt.split(",")
    symbol = alts[-1] if alts and alts[-1] in (NON_REF, ANY) else None
    named = alts[:-1] if symbol else alts
    if any(allele.startswith("<") or "[" in allele or "]" in allele for allele in named):
        raise Unfit("gvcf-symbolic-allele", f"its alleles are {alt}")
    record = Record(contig, int(pos), ref, [*named, NON_REF], None, call, ident, qual, filters)
    if named:
        record.info = info
        if symbol == NON_REF:
            record.raw = line
        elif symbol is None:
            pad(record)
            counts["alleles_padded"] += 1
        return record
    return _block(record, info, line if symbol == NON_REF else None, counts)


def _block(record: Record, info: str, raw: str | None, counts: Counter) -> Record | None:
    end = info_value(info, "END")
    if end is None:
        if len(record.ref) > 1:
            counts["absent_indels_dropped"] += 1
            return None
        counts["blocks_without_end"] += 1
        end, raw = str(record.pos), None
    if not end.isdigit() or int(end) < record.pos:
        raise Unfit("gvcf-damaged", f"its END is {end}")
    genotype = record.call["GT"]
    if set(genotype) - set("0./|"):
        raise Unfit("gvcf-block-genotype", f"it is a reference block with genotype {genotype}")
    record.end = int(end)
    if len(record.ref) > 1:
        record.ref, raw = record.ref[0], None
        counts["blocks_of_long_reference"] += 1
    depth = info_value(info, "MinDP")
    if depth is not None and record.call.get("GQ", ".") == ".":
        record.call = {
            "GT": genotype,
            "GQ": str(min(MAX_GQ, int(PHRED_OF_A_READ * int(depth)))),
            "DP": record.call.get("DP", depth),
            "MIN_DP": depth,
        }
        counts["block_qualities_from_depth"] += 1
    elif "DP" not in record.call and "MIN_DP" in record.call:
        record.call["DP"], raw = record.call["MIN_DP"], None
    record.raw = raw
    return record


def info_value(info: str, key: str) -> str | None:
    """Value of an INFO key; None: it is not there."""
    if info.startswith(f"{key}="):
        return info[len(key) + 1 :].split(";", 1)[0]
    at = info.find(f";{key}=")
    return None if at < 0 else info[at + len(key) + 2 :].split(";", 1)[0]


def pad(record: Record) -> None:
    """Give AD and PL of a variant their values for ``<NON_REF>``, which its caller left out.

    AD gets 0: no read was counted for it. A genotype that has it is as unlikely as the worse
    of two that are known: its other allele alone, and that allele with the next best one. So
    17 reads of allele 1 and none of allele 0 say the same of 1/``<NON_REF>`` as of 0/1.
    """
    call = record.call
    alleles = len(record.alts)  # with the reference, without <NON_REF>
    if _numbers(call.get("AD")) is not None:
        call["AD"] += ",0"
    likelihoods = _numbers(call.get("PL"))
    if likelihoods is None:
        return
    if len(likelihoods) == alleles:
        more = [max(likelihoods)]
    elif len(likelihoods) == alleles * (alleles + 1) // 2:
        of = {pair: likelihoods[i] for i, pair in enumerate(_pairs(alleles))}
        more = [
            max(of[i, i], min(of[min(i, j), max(i, j)] for j in range(alleles) if j != i))
            for i in range(alleles)
        ]
        more.append(max(likelihoods))
    else:
        raise Unfit("gvcf-damaged", f"it has {len(likelihoods)} PL for {alleles} alleles")
    call["PL"] = ",".join(map(str, likelihoods + more))
    if call.get("GQ", ".") == ".":
        call["GQ"] = str(min(MAX_GQ, sorted(likelihoods)[1]))


def merge(first: Record, second: Record) -> Record | None:
    """Two variants of one position as one record; None: they cannot be told in one.

    Callers without assembly give a SNP and an indel at the same base as two records. The two
    are taken as independent, so that a genotype with `a` and `b` copies of their alleles has
    the sum of both likelihoods. Two heterozygous ones become 1/2: in cis they would be one
    longer allele, of which neither record knows. None: one of them has more than one
    allele, is haploid, has no PL, or both together need more than two chromosomes.
    """
    one, two = (_numbers(r.call.get("PL")) for r in (first, second))
    if len(first.alts) != 2 or len(second.alts) != 2 or not one or not two:
        return None
    doses = [_dose(record.call["GT"]) for record in (first, second)]
    if len(one) != 6 or len(two) != 6 or None in doses or sum(doses) > 2:
        return None
    ref = max(first.ref, second.ref, key=len)
    alts = [r.alts[0] + ref[len(r.ref) :] for r in (first, second)]
    biallelic = [[pl[0], pl[1], pl[2]] for pl in (one, two)]
    summed = [
        biallelic[0][(i == 1) + (j == 1)] + biallelic[1][(i == 2) + (j == 2)] for i, j in _pairs(3)
    ]
    genotype = sorted([1] * doses[0] + [2] * doses[1] + [0] * (2 - sum(doses)))
    call = {"GT": "/".join(map(str, genotype))}
    depths = [_numbers(record.call.get("AD")) for record in (first, second)]
    if all(depths):
        call["AD"] = ",".join(map(str, (min(d[0] for d in depths), *(d[1] for d in depths))))
    if "DP" in first.call:
        call["DP"] = first.call["DP"]
    call["PL"] = ",".join(str(value - min(summed)) for value in summed)
    quality = [int(float(r.call["GQ"])) for r in (first, second) if r.call.get("GQ", ".") != "."]
    call["GQ"] = str(min(quality)) if quality else "."
    worse = min((first, second), key=lambda r: float(r.qual) if r.qual != "." else 0.0)
    merged = Record(first.contig, first.pos, ref, [*alts, NON_REF], None, call, qual=worse.qual)
    merged.filters = worse.filters
    pad(merged)
    return merged


def settle(
    records: Iterator[Record], base: Callable[[str, int], str], counts: Counter
) -> Iterator[Record]:
    """Records in order of which no two tell of the same position.

    Blocks give way to variants, and a later block to an earlier one: they are cut. Variants
    of one position are merged (see `merge`), or the one of higher QUAL is kept. A deletion
    covers only its first base: what callers say of the bases it removes stays.

    Parameters
    ----------
    records : of one sample, sorted within each contig.
    base : (contig, position) to reference base, for blocks that begin later than they did.
    counts : gets blocks_cut (blocks_split of them in two), blocks_covered (nothing is left),
        variants_merged and variants_of_one_position_dropped.

    Raises
    ------
    Unfit : positions go back, or a contig comes a second time.
    """
    variant: Record | None = None  # held until no other can have its position
    tail: Record | None = None  # block after it, which a variant may still cut
    contig, last, covered, done = "", 0, 0, set()
    for record in records:
        if record.contig != contig:
            yield from (r for r in (variant, tail) if r)
            variant = tail = None
            done.add(contig)
            contig, last, covered = record.contig, 0, 0
            if contig in done:
                raise Unfit("gvcf-not-sorted", f"contig {contig} comes a second time")
        if record.pos < last:
            raise Unfit("gvcf-not-sorted", f"{contig}:{record.pos} comes after {contig}:{last}")
        last = record.pos
        if record.end is not None:
            if record.pos <= covered:
                if record.end <= covered:
                    counts["blocks_covered"] += 1
                    continue
                counts["blocks_cut"] += 1
                record = _from(record, covered + 1, base)
            if tail:
                yield from (r for r in (variant, tail) if r)
                variant = None
            tail, covered = record, record.end
        elif variant and record.pos == variant.pos:
            variant = _one_of(variant, record, counts)
        else:
            if variant:
                yield variant
            if tail and tail.pos <= record.pos:
                head, tail = _around(tail, record.pos, base, counts)
                if head:
                    yield head
            variant, covered = record, max(covered, record.pos)
    yield from (r for r in (variant, tail) if r)


def _around(block: Record, pos: int, base, counts: Counter) -> tuple[Record | None, Record | None]:
    """What of a block is left before and after a variant at `pos`."""
    if block.end < pos:
        return block, None
    counts["blocks_cut" if block.end > block.pos else "blocks_covered"] += 1
    tail = _from(block, pos + 1, base) if block.end > pos else None
    if block.pos == pos:
        return None, tail
    counts["blocks_split"] += tail is not None
    return _replaced(block, end=pos - 1), tail


def _one_of(first: Record, second: Record, counts: Counter) -> Record:
    merged = merge(first, second)
    if merged is not None:
        counts["variants_merged"] += 1
        return merged
    counts["variants_of_one_position_dropped"] += 1
    return max((first, second), key=lambda r: float(r.qual) if r.qual != "." else 0.0)


def _from(block: Record, pos: int, base: Callable[[str, int], str]) -> Record:
    return _replaced(block, pos=pos, ref=base(block.contig, pos))


def _replaced(block: Record, **values) -> Record:
    parts = {name: getattr(block, name) for name in Record.__dataclass_fields__}
    return Record(**{**parts, "raw": None, **values})


def _pairs(alleles: int) -> list[tuple[int, int]]:
    """Diploid genotypes in the order of PL (VCF 4.3, section 1.6.2)."""
    return [(i, j) for j in range(alleles) for i in range(j + 1)]


def _dose(genotype: str) -> int | None:
    """Copies of allele 1 in a diploid call; None: haploid, missing or of another allele."""
    alleles = genotype.replace("|", "/").split("/")
    if len(alleles) != 2 or set(alleles) - {"0", "1"}:
        return None
    return alleles.count("1")


def _numbers(text: str | None) -> list[int] | None:
    if not text or "." in text.split(","):
        return None
    return [int(value) for value in text.split(",")]
