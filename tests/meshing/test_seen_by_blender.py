"""The same mesh as GLB and as OBJ is the same in Blender: geometry, material, and what Cycles makes of it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from server.meshing.arrays import MeshArrays
from server.meshing.baking import Texture
from server.meshing.export import write_glb
from tests.meshing.obj_on_disk import write_obj
from tests.meshing.test_obj import NAMES, named

BLENDER_PYTHON = Path(__file__).parents[2] / ".venv-blender/bin/python"
pytestmark = pytest.mark.skipif(not BLENDER_PYTHON.exists(), reason="Blender's Python module is not installed")


def show(folder: Path | str, *files: Path) -> list[dict[str, Any]]:
    """What seen_by_blender.py says of each file."""
    script = Path(__file__).with_name("seen_by_blender.py")
    command = [str(BLENDER_PYTHON), str(script), str(folder), *map(str, files)]
    ran = subprocess.run(command, capture_output=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    return json.loads(next(line for line in ran.stdout.splitlines() if line.startswith(b"[{")))


def difference(one: Path, other: Path) -> float:
    """Mean over the pixels, in steps of 8 bits."""
    first, second = (np.asarray(Image.open(file).convert("RGB")).astype(float) for file in (one, other))
    return float(np.abs(first - second).mean())


@pytest.fixture(scope="module")
def relief(painted: Texture) -> Texture:
    """The painted texture with a normal map that is different everywhere."""
    rows, columns = np.mgrid[0:256, 0:256] * (2 * np.pi / 32)
    x, y = 0.5 * np.sin(columns), 0.5 * np.sin(rows)
    local = np.stack([x, y, np.sqrt(1 - x * x - y * y)], -1)
    return Texture(painted.uv, painted.albedo, np.round((local + 1) * 127.5).astype(np.uint8))


def test_glb_and_obj_are_the_same_material_in_blender_and_the_same_picture_in_cycles(
    figure: MeshArrays, relief: Texture, tmp_path: Path
) -> None:
    write_glb(figure, tmp_path / "mesh.glb", "figure", relief)
    write_obj(figure, tmp_path / "mesh.obj", "figure", relief)
    write_obj(figure, tmp_path / "flat.obj", "figure", relief)
    write_obj(figure, tmp_path / "dull.obj", "figure", relief)
    for name, line, instead in (("flat", "map_Bump", "# "), ("dull", "Ks 0.5 0.5 0.5", "Ks 0.04 0.04 0.04")):
        library = tmp_path / f"{name}.mtl"
        library.write_text(library.read_text(encoding="utf-8").replace(line, instead), encoding="utf-8")
    files = [tmp_path / name for name in ("mesh.glb", "mesh.obj", "flat.obj", "dull.obj")]
    glb, obj, flat, dull = show(tmp_path, *files)

    assert glb["names"] == obj["names"] == ["figure"] * 3
    for corner in ("low", "high"):
        assert glb[corner] == pytest.approx(getattr(figure.position, (corner == "low" and "min") or "max")(0), abs=1e-6)
        assert obj[corner] == pytest.approx(glb[corner], abs=1e-6)
    assert glb["faces"] == obj["faces"] == len(figure.triangle)
    assert obj["inputs"] == pytest.approx(glb["inputs"])
    assert obj["tint"] == glb["tint"]
    assert obj["colour"] == glb["colour"]
    assert obj["colour"]["space"] == "sRGB"
    assert (obj["normal"]["node"], obj["normal"]["strength"]) == ("NORMAL_MAP", 1.0)
    # OpenEXR keeps 11 bits of every number.
    assert obj["normal"].pop("mean") == pytest.approx(glb["normal"].pop("mean"), abs=2**-11)
    assert obj["normal"] == glb["normal"]
    assert obj["normal"]["space"] == "Non-Color"

    # Same samples of the same scene: what may differ is rounding, less than half a step of the pictures. Without its
    # relief, or with another reflectance, the figure is off by more.
    pictures = [tmp_path / f"{number}.png" for number in range(4)]
    assert difference(pictures[0], pictures[1]) < 0.05
    assert (flat["normal"], dull["inputs"]["Specular IOR Level"]) == (None, pytest.approx(0.04))
    assert difference(pictures[0], pictures[2]) > 0.5
    assert difference(pictures[0], pictures[3]) > 0.5


def test_blender_finds_every_file_of_an_obj_whatever_its_name(
    figure: MeshArrays, painted: Texture, tmp_path: Path
) -> None:
    # To Blender, whatever is before a backslash is a folder, on every system.
    names = [name for name in NAMES if b"\\" not in name]
    for name in names:
        write_obj(figure, named(tmp_path, name), "a figure", painted)
    for name, seen in zip(names, show("", *(named(tmp_path, name) for name in names)), strict=True):
        assert seen["colour"]["size"] == seen["normal"]["size"] == [256, 256], name
        assert seen["inputs"]["Roughness"] == pytest.approx(0.7), name
        assert seen["faces"] == len(figure.triangle), name


def test_a_strangers_material_beside_an_obj_does_not_colour_it(
    figure: MeshArrays, painted: Texture, tmp_path: Path
) -> None:
    for stem in ("duck", "my duck"):
        (tmp_path / f"{stem}.mtl").write_text("newmtl a_duck\nKd 1 0 0\nPr 0.1\nmap_Kd strange.png\n", encoding="utf-8")
        Image.new("RGB", (8, 8)).save(tmp_path / "strange.png")
        write_obj(figure, tmp_path / f"{stem}.obj", "a duck", painted)
        (seen,) = show("", tmp_path / f"{stem}.obj")
        assert seen["colour"]["size"] == [256, 256]
        assert seen["inputs"]["Roughness"] == pytest.approx(0.7)


def test_long_and_strange_prompts_name_the_mesh_in_blender(figure: MeshArrays, tmp_path: Path) -> None:
    prompts = ["茶色のマグカップ" * 20, "une théière\nbleue 🫖", "\x00", "a very long prompt " * 50]
    files = []
    for number, prompt in enumerate(prompts):
        files += [tmp_path / f"{number}.glb", tmp_path / f"{number}.obj"]
        write_glb(figure, files[-2], prompt)
        write_obj(figure, files[-1], prompt)
    answers = show("", *files)
    for glb, obj, prompt in zip(answers[::2], answers[1::2], prompts, strict=True):
        assert len(set(glb["names"])) == len(set(obj["names"])) == 1
        assert obj["names"][0] == glb["names"][0].replace(" ", "_")
        assert prompt.startswith(glb["names"][0][:5]) or glb["names"][0] == "mesh"
