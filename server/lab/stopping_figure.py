"""The figure of `lab stopping`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from server.lab.figures import COLOURS, INK, LABELS, new_figure, save_figure
from server.lab.stopping import THRESHOLD


def draw_stopping(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """q above, the likelihood below; a dot where the criterion would have stopped."""
    names = list(dict.fromkeys(row["density"] for row in rows))
    figure = new_figure(3.6 * len(names) + 0.4, 5.6)
    panels = figure.subplots(2, len(names), squeeze=False, sharex=True)
    for column, name in enumerate(names):
        above, below = panels[0][column], panels[1][column]
        for row in (row for row in rows if row["density"] == name):
            colour, steps = COLOURS[row["method"]], range(1, row["steps"] + 1)
            above.plot(steps, row["course"], color=colour, linewidth=1.2, label=LABELS[row["method"]])
            below.plot(steps, row["nll"], color=colour, linewidth=1.2)
            if row["stopped"] is not None:
                above.plot(row["stopped"], row["course"][row["stopped"] - 1], "o", color=colour, markersize=6)
                below.plot(row["stopped"], row["nll_stopped"], "o", color=colour, markersize=6)
        above.axhline(THRESHOLD, color=INK, linewidth=0.8, linestyle=":")
        above.set_yscale("log")
        below.set_yscale("symlog", linthresh=3)
        above.set_title(name, fontsize=10, color=INK)
        below.set_xlabel("update", fontsize=8)
        for axes in (above, below):
            axes.tick_params(labelsize=8)
            axes.grid(color="#e3e6ea", linewidth=0.6)
    panels[0][0].set_ylabel(r"$q$", fontsize=9)
    panels[1][0].set_ylabel(r"NLL ($\downarrow$)", fontsize=9)
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    figure.suptitle("Dots: where the criterion would have stopped the run", fontsize=11, color=INK)
    save_figure(figure, path)
