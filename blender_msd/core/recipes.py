"""Plain values from the panel -> the recipe that the server reads."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from .checks import choice, number, prompt_text
from .errors import Problem
from .limits import (
    BANDWIDTH,
    CENTRES,
    ESTIMATORS,
    FACES,
    FEATHER,
    INTERVAL_HIGH,
    INTERVAL_LOW,
    INVERSION_SCALE,
    KERNEL_TIMES,
    MAPS,
    MODEL_CHARACTERS,
    NOISES,
    PICTURE_SIDE,
    REIMAGINE,
    SAMPLER_STEPS,
    SCALE,
    SEED,
    STEPS,
    TEXTURE_SIZES,
)

PRESETS = ("sketch", "standard", "fine")


@dataclass(frozen=True)
class Common:
    """What is asked of objects and textures alike; the defaults leave it to the server.

    Attributes:
        prior: empty leaves the choice to the server.
        loras: files that change a diffusion model, as FILE:WEIGHT.
        steps: of optimisation; 0 leaves them to the preset.
        spare_prompt: what `negative_prompt` shares with the prompt is not avoided.
        noise: "fresh", "attached" or, of an object, "view"; empty leaves it to the prior.
        scale: of guidance; 0 leaves it to the prior.
        bandwidth_start, bandwidth_end: kernel bandwidth in the prior's latent units, first and last step; 0 leaves it
            to the prior.
        estimator: of the mean shift, one of ESTIMATORS; empty leaves it to the prior, as of the two following.
        centre, kernel_time: of the kernel of "paper", one of CENTRES and of KERNEL_TIMES.
        interval_low, interval_high: noise levels where that kernel acts, in bandwidths; 0 leaves them to the prior.
        inversion_scale: guidance scale of an inversion; 0 leaves it to the prior.
        sampler_steps: noise levels of a sampler; 0 leaves them to the prior.
        perp_neg: whether the prompts of other views are kept out of each view; None leaves it to the prior.
    """

    negative_prompt: str = ""
    spare_prompt: bool = False
    seed: int = 0
    preset: str = "standard"
    prior: str = ""
    loras: Sequence[str] = ()
    steps: int = 0
    noise: str = ""
    scale: float = 0.0
    bandwidth_start: float = 0.0
    bandwidth_end: float = 0.0
    estimator: str = ""
    centre: str = ""
    kernel_time: str = ""
    interval_low: float = 0.0
    interval_high: float = 0.0
    inversion_scale: float = 0.0
    sampler_steps: int = 0
    perp_neg: bool | None = None


def mesh_recipe(prompt: str, *, faces: int = 0, texture_size: int | None = None, **common: Any) -> dict[str, Any]:
    """Recipe for an object.

    Args:
        faces: the most that the mesh may have; 0 leaves them to the preset.
        texture_size: of the maps, one of TEXTURE_SIZES; None leaves it to the preset.
        common: fields of `Common`.

    Raises:
        Problem: "prompt-empty", "prompt-too-long", "prompt-unreadable", "preset-unknown", "choice-unknown",
            "value-out-of-range", "path-unreadable", "bandwidth-grows", "interval-empty".
    """
    recipe = _recipe("mesh", prompt, Common(**common))
    number("Faces", faces, FACES)
    if texture_size is not None:
        choice("Texture Size", str(texture_size), {str(size): str(size) for size in TEXTURE_SIZES})
    mesh = {"faces": faces or None, "texture_size": texture_size}
    return recipe | _chosen(mesh=_chosen(**mesh) or None)


def texture_recipe(
    prompt: str,
    *,
    width: int,
    height: int,
    tile_x: bool = True,
    tile_y: bool = True,
    maps: Collection[str] = (),
    source: str = "",
    mask: str = "",
    reimagine: float = 0.5,
    feather: int = 0,
    **common: Any,
) -> dict[str, Any]:
    """Recipe for a picture of `width` x `height` pixels that repeats along the ticked axes.

    Args:
        maps: estimated from its colour; of MAPS.
        source: SHA-256 of the picture that it begins as; empty for none.
        mask: SHA-256 of a picture that is white where that one is made anew; empty: everywhere.
        reimagine: how much of it is made anew.
        feather: pixels over which new fades into old.
        common: fields of `Common`.

    Raises:
        Problem: as `mesh_recipe`.
    """
    recipe = _recipe("texture", prompt, Common(**common))
    for name, side in (("Width", width), ("Height", height)):
        number(name, side, PICTURE_SIDE)
    for name in maps:
        choice("Maps", name, {known: known for known in MAPS})
    texture = {"width": width, "height": height, "tile_x": tile_x, "tile_y": tile_y}
    chosen: dict[str, Any] = {"maps": [name for name in MAPS if name in maps] or None}
    if source:
        number("Reimagine", reimagine, REIMAGINE)
        number("Feather", feather, FEATHER)
        masked = {"mask": mask, "feather": feather} if mask else {}
        chosen["source"] = {"image": source, "reimagine": reimagine, **masked}
    return recipe | {"texture": texture | _chosen(**chosen)}


def variation(recipe: dict[str, Any], picture: str, reimagine: float, seed: int) -> dict[str, Any]:
    """The recipe of a texture once more, beginning as what it made.

    Args:
        picture: SHA-256 of that.

    Raises:
        Problem: "value-out-of-range".
    """
    number("Reimagine", reimagine, REIMAGINE)
    texture = recipe["texture"] | {"source": {"image": picture, "reimagine": reimagine}}
    return recipe | {"seed": seed, "texture": texture}


def retexture_recipe(prompt: str, *, mesh: str, size: int = 0, **common: Any) -> dict[str, Any]:
    """Recipe for the texture of a mesh that is there.

    Args:
        mesh: SHA-256 of its file.
        size: of the picture, one of TEXTURE_SIZES; 0 leaves it to the preset.
        common: fields of `Common`.

    Raises:
        Problem: as `mesh_recipe`.
    """
    recipe = _recipe("retexture", prompt, Common(**common))
    choice("Texture Size", str(size), {str(each): str(each) for each in TEXTURE_SIZES})
    return recipe | {"retexture": _chosen(mesh=mesh, size=size or None)}


def _recipe(kind: str, prompt: str, common: Common) -> dict[str, Any]:
    prompt = prompt_text("The prompt", prompt)
    negative_prompt = prompt_text("What to avoid", common.negative_prompt)
    if not prompt:
        raise Problem("prompt-empty", "There is nothing to make yet.", "Type what you want into the prompt field.")
    if common.preset not in PRESETS:
        hint = f"Choose one of {', '.join(PRESETS)}."
        raise Problem("preset-unknown", f"There is no preset named {common.preset!r}.", hint)
    number("Seed", common.seed, SEED)
    if common.steps:
        number("Steps", common.steps, STEPS)
    if len(common.prior) > MODEL_CHARACTERS:
        raise Problem("path-unreadable", f"The model's name has {len(common.prior):,} characters.", "Choose it again.")
    guidance = _guidance(kind, common)
    return {"kind": kind, "prompt": prompt, "seed": common.seed, "preset": common.preset} | _chosen(
        negative_prompt=negative_prompt or None,
        prior=common.prior or None,
        loras=list(common.loras) or None,
        steps=common.steps or None,
        guidance=guidance or None,
    )


def _guidance(kind: str, common: Common) -> dict[str, Any]:
    """How the targets are made, as far as it was chosen."""
    if common.noise:
        choice("Noise", common.noise, {noise: noise for noise in NOISES[kind]})
    number("Guidance Scale", common.scale, SCALE)
    start, end = common.bandwidth_start, common.bandwidth_end
    for name, bandwidth in (("Bandwidth Start", start), ("Bandwidth End", end)):
        if bandwidth:
            number(name, bandwidth, BANDWIDTH)
    if start and end and start < end:
        raise Problem(
            "bandwidth-grows",
            f"The bandwidth would grow from {start:g} to {end:g}.",
            "Make the first value the larger one, or set both to 0.",
        )
    return _chosen(
        noise=common.noise or None,
        scale=common.scale or None,
        bandwidth_start=start or None,
        bandwidth_end=end or None,
        perpendicular_negative=common.spare_prompt or None,
        perp_neg=common.perp_neg,
        **_rule(common),
    )


def _rule(common: Common) -> dict[str, Any]:
    """The estimator and its settings, as far as they were chosen."""
    for name, choices in (("estimator", ESTIMATORS), ("centre", CENTRES), ("kernel_time", KERNEL_TIMES)):
        if chosen := getattr(common, name):
            choice(name.replace("_", " ").title(), chosen, {each: each for each in choices})
    low, high = common.interval_low, common.interval_high
    for name, value, allowed in (
        ("Interval Low", low, INTERVAL_LOW),
        ("Interval High", high, INTERVAL_HIGH),
        ("Inversion Scale", common.inversion_scale, INVERSION_SCALE),
        ("Sampler Steps", common.sampler_steps, SAMPLER_STEPS),
    ):
        if value:
            number(name, value, allowed)
    if low and high and low >= high:
        raise Problem(
            "interval-empty",
            f"The kernel would act from {low:g} to {high:g} bandwidths, which is nowhere.",
            "Make the first value the smaller one, or set both to 0.",
        )
    names = ("estimator", "centre", "kernel_time", "interval_low", "interval_high", "inversion_scale", "sampler_steps")
    return _chosen(**{name: getattr(common, name) or None for name in names})


def _chosen(**values: Any) -> dict[str, Any]:
    """The values that are not None."""
    return {name: value for name, value in values.items() if value is not None}
