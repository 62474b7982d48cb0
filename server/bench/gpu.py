"""Everything that is to be known of an accelerator, in one run of a few minutes: tests, times, memory."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from server import accelerators
from server.files import write_text
from server.generators.radiance_field.hash_grid import FusedHashGrid, HashGrid, HashGridShape, choose_backend

ROOT = Path(__file__).parents[2]
BEGIN, END = "<!-- figures begin -->", "<!-- figures end -->"


@dataclass(frozen=True)
class Extent:
    """How much is done. Attributes: see `bench_gpu`."""

    models: tuple[str, ...] = ("SD_15", "SDXL")
    sizes: tuple[int, ...] = (64, 256, 512)
    steps: int = 5
    job: tuple[tuple[str, Any], ...] = (("preset", "standard"),)
    training_steps: int = 50
    tests: tuple[str, ...] = ("tests", "--ignore", "tests/blender", "--ignore", "tests/demo")
    seconds: float = 570.0


FULL = Extent()


def bench_gpu(device: str, extent: Extent = FULL, on_part: Callable[[str], None] = lambda part: None) -> dict[str, Any]:
    """Run all parts, one after another. One that cannot run says why, and the others go on.

    Args:
        extent: its tests are run by pytest; its models (names in random_models.py) take `steps` steps at each of
            `sizes` pixels; `job` is what the mesh job's recipe has besides its prompt; `training_steps` are taken in
            each of the two stages of training; no part begins after `seconds`.
        on_part: called with the name of each part before it runs.

    Returns:
        JSON-ready: "machine", and for every part its figures, or {"skipped": why} or {"failed": why}.
    """
    began = time.monotonic()
    parts: dict[str, Callable[[], Any]] = {
        "tests": lambda: _run_tests(extent),
        "fused hash grid": lambda: _compare_grids(device),
        **{
            f"steps of {name}": lambda name=name: _time_steps(name, extent, device)  # type: ignore[misc]
            for name in extent.models
        },
        "mesh job": lambda: _make_mesh(extent, device),
        "training": lambda: _train(extent, device),
    }
    found: dict[str, Any] = {"machine": _machine(device)}
    for name, run in parts.items():
        if time.monotonic() - began > extent.seconds:
            found[name] = {"skipped": "the time was over"}
            continue
        on_part(name)
        since = time.monotonic()
        try:
            found[name] = run() | {"took_s": round(time.monotonic() - since, 1)}
        except ImportError as error:
            found[name] = {"skipped": f"{error.name or error} is not installed"}
        except Exception as error:  # Any part may fail on hardware that nobody has tried; the others are to be seen.
            found[name] = {"failed": f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:300]}"}
        accelerators.free_cache()
    return found


def write_page(found: dict[str, Any], page: Path) -> Path:
    """Put the table into the page, between its marks, and the JSON beside it; returns the JSON's path."""
    text = page.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    write_text(page, f"{before}{BEGIN}\n{as_table(found)}\n{END}{after}")
    beside = page.with_suffix(".json")
    write_text(beside, json.dumps(found, indent=2) + "\n")
    return beside


def as_table(found: dict[str, Any]) -> str:
    """A Markdown table of all figures."""
    rows = ["| what | figure | value |", "|---|---|---|"]
    for part, figures in found.items():
        for name, value in _flat(figures):
            rows.append(f"| {part} | {name.replace('_', ' ')} | {str(value).replace('|', '/')} |")
    return "\n".join(rows)


def _flat(figures: dict[str, Any], before: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, value in figures.items():
        rows += _flat(value, f"{before}{name}, ") if isinstance(value, dict) else [(before + name, value)]
    return rows


def _machine(device: str) -> dict[str, Any]:
    memory = accelerators.memory_of(device)
    return {
        "device": device,
        "name": accelerators.name_of(device),
        "brand": accelerators.brand_of(device),
        "memory_gb": None if memory is None else round(memory[1] / 1e9, 1),
        "torch": torch.__version__,
        "bfloat16": accelerators.has_bfloat16(device),
    }


def _run_tests(extent: Extent) -> dict[str, Any]:
    if importlib.util.find_spec("pytest") is None:
        raise ImportError(name="pytest")
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider", *extent.tests]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=extent.seconds / 2)
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    return {"exit": done.returncode, "summary": lines[-1] if lines else done.stderr[-300:], "failed": failed}


def _compare_grids(device: str) -> dict[str, Any]:
    """How far values and gradients of tiny-cuda-nn are from the plain grid's."""
    backend = choose_backend(device)
    if backend.name != "tinycudann":
        return {"skipped": backend.why}
    shape, points = HashGridShape(), torch.rand(2**16, 3, device=device)
    grids = [kind(shape, torch.Generator().manual_seed(0), 1.0).to(device) for kind in (HashGrid, FusedHashGrid)]
    values = [grid(points) for grid in grids]
    for value in values:
        value.square().sum().backward()
    plain, fused = (grid.table.grad for grid in grids)
    assert plain is not None
    assert fused is not None
    return {
        "values_differ_by": float((values[0] - values[1]).abs().max()),
        "gradients_differ_by": float((plain - fused).norm() / plain.norm()),
    }


def _time_steps(name: str, extent: Extent, device: str) -> dict[str, Any]:
    from server.bench import random_models
    from server.bench.step import bench_step
    from server.recipe import read_recipe

    prior = random_models.random_prior(getattr(random_models, name), device)
    asked = {"kind": "mesh", "prompt": "a yellow duck", "steps": extent.steps}
    return {
        f"{size}_px": bench_step(read_recipe(asked | {"render_size": size}), prior, size, extent.steps, device)
        for size in extent.sizes
    }


def _make_mesh(extent: Extent, device: str) -> dict[str, Any]:
    from server.priors.catalogue import load_prior
    from server.recipe import read_recipe
    from server.studio.production import produce

    recipe = read_recipe({"kind": "mesh", "prompt": "a yellow duck", **dict(extent.job)})
    accelerators.forget_peak(device)
    since = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        report = produce(
            recipe, load_prior(recipe.prior, device), Path(folder), lambda event: None, lambda: None, device
        )
    peak = accelerators.peak_of(device)
    return {
        "seconds": round(time.perf_counter() - since, 2),
        "steps": report["steps"],
        "faces": report.get("faces"),
        "peak_mib": None if peak is None else peak // 2**20,
    }


def _train(extent: Extent, device: str) -> dict[str, Any]:
    """Steps a second of each stage of `train-prior`, after one that warms up."""
    from server.training.plan import Plan
    from server.training.training import Trainer

    count = extent.training_steps
    plan = Plan(light_steps=count + 1, steps=count + 1, views=12, windows=4)
    rates = {}
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(plan, Path(folder) / "run", Path(folder) / "cache", torch.device(device))
        for stage in ("light", "diffusion"):
            trainer.advance()
            accelerators.wait_for(device)
            since = time.perf_counter()
            for _ in range(count):
                trainer.advance()
            accelerators.wait_for(device)
            rates[f"{stage}_steps_per_s"] = round(count / (time.perf_counter() - since), 2)
    return rates
