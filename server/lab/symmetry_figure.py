"""The figure of the symmetry experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from server.lab.flat_point import critical_bandwidth, noised_gain
from server.lab.symmetry import BANDWIDTH, FAST, FOR_EVER, IN_STEP
from server.lab.textures import STD, TEXTURES

Row = Mapping[str, Any]

_INK, _PALE, _GRID = "#20242a", "#c8ccd2", "#e3e6ea"
_COLOURS = {
    "stripes": "#1f4e9c",
    "pinstripes": "#d81b60",
    "planks": "#b9770e",
    "leaning": "#6c5ce7",
    "placed": "#2e8b57",
}
_OPEN = {
    "stripes": "stripes: strong, coarse\nphase open",
    "pinstripes": "pinstripes: weak, fine\nphase open",
    "planks": "planks: stripes with\ngrain of open strength",
    "leaning": "leaning: pinstripes,\nsome phases likelier",
    "placed": "placed: stripes,\nphase known",
}
# Label, and (estimator, noise, window, rate) of its rows.
_LINES: Sequence[tuple[str, tuple[str, str | None, int | None, float | None]]] = (
    ("true sample", ("samples", None, None, None)),
    ("fresh noise,\nwindow moving", ("noised", "fresh", 1, IN_STEP)),
    ("fresh noise,\nwindow held", ("noised", "fresh", FOR_EVER, IN_STEP)),
    ("attached noise,\nwindow moving", ("noised", "attached", 1, IN_STEP)),
    ("attached noise,\nsteps ten times\nas long", ("noised", "attached", 1, FAST)),
)
_HOLDS = (1, 3, 10, 50, FOR_EVER)


def draw_symmetry(rows: Sequence[Row], path: Path) -> None:
    """Signals that runs end in, a column for each texture; below, contrast over holding, and where flat is stable."""
    figure = Figure(figsize=(11.5, 9.4), dpi=130, facecolor="white", layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[1.5, 1], squeeze=False).ravel()
    panels = above.subplots(len(_LINES), len(TEXTURES), sharex=True)
    for column, texture in enumerate(TEXTURES):
        for line, (label, key) in enumerate(_LINES):
            axes = panels[line][column]
            _signal(axes, _find(rows, texture.name, key), texture.rms)
            if line == 0:
                axes.set_title(_OPEN[texture.name], fontsize=9.5, color=_COLOURS[texture.name])
            if column == 0:
                axes.set_ylabel(label, fontsize=9, color=_INK, rotation=0, ha="right", va="center", labelpad=8)
    left, right = below.subplots(1, 2)
    _draw_holding(left, rows)
    _draw_stability(right)
    figure.savefig(path)


def _find(rows: Sequence[Row], name: str, key: tuple[str, str | None, int | None, float | None]) -> Row:
    columns = ("density", "estimator", "noise", "window", "rate")
    return next(row for row in rows if tuple(row[column] for column in columns) == (name, *key))


def _signal(axes: Axes, row: Row, rms: float) -> None:
    """One end beside the flat line; below it the figures of all ends."""
    axes.axhline(0, color=_PALE, linewidth=0.7)
    axes.plot(np.array(row["example"]) / rms, color=_COLOURS[row["density"]], linewidth=1.3)
    axes.set_ylim(-3, 3)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(_PALE)
    grain = f"   grain {_short(row['fine_power'])}" if row["coarse_power"] and row["fine_power"] is not None else ""
    axes.set_xlabel(f"contrast {_short(row['contrast'])}{grain}", fontsize=8.5, color=_INK, labelpad=2)


def _short(value: float) -> str:
    return f"{value:.2f}".lstrip("0")


def _draw_holding(axes: Axes, rows: Sequence[Row]) -> None:
    nudged = {"planks": -0.055, "stripes": 0.03, "pinstripes": -0.03, "placed": 0.03}
    for texture in TEXTURES:
        mine = [_find(rows, texture.name, ("noised", "fresh", hold, IN_STEP)) for hold in _HOLDS]
        contrast = [row["contrast"] for row in mine]
        colour = _COLOURS[texture.name]
        spread = [row["spread"]["contrast"] for row in mine]
        axes.errorbar(range(len(_HOLDS)), contrast, spread, fmt="o-", ms=4, lw=1.6, capsize=2, color=colour)
        at = contrast[-1] + nudged.get(texture.name, 0.0)
        axes.text(len(_HOLDS) - 0.88, at, texture.name, color=colour, fontsize=9, va="center")
        attached = _find(rows, texture.name, ("noised", "attached", 1, IN_STEP))["contrast"]
        axes.plot(-0.9, attached, marker="D", ms=6, color=colour, mec="white", clip_on=False, zorder=4)
    axes.set_xlim(-1.3, len(_HOLDS) - 0.1)
    axes.set_ylim(0, 1.08)
    axes.set_xticks([-0.9, *range(len(_HOLDS))], ["attached", "moving", "3", "10", "50 steps", "for ever"])
    axes.set_xlabel("attached noise, windows moving; then fresh noise, by how long a window is held", fontsize=9)
    axes.set_title("Contrast at the end (1: the texture's own)", fontsize=10, color=_INK)
    _tidy(axes)


def _draw_stability(axes: Axes) -> None:
    bandwidths = np.geomspace(BANDWIDTH.end, 8, 120)
    # Where in the panel a curve has room for its name.
    for texture, at in ((TEXTURES[0], 60), (TEXTURES[1], 24)):
        radius, colour = texture.wave.radius, _COLOURS[texture.name]
        gains = [noised_gain(radius, STD, float(bandwidth)) for bandwidth in bandwidths]
        axes.plot(bandwidths, gains, color=colour, linewidth=1.8)
        axes.text(bandwidths[at] * 1.1, gains[at] * 1.1, texture.name, color=colour, fontsize=9)
        critical = critical_bandwidth(radius, STD)
        axes.plot([critical] * 2, [0.1, 1], color=colour, linewidth=1, linestyle=":")
        axes.text(critical * 1.05, 0.13, rf"$\lambda_c={critical:.2g}$", color=colour, fontsize=9)
    axes.axhline(1, color=_INK, linewidth=0.8)
    axes.text(BANDWIDTH.end * 1.1, 1.12, "flat is left", fontsize=8.5, color=_INK)
    axes.text(BANDWIDTH.end * 1.1, 0.74, "flat is kept", fontsize=8.5, color=_INK)
    axes.axvspan(BANDWIDTH.end, BANDWIDTH.start, color="#f3f5f8", zorder=0)
    axes.text(BANDWIDTH.start * 0.95, 40, "the run's bandwidths", fontsize=8.5, color="#7f8c8d", ha="right")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(0.1, 60)
    axes.set_xlim(0.06, 8)
    axes.set_xticks([0.075, 0.2, 0.5, 1.5, 4], ["0.075", "0.2", "0.5", "1.5", "4"])
    axes.set_xticks([], minor=True)
    axes.set_yticks([0.1, 1, 10], ["0.1", "1", "10"])
    axes.set_xlabel(r"bandwidth $\lambda$", fontsize=9)
    axes.set_title("Answer to a small wave, over the wave (noised)", fontsize=10, color=_INK)
    _tidy(axes)


def _tidy(axes: Axes) -> None:
    axes.tick_params(labelsize=8.5)
    axes.grid(color=_GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
