"""What short jobs say of long ones."""

from __future__ import annotations

from server.bench.presets import expected_seconds
from server.recipe import read_recipe


def test_a_job_takes_its_steps_and_its_meshing_and_what_happens_once() -> None:
    short = read_recipe({"kind": "mesh", "prompt": "a red ball", "preset": "sketch", "steps": 20})
    report = {"seconds": 9.0, "phases": {"Surface": 1.0, "Bake": 1.0, "Unwrap": 1.0}}
    again = expected_seconds(short, report, 0.2, short)
    assert abs(again - 9.0) < 1e-9
    sketch = expected_seconds(
        short, report, 0.2, read_recipe({"kind": "mesh", "prompt": "a red ball", "preset": "sketch"})
    )
    assert abs(sketch - (9.0 + 0.2 * 280)) < 1e-9
    fine = expected_seconds(short, report, 0.2, read_recipe({"kind": "mesh", "prompt": "a red ball", "preset": "fine"}))
    assert fine > 0.2 * 2000 + (160 / 96) ** 3 + 16 + 6


def test_a_step_of_a_texture_grows_with_its_views() -> None:
    short = read_recipe({"kind": "texture", "prompt": "red bricks", "preset": "sketch", "steps": 6})
    standard = read_recipe({"kind": "texture", "prompt": "red bricks", "preset": "standard"})
    assert abs(expected_seconds(short, {"seconds": 0.6}, 0.1, standard) - 100 * 0.1 * 4 / 3) < 1e-9
