"""Rows as text, the paper's numbers beside ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
Column = tuple[str, Callable[[Row], str]]
"""A heading, and how a row is shown below it."""


def show(key: str, digits: int = 3) -> Callable[[Row], str]:
    """A row's entry: numbers rounded, None as "-"."""

    def text(row: Row) -> str:
        value = row[key]
        if value is None:
            return "-"
        if isinstance(value, list):
            return "(" + ", ".join(f"{v:.{digits}f}" for v in value) + ")"
        return f"{value:.{digits}f}" if isinstance(value, float) else str(value)

    return text


UNSEEN = "[?]: printed in the paper, but we have not seen the number"


def beside_paper(key: str, digits: int, scale: float = 1.0) -> Callable[[Row], str]:
    """Our mean, its spread over seeds where there are several, and in brackets what the paper prints: "[?]" where it
    prints something that we have not seen."""

    def text(row: Row) -> str:
        own = f"{row[key] * scale:.{digits}f}"
        spread = f"±{row['spread'][key] * scale:.{digits}f}" if row["seeds"] > 1 else ""
        return own + spread + _bracketed(row["paper"], key, digits, scale)

    return text


def _bracketed(printed: Mapping[str, Any] | None, key: str, digits: int, scale: float) -> str:
    if printed is None:
        return ""
    match printed.get(key):
        case None:
            return " [?]"
        case (one, other):
            return f" [{one * scale:.{digits}f} or {other * scale:.{digits}f}]"
        case number:
            # The smallest discrepancy that is printed would be rounded away.
            return f" [{number * scale:.{digits}f}]" if abs(number) * scale >= 10**-digits else f" [{number * scale:g}]"


def with_spread(key: str, digits: int = 2) -> Callable[[Row], str]:
    """A mean and its spread over seeds, then in brackets what theory predicts where it does."""

    def text(row: Row) -> str:
        if row[key] is None:
            return "-"
        theory = (row["predicted"] or {}).get(key)
        own = f"{row[key]:.{digits}f}±{row['spread'][key]:.{digits}f}"
        return own + ("" if theory is None else f" [{theory:.{digits}f}]")

    return text


def afterwards(column: Callable[[Row], str]) -> Callable[[Row], str]:
    """The same column of what a row has become "after"."""
    return lambda row: column({"predicted": None, **row["after"]}) if row["after"] else "-"


def _median(row: Row) -> str:
    spread = f"±{row['spread']['nll_median']:.2f}" if row["seeds"] > 1 else ""
    return f"{row['nll_median']:.2f}{spread}"


def _held(row: Row) -> str:
    return {None: "-", 0: "for ever", 1: "moving"}.get(row["window"], f"{row['window']} steps")


def as_text(rows: Sequence[Row], columns: Sequence[Column]) -> str:
    """A table with aligned columns; the first two, names, to the left."""
    lines = [[heading for heading, _ in columns], *([text(row) for _, text in columns] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]

    def aligned(line: list[str]) -> str:
        cells = [
            cell.ljust(w) if i < 2 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    return "\n".join(aligned(line) for line in lines)


TABLE1: list[Column] = [
    ("density", show("density")),
    ("method", show("method")),
    ("bandwidth", show("bandwidth", 2)),
    ("efficiency", show("efficiency", 2)),
    ("paper", show("paper", 2)),
    ("with bias", show("efficiency_with_bias", 2)),
    ("relative bias", show("relative_bias", 2)),
    ("calls", show("calls")),
]


TABLE2: list[Column] = [
    ("density", show("density")),
    ("method", show("method")),
    ("denoiser", show("denoiser")),
    ("NLL [paper]", beside_paper("nll", 2)),
    ("median", _median),
    ("precision [paper]", beside_paper("precision", 2)),
    ("recall [paper]", beside_paper("recall", 2)),
    ("MMD x1000 [paper]", beside_paper("mmd", 1, 1000)),
    ("calls", show("calls_per_point")),
]


SYMMETRY: list[Column] = [
    ("density", show("density")),
    ("estimator", show("estimator")),
    ("noise", show("noise")),
    ("window", _held),
    ("rate", show("rate", 2)),
    ("contrast", with_spread("contrast")),
    ("coarse [theory]", with_spread("coarse_power")),
    ("fine [theory]", with_spread("fine_power")),
    ("NLL", with_spread("nll")),
    ("to mode", with_spread("nearest_mode")),
    ("q", with_spread("q")),
    ("after: contrast", afterwards(with_spread("contrast"))),
    ("fine", afterwards(with_spread("fine_power"))),
    ("NLL", afterwards(with_spread("nll"))),
    ("q", afterwards(with_spread("q", 3))),
]
