"""Flat pictures of prompts, as the paper's table 3 has them: how far they are from the prior's own samples, and how
well they fit their prompts.

python -m server evaluate prompts
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from server.evaluation.features import Features, Similarity, frechet_distance
from server.evaluation.methods import guidance_of, within_budget
from server.files import noted
from server.generators.picture import Picture, PictureSubject
from server.guidance.schedules import karras_grid
from server.priors.denoiser import Prior
from server.recipe import Recipe, read_recipe
from server.studio.climb import step_generator
from server.studio.optimisation import optimise
from server.studio.sampling import draw_pictures
from server.training.sheets import save_grid

# Ten, as the paper has; its own are in its appendix B, which we have not seen.
PROMPTS = (
    "a yellow duck",
    "a red mushroom",
    "a blue car",
    "a white snowman",
    "a green tree",
    "a brown chair",
    "a red house",
    "a purple mug",
    "an orange cone",
    "a grey hammer",
)
METHODS = ("sds", "sdi", "flow", "noised", "paper-inversion")
SAMPLES = "ddim"
SIGMAS = (0.05, 14.0)
DDIM_STEPS = 20
# Steps times learning rate, as published: 400 times 0.01. Few steps go faster to come as far.
TRAVEL, FASTEST = 4.0, 0.1
# Of every prompt, that everything is compared with.
REFERENCES = 8


def planned_steps(prompts: int, methods: int, seeds: int) -> int:
    """How often `on_step` of `evaluate_prompts` is called."""
    return 2 * prompts + prompts * methods * seeds


def evaluate_prompts(
    prior: Prior,
    prior_name: str,
    prompts: Sequence[str],
    methods: Sequence[str],
    seeds: Sequence[int],
    calls: int,
    features: Features,
    similarity: Similarity,
    device: str = "cpu",
    pictures: Path | None = None,
    on_step: Callable[[str], None] = lambda description: None,
) -> dict[str, Any]:
    """Distil every prompt by every method into a coordinate network, at equal denoiser calls.

    Args:
        prior_name: as recipes name it.
        methods: keys of server.evaluation.methods.METHODS.
        calls: denoiser calls of every run.
        pictures: folder for a sheet of each method: a line for each seed, prompts side by side.
        on_step: called with what was done, see `planned_steps`.

    Returns:
        {"rows": [{"method", "fid" (Frechet distance of features from REFERENCES samples of every prompt), "similarity"
        (mean over pictures), "pictures", "steps" (planned, of a run; None for samples), "calls" (of a run), "seconds"
        (in all)}], "warnings"}. The first row, "ddim", is as many other samples: no method can be nearer by more than
        chance.

    Raises:
        BadRequest: an unknown method, or a prompt that the prior cannot read.
    """
    warnings: list[str] = []
    recipes = {
        method: [_recipe(prior, prior_name, p, method, s, calls) for s in seeds for p in prompts] for method in methods
    }
    made: dict[str, list[Tensor]] = {SAMPLES: []}
    rows: list[dict[str, Any]] = []
    generator = torch.Generator().manual_seed(1_000_003 + seeds[0])
    reference = []
    for prompt in prompts:
        reference.append(_samples(prior, prompt, REFERENCES, generator, device))
        on_step(f"samples of {prompt}")
    started = time.monotonic()
    drawn = []
    for prompt in prompts:
        drawn.append(_samples(prior, prompt, len(seeds), generator, device))
        on_step(f"samples of {prompt}")
    made[SAMPLES] = [drawn[i][number] for number in range(len(seeds)) for i in range(len(prompts))]
    spent: dict[str, tuple[float, int | None, int]] = {}
    spent[SAMPLES] = (time.monotonic() - started, None, DDIM_STEPS * (1 if prior.card.guidance_scale == 1.0 else 2))
    for method, planned in recipes.items():
        started, done = time.monotonic(), []
        found = []
        for recipe in planned:
            picture, used = paint(prior, recipe, device, warnings.append)
            found.append(picture)
            done.append(used)
            on_step(f"{method}, {recipe.prompt}")
        made[method] = found
        spent[method] = (time.monotonic() - started, planned[0].steps, round(fmean(done)))
    true = features(torch.cat(reference))
    for method, found in made.items():
        seconds, steps, used = spent[method]
        fits = [similarity(picture[None], prompts[i % len(prompts)]) for i, picture in enumerate(found)]
        rows.append(
            {
                "method": method,
                "fid": frechet_distance(features(torch.stack(found)), true),
                "similarity": float(torch.cat(fits).mean()),
                "pictures": len(found),
                "steps": steps,
                "calls": used,
                "seconds": round(seconds, 1),
            }
        )
        if pictures is not None:
            with noted(warnings):
                pictures.mkdir(parents=True, exist_ok=True)
                save_grid(torch.stack(found), len(prompts), pictures / f"{method}.png")
    return {"rows": rows, "warnings": list(dict.fromkeys(warnings))}


def paint(prior: Prior, recipe: Recipe, device: str, on_warning: Callable[[str], None]) -> tuple[Tensor, int]:
    """The whole picture [3, S, S] that a recipe for a picture without repetition comes to, and its denoiser calls."""
    card, side = prior.card, prior.card.image_size
    picture = Picture((1.0, 1.0), (False, False), step_generator(recipe.seed, 0), finest=side).to(device)
    rate = max(card.picture_learning_rate, min(FASTEST, TRAVEL / recipe.steps))
    subject = PictureSubject(picture, 1, side, card.latent_shape[1], recipe.seed, rate)
    outcome = optimise(subject, prior, recipe, lambda step: None, lambda: None, on_warning)
    return picture.paint(side, side).cpu(), outcome.denoiser_calls


def _recipe(prior: Prior, name: str, prompt: str, method: str, seed: int, calls: int) -> Recipe:
    side = prior.card.image_size
    recipe = read_recipe(
        {
            "kind": "texture",
            "prompt": prompt,
            "prior": name,
            "seed": seed,
            "steps": 1,
            "views_per_step": 1,
            # Fresh noise for all: what climbs to modes is compared. Nothing stops early.
            "guidance": {**guidance_of(method), "noise": "fresh", "stop_threshold": 0.0},
            "texture": {"width": side, "height": side, "tile_x": False, "tile_y": False},
        }
    )
    return within_budget(recipe, prior.card, calls)


def _samples(prior: Prior, prompt: str, count: int, generator: torch.Generator, device: str) -> Tensor:
    return draw_pictures(prior, prompt, count, None, karras_grid(*SIGMAS, DDIM_STEPS), generator, device=device)[0]
