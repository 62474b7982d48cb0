"""A texture begins as an image of the file: what the server is sent, and what is said when it cannot."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from fake_server import png
from test_panels import draw


def image(name="wall", width=48, height=32, alpha=1.0):
    """Red to the right, green upwards, blue everywhere."""
    made = bpy.data.images.new(name, width, height, alpha=True)
    values = np.ones((height, width, 4), np.float32)
    values[..., 0] = np.arange(width) / width
    values[..., 1] = (np.arange(height) / height)[:, None]
    values[..., 3] = alpha
    made.pixels.foreach_set(values.ravel())
    return made


def fill(**choices):
    return bpy.ops.msd.fill_texture(**({"prompt": "red bricks", "seed": 3, "apply": "IMAGE"} | choices))


def read(data, folder):
    """Pixels [H, W, 3] of a PNG file as Blender reads it, the lowest row first."""
    (folder / "sent.png").write_bytes(data)
    loaded = bpy.data.images.load(str(folder / "sent.png"))
    values = np.empty(loaded.size[0] * loaded.size[1] * 4, np.float32)
    loaded.pixels.foreach_get(values)
    return values.reshape(loaded.size[1], loaded.size[0], 4)[..., :3]


def test_the_server_gets_the_picture_before_the_recipe_that_names_it(server, tmp_path):
    image()
    assert fill(source="wall", reimagine=0.25) == {"FINISHED"}
    asked = server.job.recipe["texture"]
    ((name, data),) = server.images.items()
    assert asked["source"] == {"image": name, "reimagine": 0.25}
    assert (asked["width"], asked["height"]) == (48, 32)
    order = [seen.split("/")[2] for seen in server.seen if seen.startswith(("PUT /v1/images", "POST /v1/jobs"))]
    assert order == ["images", "jobs"]
    pixels = read(data, tmp_path)
    assert pixels[0, -1] == pytest.approx([47 / 48, 0, 1], abs=0.01)
    assert pixels[-1, 0] == pytest.approx([0, 31 / 32, 1], abs=0.01)


def test_what_is_erased_in_it_is_made_anew_and_keeps_its_colours(server, tmp_path):
    alpha = np.ones((32, 48), np.float32)
    alpha[:10, :20] = 0
    image(alpha=alpha)
    assert fill(source="wall", part="ERASED", feather=5) == {"FINISHED"}
    source = server.job.recipe["texture"]["source"]
    assert source["feather"] == 5
    mask = read(server.images[source["mask"]], tmp_path)
    assert mask[:10, :20].min() == 1
    assert mask[10:].max() == mask[:, 20:].max() == 0


def test_another_image_says_where_it_is_made_anew(server, tmp_path):
    image()
    image("where", 16, 16)
    fill(source="wall", part="MASK", mask="where")
    source = server.job.recipe["texture"]["source"]
    assert set(server.images) == {source["image"], source["mask"]}


def test_an_image_that_is_gone_is_named_in_the_panel_and_by_the_operator(server, bridge):
    settings = bpy.context.scene.msd.texture
    settings.prompt, settings.source, settings.apply = "red bricks", "wall", "IMAGE"
    assert "no image 'wall'" in draw("MSD_PT_view3d_texture").replace("\n", " ")
    with pytest.raises(RuntimeError, match="There is no image 'wall' in this file any more"):
        bpy.ops.msd.fill_texture()
    assert bridge.problem.code == "image-needed"
    assert server.jobs == {}


def test_a_picture_too_small_for_a_texture_is_refused(server, bridge):
    image(width=8, height=8)
    with pytest.raises(RuntimeError, match="wall has 8 x 8 pixels"):
        fill(source="wall")
    assert bridge.problem.code == "image-needed"


def test_a_finished_texture_is_varied_from_another_seed_at_a_button(server, bridge):
    assert fill(width=64, height=32, maps={"NORMAL"}) == {"FINISHED"}
    assert "{msd.vary" in draw("MSD_PT_view3d_texture")
    bpy.context.scene.msd.texture.reimagine = 0.4
    assert bpy.ops.msd.vary() == {"FINISHED"}
    first, second = (job.recipe for job in server.jobs.values())
    ((name, data),) = server.images.items()
    assert data == png(64, 32)
    assert second["texture"]["source"] == {"image": name, "reimagine": pytest.approx(0.4)}
    assert second["seed"] != first["seed"]
    assert second["texture"] | {"source": None} == first["texture"] | {"source": None}
    assert second["prompt"] == first["prompt"]


def test_there_is_nothing_to_vary_before_a_texture_was_made(server):
    assert not bpy.ops.msd.vary.poll()
