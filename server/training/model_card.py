"""The model card that travels with the weights: what they are, what they saw, how good they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from server.training.heldout import HELD_OUT_COLOUR, HELD_OUT_PAIR
from server.training.state import LOG_EVERY
from server.world.captions import COLOURS, KINDS, PATTERNS


def model_card(plan: dict[str, Any], step: int, log: Path, hardware: str, gates: dict[str, Any] | None) -> str:
    """The card in Markdown.

    Args:
        plan: of the checkpoint; step: of the diffusion network.
        log: the run's log.jsonl, from which the hours are summed.
        hardware: what it was trained on, in words.
        gates: result of `python -m server evaluate prior --json` for these weights, or None.
    """
    light, diffusion = plan["light_steps"] * plan["light_batch"], step * plan["batch"]
    hours = training_hours(plan, log)
    return f"""---
license: gpl-3.0
pipeline_tag: text-to-image
---
# The embedded prior of Blender MSD

A small text-to-image latent diffusion model with a camera, made for optimisation by mean-shift distillation on
a machine without a GPU. It draws {len(KINDS)} objects and {len(PATTERNS)} surfaces in {len(COLOURS)} colours,
64 x 64 pixels, on plain backgrounds, and nothing else.

## What it is made of

* `vae`: the first principal components of 4 x 4 patches; linear, orthonormal, times one half.
* `light_field`: a pixelwise network from caption, camera rays and background to the mean latent picture. **It
  is a regressor, not a diffusion model**: it was trained first, by least squares, and then frozen. With a
  camera, its answer is handed to the diffusion network as further input channels, and much of what the model
  knows about shapes from every side is in it. A distillation that gives the camera therefore comes close to
  fitting the field to this network's pictures, which the diffusion network makes sharp.
* `unet`, `text_encoder`: the diffusion network (v-prediction, 1000 steps, Stable Diffusion's schedule) and its
  text encoder, trained together. For surfaces the light field's channels are zero and these two work alone.

An object without a camera is a mixture over cameras: of 192 views, the one whose light-field picture is nearest
to the noisy picture is taken for the right one at every evaluation (hard expectation maximisation). The network
alone, without any camera, draws objects that are much less sure of themselves.

## Training

Procedural renders by this program, coloured, lit and composed anew in every batch; no photograph, no drawing by
anybody. {light:,} pictures for the light field and {diffusion:,} for the diffusion network, {hours:.1f} hours
on {hardware}. A third to two thirds of the pictures are surfaces; 20 to 45 % of the objects come without their
camera, 12 % without their background, 10 % without their caption. Views between -10 and 85 degrees of elevation.

Never in training, to see whether words are understood one by one: {_listed(HELD_OUT_COLOUR)}; and the pairs
{_listed({name: " on ".join(pair) for name, pair in HELD_OUT_PAIR.items()})}.

## How good it is

{_judged(gates)}

Made again by `python -m server train-prior --out RUN`, `python -m server export-prior RUN FOLDER` and
`python -m server evaluate prior`.

## Limits

Words outside its vocabulary are left out, with a warning. One object or surface at a time. Small details (eyes,
windows, mortar) are as coarse as 64 pixels are.
"""


def training_hours(plan: dict[str, Any], log: Path) -> float:
    """Hours of training that a log tells of, repetitions after a resumption included."""
    batch = {"light": plan["light_batch"], "diffusion": plan["batch"]}
    entries = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return sum(LOG_EVERY * batch[entry["stage"]] / entry["images_per_second"] for entry in entries) / 3600


def _judged(gates: dict[str, Any] | None) -> str:
    if gates is None:
        return "Not judged yet: `python -m server evaluate prior`."
    names = ("kind_accuracy", "colour_accuracy", "heldout_kind_accuracy", "heldout_colour_accuracy")
    rows = [
        f"| {what} | " + " | ".join(f"{gates['groups'][group][name]:.3f}" for name in names) + " |"
        for group, what in (
            ("objects", "objects, with a camera"),
            ("pictures", "objects, without a camera"),
            ("surfaces", "surfaces"),
        )
    ]
    return "\n".join(
        [
            f"{gates['samples']} DDIM samples (20 steps), judged by a classifier that was trained on renders alone"
            f" (right about {gates['judge']['kind_accuracy']:.3f} of the kinds and"
            f" {gates['judge']['colour_accuracy']:.3f} of the colours of renders it had not seen):",
            "",
            "| | kind | colour | kind, held out | colour, held out |",
            "|---|---|---|---|---|",
            *rows,
            "",
            f"Use of the camera on views that training never drew: the right camera saves it {gates['gain']:.2f} of"
            " what it saves the closed-form denoiser (1 is all, 0 is a network that ignores the camera), and its error"
            f" is {gates['right_over_exact']:.2f} times that of the closed-form denoiser, which is not told the"
            " background.",
        ]
    )


def _listed(pairs: dict[str, str]) -> str:
    return ", ".join(f"{value} {name}" for name, value in pairs.items())
