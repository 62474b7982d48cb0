"""Is a prior good enough to be sold? What it draws, judged by a classifier, and whether it sees the camera.

python -m server evaluate prior
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from server.evaluation.camera_use import camera_use, planned_rows
from server.files import noted
from server.guidance.schedules import karras_grid
from server.priors.catalogue import load_prior
from server.priors.denoiser import Prior
from server.priors.embedded.card import EMBEDDED_CARD, trained_views
from server.studio.sampling import draw_pictures
from server.training.heldout import HELD_OUT_PAIR, is_held_out
from server.training.judge import HUES, IGNORED, NAMES, STEPS, Judge, answer_of, examine_judge, trained_judge
from server.training.pictures import Watch, unwatched
from server.training.sheets import save_grid
from server.world.camera_law import CameraLaw
from server.world.cameras import law_views
from server.world.captions import COLOURS, KINDS, PATTERNS, Caption
from server.world.views import draw_backgrounds

DDIM_STEPS = 20
SIGMAS = (0.05, 14.0)
HELD_OUT_SAMPLES = 4
LOW_CAMERAS = CameraLaw(elevation=(-10.0, 45.0), low_elevation=(-10.0, 45.0))

GATES = {
    "kind_accuracy": 0.95,
    "colour_accuracy": 0.95,
    "heldout_kind_accuracy": 0.9,
    "heldout_colour_accuracy": 0.9,
}
MOST_RIGHT_OVER_EXACT = 1.3
LEAST_GAIN = 0.8


@dataclass(frozen=True)
class Question:
    """Draw this so often, told the camera or not."""

    caption: Caption
    count: int
    with_camera: bool = False


def questions(repeats: int = 1) -> dict[str, list[Question]]:
    """Every object in every colour, with a camera ("objects") and without ("pictures"), and surfaces in twelve first
    colours each; held-out combinations several times, since there are few of them. Objects are not looked at from
    above, where a house is a roof and a table a rectangle."""
    found: dict[str, list[Question]] = {}
    for group, with_camera in (("objects", True), ("pictures", False)):
        view = None if with_camera else "side"
        captions = [Caption("mesh", name, colour, view=view) for name in KINDS for colour in COLOURS]
        found[group] = [
            Question(c, repeats * (HELD_OUT_SAMPLES if is_held_out(c) else 1), with_camera) for c in captions
        ]
    hues = list(COLOURS)
    surfaces = []
    for i, name in enumerate(PATTERNS):
        # Another second colour for every first one, and another distance between them for every pattern.
        captions = [Caption("texture", name, hue, hues[(j + 1 + i % 11) % 12]) for j, hue in enumerate(hues)]
        surfaces += [Question(caption, repeats) for caption in captions if not is_held_out(caption)]
        surfaces.append(Question(Caption("texture", name, *HELD_OUT_PAIR[name]), repeats * HELD_OUT_SAMPLES))
    return {**found, "surfaces": surfaces}


def planned_steps(judge_steps: int = STEPS) -> int:
    """How often `on_step` of `evaluate_prior` is called."""
    return judge_steps + sum(len(asked) for asked in questions().values()) + planned_rows()


def evaluate_prior(
    name: str = "embedded",
    device: str = "cpu",
    cache: Path = Path(".cache/prior-data"),
    seed: int = 0,
    repeats: int = 1,
    pictures: Path | None = None,
    judge_steps: int = STEPS,
    on_step: Callable[[], object] = lambda: None,
    watch: Watch = unwatched,
) -> dict[str, Any]:
    """Draw DDIM samples of everything the procedural language can name, judge them, and measure the use of the camera.

    Args:
        name: a prior that reads the procedural language and takes a camera.
        cache: folder for rendered layers, shared with training.
        repeats: how often each question is asked.
        pictures: folder for one sheet of samples for each group, or None.
        watch: see training/pictures.py; layers may have to be rendered first.

    Returns:
        {"kind_accuracy", "colour_accuracy", "heldout_kind_accuracy", "heldout_colour_accuracy" (over all samples),
        "groups": {"objects" | "pictures" | "surfaces": the same four}, "camera": rows of `camera_use`,
        "right_over_exact", "gain" (their means), "judge": {"kind_accuracy", "colour_accuracy"} on renders that it was
        not trained on, "samples", "missed": {caption: what was seen instead}, "failed": the gates that do not hold;
        every group has to pass by itself, "warnings": sentences about pictures that could not be written}. A
        surface's colours are right when both are.
    """
    prior = load_prior(name, device)
    judge = trained_judge(cache, judge_steps, on_step, watch)
    generator = torch.Generator().manual_seed(seed)
    groups, hits = {}, []
    warnings: list[str] = []
    for group, asked in questions(repeats).items():
        found, drawn = [], []
        for question in asked:
            images = _draw(prior, question, generator)
            found += judged(judge, images, question.caption)
            drawn.append(images[:1])
            on_step()
        if pictures is not None:
            with noted(warnings):
                pictures.mkdir(parents=True, exist_ok=True)
                save_grid(torch.cat(drawn), 12, pictures / f"{group}.png")
        groups[group] = accuracies(found)
        hits += found
    camera = camera_use(prior, trained_views() if name == EMBEDDED_CARD.name else 0, on_row=on_step)
    means = {key: round(sum(row[key] for row in camera) / len(camera), 4) for key in ("right_over_exact", "gain")}
    failed = [f"{group}.{gate}" for group, of in groups.items() for gate, least in GATES.items() if of[gate] < least]
    failed += ["camera.right_over_exact"] if means["right_over_exact"] > MOST_RIGHT_OVER_EXACT else []
    failed += ["camera.gain"] if means["gain"] < LEAST_GAIN else []
    return {
        **accuracies(hits),
        "groups": groups,
        "camera": camera,
        **means,
        "judge": examine_judge(judge, cache, watch=watch),
        "samples": len(hits),
        "missed": {hit.asked: hit.seen for hit in hits if not (hit.name and hit.colour)},
        "failed": failed,
        "warnings": warnings,
    }


@dataclass(frozen=True)
class Hit:
    """Whether a sample's name and colours are as asked; `asked` and `seen` in words."""

    asked: str
    seen: str
    held_out: bool
    name: bool
    colour: bool


