"""How long a job of each preset takes here: short real jobs, and what they say of long ones."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from server.priors.denoiser import Prior
from server.recipe import SIZES, Recipe, read_recipe
from server.studio.events import Event, OnEvent, Progress
from server.studio.production import produce

# Enough for a step's time to settle.
STEPS = {"mesh": 20, "texture": 6}
PROMPTS = {"mesh": "a red ball", "texture": "red bricks"}


class _Watch:
    """Notes when each step ends."""

    def __init__(self, on_event: OnEvent) -> None:
        self._on_event = on_event
        self._steps: dict[int, float] = {}

    def __call__(self, event: Event) -> None:
        if isinstance(event, Progress) and event.step:
            self._steps.setdefault(event.step, time.monotonic())
        self._on_event(event)

    @property
    def step(self) -> float:
        """Seconds of a usual step; the first ones, which compile and warm up, are long and few."""
        numbers = sorted(self._steps)
        pairs = itertools.pairwise(numbers)
        return statistics.median([(self._steps[b] - self._steps[a]) / (b - a) for a, b in pairs] or [0.0])


def bench_presets(prior: Prior, device: str, out: Path, on_event: OnEvent) -> dict[str, dict[str, float]]:
    """Kind -> preset -> seconds, without loading the prior, which a server does once; the results are in `out`.

    Raises:
        JobFailed, BadRequest; OSError when `out` cannot be written.
    """
    found = {}
    for kind, steps in STEPS.items():
        recipe = read_recipe({"kind": kind, "prompt": PROMPTS[kind], "preset": "sketch", "steps": steps})
        watch = _Watch(on_event)
        report = produce(recipe, prior, out / kind, watch, lambda: None, device, most_starts=1)
        found[kind] = {
            preset: round(expected_seconds(recipe, report, watch.step, read_recipe(_asked(kind, preset))), 1)
            for preset in SIZES[kind]
        }
    return found


def expected_seconds(short: Recipe, report: Mapping[str, Any], step: float, long: Recipe) -> float:
    """How long the job `long` would take, seen from a short one of the same kind.

    Args:
        report: of the short job.
        step: seconds of one of its steps.
    """
    phases: dict[str, float] = report.get("phases", {})
    rest = max(report["seconds"] - sum(phases.values()) - step * short.steps, 0.0)
    meshing = sum(seconds * _growth(phase, short, long) for phase, seconds in phases.items())
    return rest + meshing + step * long.steps * long.views_per_step / short.views_per_step


def _growth(phase: str, short: Recipe, long: Recipe) -> float:
    """A phase works on a grid, on pixels, or on faces."""
    if phase in ("Surface", "Clean-up"):
        return (long.mesh.resolution / short.mesh.resolution) ** 3
    if phase == "Bake":
        return (long.mesh.texture_size / short.mesh.texture_size) ** 2
    return long.mesh.faces / short.mesh.faces


def _asked(kind: str, preset: str) -> dict[str, Any]:
    return {"kind": kind, "prompt": PROMPTS[kind], "preset": preset}
