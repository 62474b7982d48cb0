"""What the paper prints in its tables, cell by cell, as far as we have seen it.

Its table 2 gives pairs without saying which is which; they are read as (learned, ideal), and its discrepancies as
thousandths. Of some cells we know a part, or that there is one.
"""

from __future__ import annotations

from collections.abc import Mapping

DENSITIES = ("fractal", "spiral", "pinwheel")
DENOISERS = ("learned", "ideal")
METHODS = ("sds", "paper", "ddim")

Printed = float | list[float]
"""A number, or two of which we do not know which belongs to which denoiser."""

EFFICIENCY: dict[tuple[str, str], float] = {
    ("fractal", "sds"): -6.89,
    ("spiral", "sds"): -7.57,
    ("pinwheel", "sds"): -6.99,
    ("fractal", "paper"): 7.65,
    ("spiral", "paper"): 6.32,
    ("pinwheel", "paper"): 7.08,
}

# The spiral's are rounded.
_QUALITY: dict[tuple[str, str, str], dict[str, Printed]] = {
    ("fractal", "learned", "sds"): {"nll": 36.15, "precision": 0.08, "recall": 0.03, "mmd": 0.328},
    ("fractal", "ideal", "sds"): {"nll": 9.12, "precision": 0.01, "recall": 0.0, "mmd": 0.087},
    ("fractal", "learned", "paper"): {"nll": -1.32, "precision": 0.92, "recall": 0.33, "mmd": 0.0305},
    ("fractal", "ideal", "paper"): {"nll": -2.02, "precision": 0.97, "recall": 0.42, "mmd": 0.0128},
    ("fractal", "learned", "ddim"): {"mmd": 0.00086},
    ("fractal", "ideal", "ddim"): {"nll": -1.51, "mmd": 0.000007},
    ("spiral", "learned", "sds"): {"nll": 30.0},
    ("spiral", "ideal", "ddim"): {"nll": -1.3},
    ("pinwheel", "learned", "sds"): {"nll": [2.0, 2.3]},
    ("pinwheel", "ideal", "sds"): {"nll": [2.0, 2.3]},
}

QUALITY: Mapping[tuple[str, str, str], Mapping[str, Printed]] = {
    (name, denoiser, method): _QUALITY.get((name, denoiser, method), {})
    for name in DENSITIES
    for denoiser in DENOISERS
    for method in METHODS
}
"""The eighteen cells of table 2. What is missing in a cell is printed there, but not known to us."""