def judged(judge: Judge, images: Tensor, caption: Caption) -> list[Hit]:
    """What the judge says of images [B, 3, S, S] that should show the caption."""
    name, colour, second = answer_of(caption)
    verdict = judge.look(images)
    found = []
    for i in range(len(images)):
        saw = int(verdict.name[i]), int(verdict.colour[i]), int(verdict.second[i])
        words = f"{HUES[saw[1]]} {NAMES[saw[0]]}" + (f" on {HUES[saw[2]]}" if caption.makes == "texture" else "")
        right = saw[1] == colour and second in (IGNORED, saw[2])
        found.append(Hit(caption.text(), words, is_held_out(caption), saw[0] == name, right))
    return found


def accuracies(hits: Sequence[Hit]) -> dict[str, float]:
    """Shares of right names and right colours, of combinations that training may see and of those that it may not."""
    found = {}
    for prefix, held_out in (("", False), ("heldout_", True)):
        mine = [hit for hit in hits if hit.held_out == held_out]
        found[f"{prefix}kind_accuracy"] = round(sum(hit.name for hit in mine) / len(mine), 4)
        found[f"{prefix}colour_accuracy"] = round(sum(hit.colour for hit in mine) / len(mine), 4)
    return found


def _draw(prior: Prior, question: Question, generator: torch.Generator) -> Tensor:
    """DDIM samples [count, 3, S, S] in [0, 1] at the prior's own guidance scale, from random views."""
    count = question.count
    views = None
    if question.with_camera:
        turn, half, height, near = torch.rand(count, 4, generator=generator).unbind(1)
        seen = law_views(LOW_CAMERAS, turn, half, height, height, near)
        views = replace(seen, background=draw_backgrounds(count, generator))
    sigmas = karras_grid(*SIGMAS, DDIM_STEPS)
    return draw_pictures(prior, question.caption.text(), count, views, sigmas, generator)[0]
