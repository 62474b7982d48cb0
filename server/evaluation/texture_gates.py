"""What textures must be to be sold, and whether a group of them is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from server.evaluation.kept_rows import Row

# Shares of the runs of a preset that must be right, and that must have an ordinary contrast.
GATES = {
    "sketch": {"right": 0.95, "contrast": 0.90},
    "standard": {"right": 0.98, "contrast": 0.95},
    "fine": {"right": 0.98, "contrast": 0.95},
}
# Of the contrast of the prior's own samples.
CONTRAST = (0.6, 1.6)
# Of every run.
SEAM_RATIO = (0.8, 1.25)
GROUP = ("preset", "method", "noise")
WORST = 5


def within(value: float, bounds: tuple[float, float]) -> bool:
    return bounds[0] <= value <= bounds[1]


def summarise(rows: Sequence[Row]) -> dict[str, Any]:
    """Rows of `evaluate_textures` in groups.

    Returns:
        {"summary": [{"preset", "method", "noise", "runs", "right", "name_right", "colours_right", "contrast_ok" (shares
                      of the runs), "spectrum", "usual_spectrum" (means), "seam_ratio": [least, most],
                      "map_seam_ratios": {map: [least, most]}, "seconds",
                      "denoiser_calls" (means), "patterns": {pattern: share that is right}, "worst": five rows}],
         "failed": ["PRESET.METHOD.NOISE.GATE"]: gates that do not hold, "right", "contrast", "seam" and "maps"}
    """
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in GROUP), []).append(row)
    summary = [_summary(group) for group in groups.values()]
    return {"summary": summary, "failed": [gate for group in summary for gate in _failed(group)]}


def describe(summary: Sequence[dict[str, Any]], failed: Sequence[str]) -> str:
    """The groups as a table, their worst runs, and the gates that do not hold."""
    names = ("runs", "right", "contrast_ok", "spectrum", "usual_spectrum", "seam_ratio", "seconds", "denoiser_calls")
    lines = ["  ".join((*GROUP, *names))]
    for group in summary:
        lines.append("  ".join(str(group[name]) for name in (*GROUP, *names)))
        patterns = ", ".join(f"{name} {share:.0%}" for name, share in group["patterns"].items())
        lines.append(f"  right: {patterns}")
        if group["map_seam_ratios"]:
            seams = (f"{name} {least} to {most}" for name, (least, most) in group["map_seam_ratios"].items())
            lines.append(f"  seams: {', '.join(seams)}")
        lines += [
            f"  worst: {row['prompt']} ({row['seed']}): seen {row['seen']}, contrast {row['contrast']},"
            f" spectrum {row['spectrum']} dB"
            for row in group["worst"]
        ]
    return "\n".join([*lines, f"failed: {', '.join(failed) or 'nothing'}"])


def _summary(rows: list[Row]) -> dict[str, Any]:
    patterns = dict.fromkeys(row["pattern"] for row in rows)
    seams = [row["seam_ratio"] for row in rows]
    return {
        **{key: rows[0][key] for key in GROUP},
        "runs": len(rows),
        **{
            key: _mean(rows, key)
            for key in ("right", "name_right", "colours_right", "contrast_ok", "spectrum", "usual_spectrum")
        },
        "seam_ratio": [min(seams), max(seams)],
        "map_seam_ratios": _of_maps(rows),
        **{key: _mean(rows, key) for key in ("seconds", "denoiser_calls")},
        "patterns": {name: _mean([row for row in rows if row["pattern"] == name], "right") for name in patterns},
        "worst": sorted(rows, key=_badness, reverse=True)[:WORST],
    }


def _of_maps(rows: Sequence[Row]) -> dict[str, list[float]]:
    """The least and the greatest seam ratio of every map."""
    found: dict[str, list[float]] = {}
    for row in rows:
        for name, ratio in row.get("map_seam_ratios", {}).items():
            found.setdefault(name, []).append(ratio)
    return {name: [min(ratios), max(ratios)] for name, ratios in found.items()}


def _mean(rows: Sequence[Row], key: str) -> float:
    return round(float(np.mean([row[key] for row in rows])), 4)


def _badness(row: Row) -> tuple[bool, bool, float]:
    return not row["right"], not row["contrast_ok"], row["spectrum"]


def _failed(group: dict[str, Any]) -> list[str]:
    gates = GATES[group["preset"]]
    holds = {
        "right": group["right"] >= gates["right"],
        "contrast": group["contrast_ok"] >= gates["contrast"],
        "seam": all(within(ratio, SEAM_RATIO) for ratio in group["seam_ratio"]),
        "maps": all(within(ratio, SEAM_RATIO) for ratios in group["map_seam_ratios"].values() for ratio in ratios),
    }
    return [".".join((*(group[key] for key in GROUP), gate)) for gate, held in holds.items() if not held]
