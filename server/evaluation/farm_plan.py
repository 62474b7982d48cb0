"""How many machines make so many objects in a night, and what that costs."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from server.errors import BadRequest
from server.evaluation.farm import Farm, Night, simulate

# Seconds, by docs/measurements.md: two processor cores without a GPU, the embedded prior, from the command to the file.
# One run each, so that they say nothing about stragglers; a report of a batch does.
MEASURED = {"mesh sketch": 27.0, "mesh standard": 50.0, "texture sketch": 14.0}
# Of the same page: processor time of Python, torch and the embedded prior before an object begins.
START_S = 8.0
# Of the same page: the folder of a duck at the standard preset, its field included.
BYTES_AN_OBJECT = 4_000_000
NIGHTS, SURE = 21, 0.95


@dataclass(frozen=True)
class Wish:
    """What is planned.

    Attributes:
        objects: how many in one night.
        hours: of the night.
        seconds: measured, of single objects, which stand for all of them.
        farm: of one machine.
        price: of a machine for an hour, in any currency.
        bytes_each: that are kept of each object.
    """

    objects: int
    hours: float
    seconds: Sequence[float]
    farm: Farm
    price: float
    bytes_each: int


def seconds_of_report(file: Path) -> list[float]:
    """Seconds of the rows that a batch has done, from its report.json.

    Raises:
        BadRequest: "rows-unreadable".
    """
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
        found = [float(row["seconds"]) for row in rows if row["state"] == "done"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise _unreadable(file, getattr(error, "strerror", None) or "it is no report of a batch") from None
    if not found or min(found) <= 0:
        raise _unreadable(file, "no row in it is done")
    return found


def plan(wish: Wish, seed: int = 0) -> dict[str, Any]:
    """The fewest machines that are done in time in SURE of all nights, and what fewer and more of them come to.

    Returns:
        {"machines", "rows", "stored_bytes", "assumed"}; a row for half the machines, for those, and for twice as many.

    Raises:
        BadRequest: "night-too-short": no number of machines would do.
    """
    if _late(_nights(wish, wish.objects, seed)) > wish.hours:
        said = f"Even with a machine for each object the night of {wish.hours:g} hours would be too short."
        raise BadRequest("night-too-short", said, "Give more hours, or objects that take less time.")
    low, high = 0, 1
    while _late(_nights(wish, high, seed)) > wish.hours:
        low, high = high, min(2 * high, wish.objects)
    while high - low > 1:
        middle = (low + high) // 2
        in_time = _late(_nights(wish, middle, seed)) <= wish.hours
        low, high = (low, middle) if in_time else (middle, high)
    counts = sorted({max(1, high // 2), high, min(2 * high, wish.objects)})
    return {
        "machines": high,
        "rows": [_row(wish, count, seed) for count in counts],
        "stored_bytes": wish.objects * wish.bytes_each,
        "assumed": _assumed(wish),
    }


def predict(seconds: Sequence[float], objects: int, farm: Farm, seed: int = 0) -> list[Night]:
    """NIGHTS nights of so many objects, each of which takes as long as one of those that were measured."""
    nights = []
    for number in range(NIGHTS):
        rng = np.random.default_rng((seed, number))
        drawn = rng.choice(np.asarray(seconds, dtype=float), objects)
        nights.append(simulate(drawn.tolist(), farm, rng))
    return nights


def _nights(wish: Wish, machines: int, seed: int) -> list[Night]:
    return predict(wish.seconds, wish.objects, replace(wish.farm, machines=machines), seed)


def _late(nights: Sequence[Night]) -> float:
    """Hours that SURE of all nights are not longer than."""
    return sorted(night.seconds for night in nights)[math.ceil(SURE * len(nights)) - 1] / 3600


def _row(wish: Wish, machines: int, seed: int) -> dict[str, Any]:
    nights = _nights(wish, machines, seed)
    late = _late(nights)

    def middle(name: str) -> float:
        return float(np.median([getattr(night, name) for night in nights]))

    usual = middle("seconds") / 3600
    # Machines are paid for until the last object is done.
    paid = machines * usual
    return {
        "machines": machines,
        "hours": round(usual, 3),
        "hours_when_late": round(late, 3),
        "in_time": late <= wish.hours,
        "tail_minutes": round(middle("tail_s") / 60, 2),
        "failures": middle("failures"),
        "lost_hours": round(middle("lost_s") / 3600, 3),
        "machine_hours": round(paid, 2),
        "cost": round(paid * wish.price, 2),
        "cost_each": round(paid * wish.price / wish.objects, 5),
    }


def _assumed(wish: Wish) -> dict[str, Any]:
    seconds = np.asarray(wish.seconds, dtype=float)
    spread = {"mean": round(float(seconds.mean()), 2), "longest": round(float(seconds.max()), 2), "of": len(seconds)}
    farm = {name: value for name, value in asdict(wish.farm).items() if name != "machines"}
    return {"objects": wish.objects, "hours": wish.hours, "seconds": spread, **farm, "price": wish.price}


def _unreadable(file: Path, why: str) -> BadRequest:
    return BadRequest("rows-unreadable", f"{file} cannot be used: {why}.", "Name the report.json of a batch.")
