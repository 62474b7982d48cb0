"""Whether the tensors that a file's header names are those of a network. Free of torch, nothing is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from server.priors.pretrained.families import broken

FLOATS = ("F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2")
Expected = Mapping[str, tuple[str, tuple[int, ...]]]


def check_fit(
    at: Path,
    part: str,
    expected: Expected,
    shapes: Mapping[str, tuple[int, ...]],
    dtypes: Mapping[str, str],
    hint: str,
) -> None:
    """Compare what lies there with what should. What else lies there is not used: positions that can be computed,
    layers and scales that only training needed.

    Args:
        at: the file, or the folder of the files.
        expected: by the names in the file: a name in the network, and a shape.
        shapes, dtypes: of what lies there.

    Raises:
        BadRequest: "prior-broken", naming the first tensor that does not fit.
    """
    for name, (inside, shape) in expected.items():
        if name not in shapes:
            raise unfitting(at, part, f"{inside} is missing", hint)
        if shapes[name] != shape:
            raise unfitting(at, part, f"{name} is {_shown(shapes[name])} and should be {_shown(shape)}", hint)
        if dtypes[name] not in FLOATS:
            raise unfitting(at, part, f"{name} is quantised, {dtypes[name]}", "Take the version in half precision.")


def unfitting(at: Path, part: str, what: str, hint: str) -> Exception:
    """The refusal of a network whose tensors are not what they should be."""
    return broken(f"{at}: the tensors of its {part} do not fit together ({what}).", hint)


def _shown(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "a single number"
