"""Figures of the lab. Every function writes one PNG."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from server.files import write_bytes
from server.lab.densities import CLASS_OF, density
from server.lab.landscape import BOX, Landscape
from server.lab.variance import EXAMPLES, draws_at

LABELS: Mapping[str, str] = {
    "ddim": "DDIM samples",
    "sds": "SDS",
    "sds-uniform-sigma": r"SDS, $\sigma$ uniform",
    "sds-log-normal": "SDS, low noise",
    "sds-annealed": "SDS, annealed",
    "sdi": "SDI",
    "flow": "flow",
    "paper": "mean shift, paper",
    "paper-sigma": r"mean shift, paper ($dt=d\sigma$)",
    "paper-widened": "mean shift, paper, widened kernel",
    "paper-random": "mean shift, paper, noised centre",
    "paper-inversion": "mean shift, paper, inverted centre",
    "exact": "mean shift, exact sampler",
    "noised": "mean shift, noised",
    "tweedie": "mean shift, one call",
    "mean-shift": "classical mean shift",
}
COLOURS: Mapping[str, str] = {
    "sds": "#c0392b",
    "sds-uniform-sigma": "#e67e22",
    "sds-log-normal": "#e8a33d",
    "sds-annealed": "#b9770e",
    "sdi": "#7f8c8d",
    "flow": "#b04ac2",
    "paper": "#1f4e9c",
    "paper-sigma": "#5d8fd6",
    "paper-widened": "#86b0e6",
    "paper-random": "#27a1a1",
    "paper-inversion": "#6c5ce7",
    "exact": "#2e8b57",
    "noised": "#8bbf3f",
    "tweedie": "#0b2a5b",
    "ddim": "#444444",
    "mean-shift": "#34495e",
}
INK = "#20242a"


def new_figure(width: float, height: float) -> Figure:
    """In inches."""
    return Figure(figsize=(width, height), dpi=160, facecolor="white", layout="constrained")


def save_figure(figure: Figure, path: Path) -> None:
    """As a PNG."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    write_bytes(path, drawn.getbuffer())


def _plain(axes: Axes, title: str = "") -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_aspect("equal")
    axes.set_title(title, fontsize=10, color=INK)
    for spine in axes.spines.values():
        spine.set_color("#c8ccd2")


def _density_below(axes: Axes, name: str, box: tuple[float, float], smoothing: float = 0.015) -> None:
    """The density as a pale picture under everything else."""
    axis = torch.linspace(*box, 200, dtype=torch.float64)
    log_density = density(name).log_density(torch.cartesian_prod(axis, axis), smoothing).reshape(200, 200)
    shade = (log_density.exp().T ** 0.4).numpy()
    axes.imshow(shade, origin="lower", extent=(*box, *box), cmap="Greys", alpha=0.55, vmax=shade.max() * 1.2)
    axes.set_xlim(*box)
    axes.set_ylim(*box)


def draw_samples(rows: Sequence[Mapping[str, Any]], path: Path, title: str) -> None:
    """One panel for each row of `samples`: densities below each other, methods side by side."""
    names = list(dict.fromkeys(row["density"] for row in rows))
    methods = list(dict.fromkeys(row["method"] for row in rows))
    figure = new_figure(2.3 * len(methods), 2.5 * len(names) + 0.4)
    panels = figure.subplots(len(names), len(methods), squeeze=False)
    for row in rows:
        axes = panels[names.index(row["density"])][methods.index(row["method"])]
        box = BOX[row["density"]]
        _density_below(axes, row["density"], box)
        points = np.array(row["points"])
        axes.scatter(*points.T, s=3.5, color=COLOURS[row["method"]], alpha=0.75, linewidths=0)
        _plain(axes, LABELS[row["method"]] if row["density"] == names[0] else "")
        # Points outside the frame would vanish silently.
        outside = int(((points < box[0]) | (points > box[1])).any(1).sum())
        note = f"NLL {row['nll']:.2f}   P {row['precision']:.2f}   R {row['recall']:.2f}"
        axes.set_xlabel(note + (f"\n{outside} points outside" if outside else ""), fontsize=7.5, color=INK)
    figure.suptitle(title, fontsize=11, color=INK)
    save_figure(figure, path)


