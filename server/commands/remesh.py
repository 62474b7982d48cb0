"""`python -m server remesh ...`: mesh a kept field again, with other wishes, without optimising."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from server.arguments import setting
from server.commands.bars import ProgressBar
from server.commands.shared import add_device, add_json, check_suffix, check_targets
from server.paths import as_path, path_argument
from server.recipe import MeshRecipe

FORMATS = (".glb", ".obj", ".npz")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "field", metavar="JOB|CHECKPOINT", help="a job's id (with --data-dir), its folder, or a field.safetensors"
    )
    parser.add_argument("--data-dir", type=path_argument, help="the server's folder, to find jobs by their id")
    out = Path("mesh.glb")
    parser.add_argument("--out", type=path_argument, default=out, help=".glb, .obj or .npz (default: mesh.glb)")
    add_mesh_arguments(parser)
    add_device(parser)
    add_json(parser)
    parser.set_defaults(run=_remesh)


def add_mesh_arguments(parser: argparse.ArgumentParser) -> None:
    """What is asked of a mesh; see `mesh_wishes`."""
    parser.add_argument("--faces", type=setting(MeshRecipe, "faces"), help="face budget; 0 keeps every face")
    parser.add_argument("--resolution", type=setting(MeshRecipe, "resolution"), help="marching-cubes cells per side")
    parser.add_argument(
        "--texture-size",
        type=setting(MeshRecipe, "texture_size"),
        metavar="N",
        help="side of the baked maps; 0: vertex colours only",
    )
    parser.add_argument(
        "--level",
        type=setting(MeshRecipe, "level"),
        help="density of the surface (default: where cameras see the outline)",
    )


def mesh_wishes(args: argparse.Namespace) -> dict[str, Any]:
    """The fields of a mesh recipe that were given."""
    names = ("faces", "resolution", "texture_size", "level")
    return {name: getattr(args, name) for name in names if getattr(args, name) is not None}


def _remesh(args: argparse.Namespace) -> dict[str, Any]:
    import tempfile

    from server.recipe import read_recipe

    check_suffix(args.out, FORMATS)
    from server.studio.checkpoint import load_field
    from server.studio.mesh_files import deliver, write_mesh_files
    from server.studio.threads import use_half_of_the_cores

    use_half_of_the_cores()
    kept = load_field(_checkpoint(args.field, args.data_dir), args.device)
    made = kept.recipe.model_dump()
    recipe = read_recipe({**made, "mesh": {**made["mesh"], **mesh_wishes(args)}})
    check_targets(args.out)
    with ProgressBar() as bar, tempfile.TemporaryDirectory() as folder:
        occupied = kept.occupied.numpy()
        report = write_mesh_files(
            kept.field,
            occupied,
            recipe.mesh,
            Path(folder),
            bar,
            lambda: None,
            device=args.device,
            made_from=recipe,
            fixed_light=kept.fixed_light,
        )
        files = deliver(Path(folder), args.out, recipe.prompt)
    del report["artifacts"]
    said = {"prompt": recipe.prompt, "seed": recipe.seed, "out": str(args.out)}
    return {**said, "files": files, **report, "warnings": bar.warnings}


def _checkpoint(wanted: str, data_dir: Path | None) -> Path:
    from server.jobs.artifacts import job_folder
    from server.studio.kept_names import FIELD

    path = as_path(wanted)
    if data_dir is not None and not os.path.exists(path):
        path = job_folder(data_dir, path.name)
    return path / FIELD if os.path.isdir(path) or not path.suffix else path
