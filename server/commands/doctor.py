"""What runs on this machine, and why: Python, packages, devices, hash grid, priors, threads, disk; and where the
workers of a server are."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from server import __version__, accelerators
from server.commands.shared import add_json
from server.paths import path_argument
from server.priors.catalogue import list_priors

if TYPE_CHECKING:
    from server.priors.listed import ListedPrior

PACKAGES = (
    "torch",
    "diffusers",
    "transformers",
    "safetensors",
    "numpy",
    "scipy",
    "numba",
    "pillow",
    "pydantic",
    "fastapi",
    "uvicorn",
    "PyMCubes",
    "trimesh",
    "fast-simplification",
    "xatlas",
    "peft",
    "psutil",
)
# The log, the previews and the results of a few hundred jobs.
ENOUGH_DISK_GB = 2.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data-dir", type=path_argument, help="of a server that runs: on which device, and which node, each worker is"
    )
    add_json(parser)
    parser.set_defaults(run=_doctor)


def _doctor(args: argparse.Namespace) -> dict[str, Any] | None:
    report = examine() if args.data_dir is None else examine(args.data_dir) | {"workers": workers_of(args.data_dir)}
    if args.json:
        return report
    print(describe(report))
    return None


def examine(data_dir: Path = Path(), prior_folders: tuple[str, ...] = ()) -> dict[str, Any]:
    """Look at this machine; starts nothing and writes nothing.

    Args:
        data_dir: the folder whose disk is looked at.
        prior_folders: models, or folders of models, to check besides the priors that ship and the hub's cache.

    Returns:
        JSON-ready facts; "problems" lists, in words, what keeps the server from working here.
    """
    packages = {name: _version(name) for name in PACKAGES}
    problems = [f"The package {name} is not installed." for name, version in packages.items() if version is None]
    torch_facts: dict[str, Any] = {"devices": [], "hash_grid": [], "threads": {"cores": _usable_cores()}}
    if packages["torch"] is not None:
        try:
            torch_facts = _look_at_torch()
        except (ImportError, OSError) as error:
            problems.append(f"torch cannot be imported: {error}.")
    disk = _look_at_disk(data_dir)
    if disk["free_gb"] < ENOUGH_DISK_GB:
        problems.append(f"Only {disk['free_gb']} GB are free at {disk['path']}.")
    return {
        "version": __version__,
        "python": {"version": platform.python_version(), "executable": sys.executable},
        "system": platform.platform(),
        "packages": packages,
        **torch_facts,
        "priors": [_look_at_prior(prior) for prior in list_priors(prior_folders)],
        "disk": disk,
        "problems": problems,
    }


def describe(report: dict[str, Any]) -> str:
    """The facts of `examine` for people to read."""
    python = report["python"]
    packages = ", ".join(f"{name} {version or 'MISSING'}" for name, version in report["packages"].items())
    threads = report["threads"]
    lines = [
        ("Blender MSD", report["version"]),
        ("Python", f"{python['version']} ({python['executable']})"),
        ("System", report["system"]),
        ("Packages", packages),
        *(("Device", _device_in_words(device)) for device in report["devices"]),
        *(("Hash grid", f"{grid['device']}: {grid['why']}") for grid in report["hash_grid"]),
        *(("Worker", worker_in_words(worker)) for worker in report.get("workers", [])),
        *(("Prior", _prior_in_words(prior)) for prior in report["priors"]),
        ("Threads", ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in threads.items())),
        ("Disk", f"{report['disk']['free_gb']} GB free at {report['disk']['path']}"),
        *(("PROBLEM", problem) for problem in report["problems"]),
    ]
    return "\n".join(f"{name + ':':<13}{text}" for name, text in lines)


def _device_in_words(device: dict[str, Any]) -> str:
    memory = "" if device["memory_gb"] is None else f", {device['free_gb']} of {device['memory_gb']} GB free"
    told = [f"{device['device']}: {device['name']}{memory}.", *device["runs"], *device["falls_back"]]
    return " ".join(told)


def workers_of(data_dir: Path) -> list[dict[str, Any]]:
    """As the server that uses the folder tells them. Raises Problem, as `RunningServer`."""
    from server.commands.running_server import RunningServer

    workers: list[dict[str, Any]] = RunningServer(data_dir).get("capabilities")["devices"]
    return workers


def worker_in_words(worker: dict[str, Any]) -> str:
    """ "ray:0 is busy: cuda, NVIDIA L4, on render2 (10.0.0.2)." """
    facts = [worker.get(fact, "") for fact in ("device", "name")] + [
        f"on {worker['node']}" if worker.get("node") else ""
    ]
    told = ", ".join(filter(None, facts)) or worker["problem"].rstrip(".")
    return f"{worker['wanted']} is {worker['state']}: {told}." if told else f"{worker['wanted']} is {worker['state']}."


def _prior_in_words(prior: dict[str, Any]) -> str:
    return f"{prior['name']}: {'usable' if prior['usable'] else 'not usable'}. {prior['description']}"


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _look_at_torch() -> dict[str, Any]:
    import torch

    from server.generators.radiance_field.hash_grid import choose_backend

    devices = [_look_at_device(name) for name in accelerators.all_devices()]
    grids = []
    for device in devices:
        backend = choose_backend(device["device"])
        grids.append({"device": device["device"], "backend": backend.name, "why": backend.why})
    threads = {
        "cores": _usable_cores(),
        "torch": torch.get_num_threads(),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "not set"),
        "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "not set"),
    }
    return {"devices": devices, "hash_grid": grids, "threads": threads}


def _look_at_device(name: str) -> dict[str, Any]:
    memory = accelerators.memory_of(name)
    free, total = (None, None) if memory is None else map(_gigabytes, memory)
    return {
        "device": name,
        "name": accelerators.name_of(name),
        "brand": accelerators.brand_of(name),
        "memory_gb": total,
        "free_gb": free,
        "runs": accelerators.abilities(name),
        "falls_back": accelerators.fallbacks(name),
    }


def _look_at_prior(prior: ListedPrior) -> dict[str, Any]:
    description = f"{prior.card.description} {prior.needs}" if prior.card and prior.usable else prior.why_not
    return {"name": prior.name, "usable": prior.usable, "description": description}


def _look_at_disk(folder: Path) -> dict[str, Any]:
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    return {"path": str(folder), "free_gb": _gigabytes(shutil.disk_usage(folder).free)}


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _gigabytes(size: int) -> float:
    return round(size / 1e9, 1)