def draw_landscapes(
    density_name: str, rows: Sequence[Mapping[str, Any]], found: Sequence[Landscape], path: Path
) -> None:
    """Contours of every reconstructed landscape, its maximum marked. Dots under guidance are samples of the class."""
    scale = rows[0]["scale"]
    shown = density(density_name if scale == 1.0 else CLASS_OF[density_name][0])
    columns = 3
    lines = -(-len(rows) // columns)
    figure = new_figure(3.1 * columns, 3.4 * lines)
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes, row, result in zip(panels, rows, found, strict=False):
        box = BOX[density_name]
        span = np.percentile(-result.values, 90)
        levels = -span * np.linspace(1, 0, 15) ** 1.6
        axes.contourf(result.axis, result.axis, result.values.T, levels=levels, cmap="YlGnBu_r", extend="min")
        axes.contour(result.axis, result.axis, result.values.T, levels=levels, colors="white", linewidths=0.35)
        data = shown.sample(500, torch.Generator().manual_seed(0)).numpy()
        axes.scatter(*data.T, s=0.8, color="black", alpha=0.55, linewidths=0)
        axes.plot(*row["maximum"], marker="*", markersize=13, color="#ff4d4d", markeredgecolor="white")
        width = "" if row["bandwidth"] is None else rf", $\lambda={row['bandwidth']:g}$"
        _plain(axes, LABELS[row["method"]] + width)
        axes.set_xlim(*box)
        axes.set_ylim(*box)
        axes.set_xlabel(rf"highest at $\bigstar$: $\log p$ there = {row['log_density_there']:.1f}", fontsize=8)
    for axes in panels[len(rows) :]:
        axes.set_visible(False)
    title = "Landscapes reconstructed from gradients; dots are true samples"
    figure.suptitle(title + ("" if scale == 1.0 else f" of the class, guidance {scale:g}"), fontsize=11, color=INK)
    save_figure(figure, path)


def draw_efficiency(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Table 1 as bars: Eq. 17, and beside it the same measured against the true mean shift."""
    names = list(dict.fromkeys(row["density"] for row in rows))
    methods = list(dict.fromkeys(row["method"] for row in rows))
    figure = new_figure(3.3 * len(names) + 1.2, 0.32 * len(methods) + 1.3)
    panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        for row in (row for row in rows if row["density"] == name):
            at = -methods.index(row["method"])
            axes.barh(at, row["efficiency"], height=0.62, color=COLOURS[row["method"]], alpha=0.85)
            axes.plot(row["efficiency_with_bias"], at, marker="D", markersize=5, color=INK, linestyle="")
            if row["paper"] is not None:
                axes.plot([row["paper"]] * 2, [at - 0.42, at + 0.42], color="#d81b60", linewidth=2.2)
        axes.axvline(0, color=INK, linewidth=0.6)
        axes.set_title(name, fontsize=10, color=INK)
        axes.set_xlabel("nats", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.grid(axis="x", color="#e3e6ea", linewidth=0.6)
        axes.set_axisbelow(True)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    panels[0].set_yticks([-i for i in range(len(methods))], [LABELS[method] for method in methods])
    handles = [
        Line2D([], [], color="#777777", linewidth=6, label="efficiency (50: no variance at all)"),
        Line2D([], [], marker="D", linestyle="", color=INK, label="against the true mean shift"),
        Line2D([], [], color="#d81b60", linewidth=2.2, label="printed in the paper"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    save_figure(figure, path)


def draw_quality(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Table 2 as likelihood against recall; the lower right corner is best."""
    names = list(dict.fromkeys(row["density"] for row in rows))
    kinds = list(dict.fromkeys(row["denoiser"] for row in rows))
    figure = new_figure(3.1 * len(names), 2.9 * len(kinds) + 0.9)
    panels = figure.subplots(len(kinds), len(names), squeeze=False)
    for row in rows:
        axes = panels[kinds.index(row["denoiser"])][names.index(row["density"])]
        # Hollow: points beside the data, whose likelihood and recall say little.
        face = COLOURS[row["method"]] if row["precision"] >= 0.9 else "white"
        axes.scatter(
            row["recall"], row["nll"], s=46, color=face, edgecolors=COLOURS[row["method"]], linewidths=1.6, zorder=3
        )
    for i, kind in enumerate(kinds):
        for j, name in enumerate(names):
            axes = panels[i][j]
            axes.set_yscale("symlog", linthresh=3)
            axes.set_xlim(-0.04, 1.04)
            axes.grid(color="#e3e6ea", linewidth=0.6)
            axes.set_title(f"{name}, {kind} denoiser", fontsize=9, color=INK)
            axes.tick_params(labelsize=8)
            if j == 0:
                axes.set_ylabel(r"NLL ($\downarrow$)", fontsize=8)
            if i == len(kinds) - 1:
                axes.set_xlabel(r"recall ($\uparrow$)", fontsize=8)
    methods = dict.fromkeys(row["method"] for row in rows)
    handles = [Line2D([], [], marker="o", linestyle="", color=COLOURS[m], label=LABELS[m]) for m in methods]
    handles.append(Line2D([], [], marker="o", linestyle="", mfc="white", color=INK, label="precision < 0.9"))
    figure.legend(handles=handles, loc="outside lower center", ncols=5, fontsize=7.5, frameon=False)
    save_figure(figure, path)


def draw_variance(density_name: str, rows: Sequence[Mapping[str, Any]], path: Path, seed: int) -> None:
    """Clouds of targets from three points, and the noise-to-signal ratio over bandwidths."""
    shown = ("sds", "noised", "exact", "paper")
    bandwidth = 0.2
    figure = new_figure(14.6, 3.1)
    panels = figure.subplots(1, len(shown) + 1, width_ratios=[1] * len(shown) + [1.35])
    box = BOX[density_name]
    for axes, method in zip(panels, shown, strict=False):
        _density_below(axes, density_name, box)
        for x, cloud in zip(EXAMPLES, draws_at(density_name, method, bandwidth, 80, seed).numpy(), strict=True):
            axes.scatter(*cloud.T, s=4, color=COLOURS[method], alpha=0.6, linewidths=0)
            axes.annotate("", cloud.mean(0), x, arrowprops={"arrowstyle": "->", "color": INK, "linewidth": 1.1})
            axes.plot(*x, "o", color="white", markeredgecolor=INK, markersize=5)
        _plain(axes, LABELS[method])
        axes.set_xlabel(rf"80 targets each, $\lambda={bandwidth:g}$", fontsize=8)
    axes = panels[-1]
    floor = 0.05
    for method in dict.fromkeys(row["method"] for row in rows):
        mine = [row for row in rows if row["method"] == method]
        values = [max(row["noise_to_signal"], floor) for row in mine]
        axes.plot([r["bandwidth"] for r in mine], values, "o-", ms=3.5, color=COLOURS[method], label=LABELS[method])
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(r"bandwidth $\lambda$", fontsize=8)
    axes.set_xticks([row["bandwidth"] for row in mine], [f"{row['bandwidth']:g}" for row in mine], minor=False)
    axes.set_xticks([], minor=True)
    axes.set_yticks([floor, 0.1, 0.3, 1, 3], ["none", "0.1", "0.3", "1", "3"])
    axes.set_yticks([], minor=True)
    axes.set_title("noise / signal of one estimate", fontsize=10, color=INK)
    axes.tick_params(labelsize=8)
    axes.grid(color="#e3e6ea", linewidth=0.6)
    axes.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    save_figure(figure, path)
