"""From a trained field to the files of a mesh; after a job, or again later with other wishes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from server.files import save_results
from server.generators.radiance_field.field import RadianceField
from server.meshing.arrays import Bools
from server.meshing.export import read_npz, read_texture, write_glb, write_maps, write_npz
from server.meshing.field_mesh import mesh_field
from server.meshing.fields import from_torch
from server.meshing.obj import obj_files
from server.meshing.unwrapping import ShouldStop
from server.recipe import MeshRecipe, Recipe
from server.studio.events import Log, OnEvent, Progress
from server.studio.kept_names import FIELD

MAPS = ("albedo.png", "normal.png")
UNNAMED = "mesh"


def write_mesh_files(
    field: RadianceField,
    occupied: Bools,
    recipe: MeshRecipe,
    folder: Path,
    on_event: OnEvent,
    should_stop: ShouldStop,
    fractions: tuple[float, float] = (0.0, 1.0),
    device: str = "cpu",
    made_from: Recipe | None = None,
    fixed_light: bool = False,
) -> dict[str, Any]:
    """Mesh the field and write mesh.npz, mesh.glb and, with a texture, albedo.png and normal.png into `folder`.

    Args:
        occupied, should_stop, fixed_light: as server.meshing.field_mesh.mesh_field.
        fractions: the part of the job's progress bar that is ours.
        made_from: what the field was made from; kept in the files, which name the mesh after its prompt.

    Returns:
        The report of server.meshing.field_mesh.mesh_field, with "artifacts".

    Raises:
        JobFailed, Cancelled: as server.meshing.field_mesh.mesh_field.
    """
    density, colour = from_torch(field.density, device), from_torch(field.colour, device)
    grain = 2 / field.grid.shape.finest
    start, end = fractions

    def on_phase(phase: str, done: float) -> None:
        on_event(Progress(phase, start + (end - start) * done))

    made = mesh_field(density, colour, recipe, on_phase, occupied, should_stop, grain, fixed_light)
    if made.report["note"]:
        on_event(Log("warning", made.report["note"]))
    on_event(Progress("Saving", fractions[1]))
    name = UNNAMED if made_from is None else made_from.prompt
    should_stop()
    write_npz(made.mesh, folder / "mesh.npz", made.texture)
    should_stop()
    write_glb(made.mesh, folder / "mesh.glb", name, made.texture, made_from)
    artifacts = ["mesh.npz", "mesh.glb"]
    if made.texture is not None:
        should_stop()
        write_maps(made.texture, *(folder / name for name in MAPS))
        artifacts += MAPS
    return {**made.report, "artifacts": artifacts}


def deliver(folder: Path, out: Path, name: str = UNNAMED, field: Path | None = None, otherwise: str = "") -> list[str]:
    """Write the mesh of `write_mesh_files` as `out`: .glb, .obj (with material and maps beside it) or .npz.

    Files beside an .obj never take the place of anything that is not its own; see server.meshing.neighbours.

    Args:
        folder: where its files are.
        name: of the mesh in an .obj; a .glb was named when it was written.
        field: where to put the field that is in `folder`, too; None: nowhere.
        otherwise: as server.files.save_results, which writes all of them or none.

    Returns:
        The files of the mesh, `out` first.

    Raises:
        JobFailed: as server.files.save_results.
    """
    mesh = _contents(folder, out, name)
    fields = {} if field is None else {field: (folder / FIELD).read_bytes()}
    save_results({**mesh, **fields}, otherwise)
    return [str(path) for path in mesh]


def _contents(folder: Path, out: Path, name: str) -> dict[Path, bytes]:
    kind = out.suffix.lower()
    if kind != ".obj":
        return {out: (folder / f"mesh{kind}").read_bytes()}
    texture = read_texture(folder / "mesh.npz", *(folder / map_name for map_name in MAPS))
    return obj_files(read_npz(folder / "mesh.npz"), out, name, texture)
