"""Figures of the experiments on image priors. Every function writes one PNG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from torch import Tensor

from server.lab.bandwidth import BANDWIDTHS, METHODS, Shown
from server.lab.figures import COLOURS, INK, LABELS, new_figure, save_figure
from server.lab.heuristics import SAMPLES

Rows = Sequence[Mapping[str, Any]]
# Side by side of each bandwidth.
SIDE_BY_SIDE = 2


def _show(axes: Axes, picture: Tensor | None, below: str = "") -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    if picture is not None:
        axes.imshow(picture.permute(1, 2, 0).numpy(), interpolation="nearest")
    axes.set_xlabel(below, fontsize=7.5, color=INK)


def draw_bandwidth(result: Mapping[str, Any], shown: Sequence[Shown], path: Path) -> None:
    """Iterates from top to bottom, each method's samples beside them, bandwidths from left to right."""
    rows = {(row["method"], row["iterate"], row["bandwidth"]): row for row in result["rows"]}
    across = [(method, width) for method in METHODS for width in BANDWIDTHS]
    figure = new_figure(1.3 + 0.82 * SIDE_BY_SIDE * len(across), 1.15 * len(shown) + 0.7)
    ratios = [1.05] + [SIDE_BY_SIDE * len(BANDWIDTHS)] * len(METHODS)
    (first, *others) = figure.subfigures(1, 1 + len(METHODS), squeeze=False, width_ratios=ratios)[0]
    panels = first.subplots(len(shown), 1, squeeze=False)
    first.suptitle("iterate", fontsize=9, color=INK)
    for line, one in enumerate(shown):
        _show(panels[line][0], one.iterate, f"after {one.updates}")
    for part, method in zip(others, METHODS, strict=True):
        part.suptitle(LABELS[method], fontsize=9, color=INK)
        panels = part.subplots(len(shown), SIDE_BY_SIDE * len(BANDWIDTHS), squeeze=False)
        for line, one in enumerate(shown):
            for column, width in enumerate(BANDWIDTHS):
                for number in range(SIDE_BY_SIDE):
                    axes = panels[line][SIDE_BY_SIDE * column + number]
                    spread = rows[method, one.updates, width]["spread"]
                    _show(axes, one.samples[method, width][number], "" if number else f"spread {spread:.2f}")
                    if line == 0 and number == 0:
                        axes.set_title(rf"$\lambda={width:g}$", fontsize=8, color=INK, loc="left")
    figure.suptitle(f"{result['prompt']}, {result['prior']}: samples around iterates", fontsize=11, color=INK)
    save_figure(figure, path)


def draw_heuristics(result: Mapping[str, Any], pictures: Mapping[str, Tensor], path: Path) -> None:
    """A line of pictures for each condition, below the prior's own samples."""
    rows = {row["condition"]: row for row in result["rows"]}
    count = len(pictures[SAMPLES])
    figure = new_figure(1.25 * count + 2.1, 1.3 * len(pictures) + 0.4)
    panels = figure.subplots(len(pictures), count + 1, squeeze=False, width_ratios=[1.5] + [1] * count)
    for line, (name, seen) in zip(panels, pictures.items(), strict=True):
        _show(line[0], None)
        said = "DDIM samples"
        if name in rows:
            row = rows[name]
            said = f"{name}\nshell ratio {row['shell_ratio']:.2f}, q {row['q']:.2f}\n"
            said += (
                f"detail {row['detail']:.2f}, contrast {row['contrast']:.2f}\noff manifold {row['off_manifold']:.2f}"
            )
        line[0].text(0.0, 0.5, said, fontsize=8, color=INK, va="center", transform=line[0].transAxes)
        for axes, picture in zip(line[1:], seen, strict=True):
            _show(axes, picture)
    title = (
        f"{result['prompt']}, {result['prior']}: limited interval and noise scaling (detail, contrast: over samples')"
    )
    figure.suptitle(title, fontsize=9, color=INK)
    save_figure(figure, path)


def draw_image_variance(result: Mapping[str, Any], path: Path) -> None:
    """The noise-to-signal ratio over bandwidths, and how noisy a picture the network sees."""
    rows = result["rows"]
    figure = new_figure(8.6, 3.2)
    left, right = figure.subplots(1, 2)
    floor = 0.004
    for method in dict.fromkeys(row["method"] for row in rows):
        mine = [row for row in rows if row["method"] == method]
        widths, colour = [row["bandwidth"] for row in mine], COLOURS[method]
        noise = [max(row["noise_to_signal"], floor) for row in mine]
        left.plot(widths, noise, "o-", ms=3.5, color=colour, label=LABELS[method])
        right.plot(widths, [row["shell_ratio"] for row in mine], "o-", ms=3.5, color=colour)
    left.set_yscale("log")
    left.set_yticks([floor, 0.01, 0.03, 0.1, 0.3, 1, 3], ["none", "0.01", "0.03", "0.1", "0.3", "1", "3"])
    left.set_yticks([], minor=True)
    left.set_title("noise / signal of one estimate", fontsize=9, color=INK)
    right.set_title("shell ratio of what the network sees", fontsize=9, color=INK)
    for axes in (left, right):
        axes.set_xscale("log")
        axes.set_xticks(widths, [f"{width:g}" for width in widths])
        axes.set_xticks([], minor=True)
        axes.set_xlabel(r"bandwidth $\lambda$", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.grid(color="#e3e6ea", linewidth=0.6)
    figure.legend(loc="outside right center", fontsize=7.5, frameon=False)
    figure.suptitle(f"{result['prompt']}, {result['prior']}", fontsize=10, color=INK)
    save_figure(figure, path)
