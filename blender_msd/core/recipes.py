"""Plain values from the panel -> the recipe that the server reads."""

from __future__ import annotations

from typing import Any

from .checks import number, prompt_text
from .errors import Problem
from .limits import BANDWIDTH, MODEL_CHARACTERS, PICTURE_SIDE, SEED

PRESETS = ("sketch", "standard", "fine")


def mesh_recipe(
    prompt: str,
    *,
    negative_prompt: str = "",
    seed: int = 0,
    preset: str = "standard",
    prior: str = "",
    bandwidth_start: float = 0.0,
    bandwidth_end: float = 0.0,
) -> dict[str, Any]:
    """Recipe for an object.

    Args:
        prior: empty leaves the choice to the server.
        bandwidth_start, bandwidth_end: kernel bandwidth in the prior's latent units, first and last step; 0 leaves it
            to the prior.

    Raises:
        Problem: "prompt-empty", "prompt-too-long", "prompt-unreadable", "preset-unknown", "value-out-of-range",
            "path-unreadable", "bandwidth-grows".
    """
    return _recipe("mesh", prompt, negative_prompt, seed, preset, prior, bandwidth_start, bandwidth_end)


def texture_recipe(
    prompt: str,
    *,
    width: int,
    height: int,
    tile_x: bool = True,
    tile_y: bool = True,
    negative_prompt: str = "",
    seed: int = 0,
    preset: str = "standard",
    prior: str = "",
    bandwidth_start: float = 0.0,
    bandwidth_end: float = 0.0,
) -> dict[str, Any]:
    """Recipe for a picture of `width` x `height` pixels that repeats along the ticked axes.

    Raises:
        Problem: as `mesh_recipe`.
    """
    recipe = _recipe("texture", prompt, negative_prompt, seed, preset, prior, bandwidth_start, bandwidth_end)
    for name, side in (("Width", width), ("Height", height)):
        number(name, side, PICTURE_SIDE)
    recipe["texture"] = {"width": width, "height": height, "tile_x": tile_x, "tile_y": tile_y}
    return recipe


def _recipe(
    kind: str,
    prompt: str,
    negative_prompt: str,
    seed: int,
    preset: str,
    prior: str,
    bandwidth_start: float,
    bandwidth_end: float,
) -> dict[str, Any]:
    prompt = prompt_text("The prompt", prompt)
    negative_prompt = prompt_text("What to avoid", negative_prompt)
    if not prompt:
        raise Problem("prompt-empty", "There is nothing to make yet.", "Type what you want into the prompt field.")
    if preset not in PRESETS:
        raise Problem("preset-unknown", f"There is no preset named {preset!r}.", f"Choose one of {', '.join(PRESETS)}.")
    number("Seed", seed, SEED)
    for name, bandwidth in (("Bandwidth Start", bandwidth_start), ("Bandwidth End", bandwidth_end)):
        if bandwidth:
            number(name, bandwidth, BANDWIDTH)
    if len(prior) > MODEL_CHARACTERS:
        raise Problem("path-unreadable", f"The model's name has {len(prior):,} characters.", "Choose it again.")
    if bandwidth_start and bandwidth_end and bandwidth_start < bandwidth_end:
        raise Problem(
            "bandwidth-grows",
            f"The bandwidth would grow from {bandwidth_start:g} to {bandwidth_end:g}.",
            "Make the first value the larger one, or set both to 0.",
        )
    recipe: dict[str, Any] = {"kind": kind, "prompt": prompt, "seed": seed, "preset": preset}
    if negative_prompt:
        recipe["negative_prompt"] = negative_prompt
    if prior:
        recipe["prior"] = prior
    bandwidths = {"bandwidth_start": bandwidth_start, "bandwidth_end": bandwidth_end}
    guidance = {name: value for name, value in bandwidths.items() if value}
    if guidance:
        recipe["guidance"] = guidance
    return recipe
