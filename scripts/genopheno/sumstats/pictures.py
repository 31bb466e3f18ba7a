"""Pictures of a meta-analysis as SVG texts: Manhattan, QQ, forest plots, heterogeneity."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import pandas as pd

from genopheno.sumstats import chromosomes

GENOME_WIDE = -np.log10(5e-8)
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 1000, 300, 46, 40, 10
CELL = 2  # pixels within which two dots look like one
COLOURS = ("#1f5a8a", "#7fa8c9")
Z95 = 1.959963984540054


class Axes:
    """Numbers to pixels, and the frame around them.

    Parameters
    ----------
    x, y : (least, greatest) number of each axis. width, height : of the picture in pixels.
    """

    def __init__(self, x, y, width: int = WIDTH, height: int = HEIGHT, left: int = LEFT):
        self.x, self.y, self.width, self.height, self.left = x, y, width, height, left

    def px(self, values):
        low, high = self.x
        inner = self.width - self.left - 10
        return self.left + (np.asarray(values, float) - low) / ((high - low) or 1) * inner

    def py(self, values):
        low, high = self.y
        inner = self.height - BOTTOM - TOP
        return TOP + inner - (np.asarray(values, float) - low) / ((high - low) or 1) * inner

    def frame(self, label: str, x_name: str, y_name: str, y_ticks: Sequence[float]) -> list[str]:
        """Beginning of the picture: axes, their names, marks of the vertical one."""
        base, right = self.height - BOTTOM, self.width - 10
        across, up = (self.left + right) / 2, (TOP + base) / 2
        parts = [
            begin(self.width, self.height, label),
            f'<path class="axis" d="M{self.left},{TOP}V{base}H{right}"/>',
            f'<text x="{across}" y="{self.height - 4}" class="mid">{x_name}</text>',
            f'<text transform="translate(12,{up}) rotate(-90)" class="mid">{y_name}</text>',
        ]
        for tick in y_ticks:
            at = float(self.py(tick))
            parts.append(f'<text x="{self.left - 6}" y="{at + 4:.1f}" class="end">{tick:g}</text>')
        return parts


def begin(width: int, height: int, label: str) -> str:
    """Opening tag of a picture; `label` is what it says to those who cannot see it."""
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}">'


def steps(low: float, high: float, wanted: int = 5) -> np.ndarray:
    """Round numbers from `low` to `high`, about as many as wanted."""
    rough = max(high - low, 1e-9) / wanted
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough)
    return np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step + 0.0  # no -0


def thinned(x: np.ndarray, y: np.ndarray, *more: np.ndarray) -> list[np.ndarray]:
    """One dot for each cell of `CELL` × `CELL` pixels; the eye cannot tell."""
    cell = np.round(x / CELL).astype(np.int64) << 20 | np.round(y / CELL).astype(np.int64)
    _, first = np.unique(cell, return_index=True)
    return [values[first] for values in (x, y, *more)]


def dots(x: np.ndarray, y: np.ndarray, colour: str) -> str:
    """Dots as one path: strokes of no length with round ends."""
    text = "".join(f"M{a:.0f},{b:.0f}h0" for a, b in zip(x, y, strict=True))
    return f'<path class="dots" stroke="{colour}" d="{text}"/>'


def manhattan(places: pd.DataFrame) -> str:
    """-log10 p along the genome.

    Parameters
    ----------
    places : columns chromosome, base_pair_location, neg_log10_p_value, in order.
    """
    names = sorted(places["chromosome"].unique(), key=chromosomes.order)
    length = places.groupby("chromosome", observed=True)["base_pair_location"].max()
    sizes = np.array([float(length[name]) for name in names])
    starts = dict(zip(names, np.concatenate([[0], np.cumsum(sizes)[:-1]]), strict=True))
    top = max(float(places["neg_log10_p_value"].max()) * 1.05, GENOME_WIDE + 1)
    axes = Axes((0, sizes.sum()), (0, top))
    label = f"Manhattan plot of {len(places)} variants"
    parts = axes.frame(label, "chromosome", "-log10 p", steps(0, top))
    line = float(axes.py(GENOME_WIDE))
    parts.append(f'<path class="line" d="M{LEFT},{line:.1f}H{WIDTH - 10}"/>')
    for index, name in enumerate(names):
        own = places[places["chromosome"] == name]
        x = axes.px(starts[name] + own["base_pair_location"].to_numpy())
        x, y = thinned(x, axes.py(own["neg_log10_p_value"].to_numpy()))
        parts.append(dots(x, y, COLOURS[index % 2]))
        middle = float(axes.px(starts[name] + sizes[index] / 2))
        if sizes[index] > sizes.sum() / 60:
            parts.append(f'<text x="{middle:.0f}" y="{HEIGHT - 24}" class="mid">{name}</text>')
    return "".join([*parts, "</svg>"])


def qq(neg_log10_p: np.ndarray, lambda_gc: float | None) -> str:
    """Observed against expected -log10 p."""
    observed = np.sort(neg_log10_p)[::-1]
    expected = -np.log10((np.arange(len(observed)) + 0.5) / len(observed))
    top = max(float(observed[0]), float(expected[0])) * 1.05
    axes = Axes((0, float(expected[0]) * 1.05), (0, top), 420)
    label = "QQ plot" + (f", lambda {lambda_gc:.3f}" if lambda_gc is not None else "")
    parts = axes.frame(label, "expected -log10 p", "observed -log10 p", steps(0, top))
    for tick in steps(0, axes.x[1]):
        at = float(axes.px(tick))
        parts.append(f'<text x="{at:.1f}" y="{HEIGHT - 24}" class="mid">{tick:g}</text>')
    end = min(axes.x[1], top)
    a, b = axes.px([0, end]), axes.py([0, end])
    parts.append(f'<path class="line" d="M{a[0]:.1f},{b[0]:.1f}L{a[1]:.1f},{b[1]:.1f}"/>')
    parts.append(dots(*thinned(axes.px(expected), axes.py(observed)), COLOURS[0]))
    return "".join([*parts, "</svg>"])


def heterogeneity(places: pd.DataFrame) -> str:
    """I² against -log10 p: whether what is strong is also what studies agree on.

    Parameters
    ----------
    places : columns neg_log10_p_value and heterogeneity_i2.
    """
    top = max(float(places["neg_log10_p_value"].max()) * 1.05, 1.0)
    axes = Axes((0, top), (0, 1), 420)
    parts = axes.frame("I² against p", "-log10 p", "I²", steps(0, 1))
    for tick in steps(0, top):
        at = float(axes.px(tick))
        parts.append(f'<text x="{at:.1f}" y="{HEIGHT - 24}" class="mid">{tick:g}</text>')
    x = axes.px(places["neg_log10_p_value"].to_numpy())
    parts.append(dots(*thinned(x, axes.py(places["heterogeneity_i2"].to_numpy())), COLOURS[0]))
    return "".join([*parts, "</svg>"])


ROW = 22
NAMES = 190  # pixels for the names of rows
NUMBERS = 310  # and for their numbers
FOREST = 860


def forest(locus: pd.DataFrame, together: Sequence[str]) -> str:
    """Effects with 95 % intervals: a row a study, then the studies together as diamonds.

    Parameters
    ----------
    locus : rows of ``meta_loci`` of one lead variant. together : rows that are no study.
    """
    locus = locus[locus["beta"].notna()]
    low = (locus["beta"] - Z95 * locus["standard_error"]).to_numpy()
    high = (locus["beta"] + Z95 * locus["standard_error"]).to_numpy()
    x = min(low.min(), 0), max(high.max(), 0)
    span = (x[1] - x[0]) * 0.05
    height = ROW * (len(locus) + 1) + BOTTOM
    axes = Axes((x[0] - span, x[1] + span), (0, 1), FOREST - NUMBERS, height, NAMES)
    base = height - BOTTOM + 6
    lead = locus.iloc[0]
    label = f"Forest plot of {lead['variant_id']}, effect of {lead['effect_allele']}"
    zero = float(axes.px(0))
    parts = [
        begin(FOREST, height, label),
        f'<path class="axis" d="M{NAMES},{base}H{FOREST - NUMBERS}"/>',
        f'<path class="line" d="M{zero:.1f},4V{base}"/>',
    ]
    for tick in steps(*axes.x):
        at = float(axes.px(tick))
        parts.append(f'<text x="{at:.1f}" y="{base + 14}" class="mid">{tick:g}</text>')
    studies = locus[~locus["row"].isin(together)]
    widest = (studies["standard_error"] ** -2).max()
    for index, row in enumerate(locus.itertuples()):
        at = ROW * (index + 1) - 4
        a, b, middle = (float(axes.px(v)) for v in (low[index], high[index], row.beta))
        told = f"{row.beta:.4g} ({low[index]:.4g}, {high[index]:.4g}); {_p(row.neg_log10_p_value)}"
        parts.append(f'<text x="{NAMES - 8}" y="{at + 4}" class="end">{escape(row.row)}</text>')
        if row.row in together:
            shape = f"M{a:.1f},{at}L{middle:.1f},{at - 6}L{b:.1f},{at}L{middle:.1f},{at + 6}Z"
            parts.append(f'<path class="diamond" d="{shape}"/>')
        else:
            side = 3 + 6 * (row.standard_error**-2 / widest) ** 0.5
            parts.append(f'<path class="axis" d="M{a:.1f},{at}H{b:.1f}"/>')
            parts.append(
                f'<rect x="{middle - side / 2:.1f}" y="{at - side / 2:.1f}" width="{side:.1f}"'
                f' height="{side:.1f}" fill="{COLOURS[0]}"/>'
            )
        parts.append(f'<text x="{FOREST - NUMBERS + 10}" y="{at + 4}">{told}</text>')
    return "".join([*parts, "</svg>"])


def _p(neg_log10_p: float) -> str:
    """A p-value to read, also below what a double holds."""
    if neg_log10_p < 3:
        return f"p {10**-neg_log10_p:.3f}"
    power = int(np.floor(neg_log10_p)) + 1
    mantissa = 10 ** (power - neg_log10_p)
    if mantissa >= 9.995:
        mantissa, power = 1.0, power - 1
    return f"p {mantissa:.2f}e-{power}"
