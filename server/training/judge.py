"""An independent eye: a small classifier that says what a picture shows and in which colours.

It is trained on procedural renders alone, of every combination of words, and never sees what a prior draws.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_model, save
from torch import Tensor, nn
from torch.nn import functional

from server.errors import BadRequest
from server.files import write_bytes
from server.priors.embedded.wording import build_tokenizer
from server.priors.finite import check_finite
from server.training.captions_table import (
    CaptionTable,
    object_captions,
    object_table,
    surface_captions,
    surface_table,
)
from server.training.pictures import PictureBank, Watch, fingerprint, unwatched
from server.world.captions import COLOURS, KINDS, PATTERNS, Caption, usual_second

NAMES = (*KINDS, *PATTERNS)
HUES = tuple(COLOURS)
WIDTHS = (3, 32, 64, 96, 128)
STEPS = 4000
BATCH = 64
VIEWS, WINDOWS = 300, 500
SURFACES = 0.4
IGNORED = -100
# Their two colours take up the same room: "red stripes on white" are white stripes on red.
EVEN = ("stripes", "checks", "waves")


@dataclass(frozen=True)
class Verdict:
    """What it sees in B pictures: numbers of NAMES and of HUES, int [B] each. `second` is a surface's second colour."""

    name: Tensor
    colour: Tensor
    second: Tensor


class Judge(nn.Module):
    """Pictures [B, 3, 64, 64] in [0, 1] to the logits of names, first and second colours."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList([_stage(a, b) for a, b in pairwise(WIDTHS)])
        # Where something is tells an object's kind, so the last stage is summed up in quarters. Which of two colours is
        # the dot's is seen in detail, whatever the place, so the others are summed up whole.
        found = 2 * sum(WIDTHS[1:-1]) + 2 * 4 * WIDTHS[-1]
        self.heads = nn.ModuleList(
            [
                nn.Sequential(nn.Linear(found, 128), nn.ReLU(), nn.Linear(128, n))
                for n in (len(NAMES), len(HUES), len(HUES))
            ]
        )

    def forward(self, pictures: Tensor) -> list[Tensor]:
        seen, found = 2 * pictures - 1, []
        for stage in self.stages:
            seen = stage(seen)
            parts = 2 if stage is self.stages[-1] else 1
            found.append(functional.adaptive_avg_pool2d(seen, parts).flatten(1))
            found.append(functional.adaptive_max_pool2d(seen, parts).flatten(1))
        return [head(torch.cat(found, 1)) for head in self.heads]

    @torch.no_grad()
    def look(self, pictures: Tensor) -> Verdict:
        return Verdict(*(logits.argmax(1) for logits in self(pictures)))


def _stage(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride=2, padding=1),
        nn.GroupNorm(8, after),
        nn.ReLU(),
        nn.Conv2d(after, after, 3, padding=1),
        nn.GroupNorm(8, after),
        nn.ReLU(),
    )


def trained_judge(
    cache: Path, steps: int = STEPS, on_step: Callable[[], object] = lambda: None, watch: Watch = unwatched
) -> Judge:
    """The judge kept in `cache`, trained first if it is not there.

    Args:
        cache: folder for the rendered layers, shared with training, and for the judge itself.
        on_step: called once for each training step, also for those of a judge that is there already.
        watch: see pictures.py; the layers may have to be rendered first.
    """
    bank = PictureBank(cache, 64, VIEWS, WINDOWS, torch.device("cpu"), watch=watch)
    path = cache / f"judge-{steps}-{bank.version}-{fingerprint(Judge, _stage, train_judge, answer_of)}.safetensors"
    if path.exists():
        judge = read_judge(path)
        for _ in range(steps):
            on_step()
    else:
        judge = train_judge(bank, steps, on_step=on_step)
        write_bytes(path, save(judge.state_dict()))
    return judge.eval().requires_grad_(False)


def read_judge(path: Path) -> Judge:
    """A judge that was kept.

    Raises:
        BadRequest: "prior-broken" when the file is damaged.
    """
    judge = Judge()
    read_weights(judge, path)
    return judge


def read_weights(judge: nn.Module, path: Path) -> None:
    """Fill a judge with what was kept. Raises BadRequest, as `read_judge`."""
    try:
        load_model(judge, path)
    except (OSError, RuntimeError, SafetensorError) as error:
        said = str(error).splitlines()[-1].strip()
        message = f"{path}: the judge that was kept there cannot be read ({said})."
        raise BadRequest("prior-broken", message, "Delete the file: the judge is trained anew then.") from None
    check_finite(judge, f"{path}: the judge that was kept there")


def train_judge(
    bank: PictureBank, steps: int = STEPS, seed: int = 0, on_step: Callable[[], object] = lambda: None
) -> Judge:
    """Train on fresh batches of renders, some blurred, some noisy, as a prior's pictures may be."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        judge = Judge()
    tokenizer = build_tokenizer()
    objects = object_table(tokenizer, object_captions() + object_captions(held_out=True))
    surfaces = surface_table(tokenizer, surface_captions() + surface_captions(held_out=True))
    answers = torch.cat([_answers(objects), _answers(surfaces)])
    optimiser = torch.optim.AdamW(judge.parameters(), lr=2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps)
    of_surfaces = round(SURFACES * BATCH)
    for _ in range(steps):
        one = bank.draw_objects(objects, BATCH - of_surfaces, generator)
        other = bank.draw_surfaces(surfaces, of_surfaces, generator)
        pictures = _spoil(torch.cat([one.pictures, other.pictures]), generator)
        wanted = answers[torch.cat([one.row, other.row + len(objects.captions)])]
        losses = [
            functional.cross_entropy(logits, wanted[:, i], ignore_index=IGNORED)
            for i, logits in enumerate(judge(pictures))
        ]
        optimiser.zero_grad(set_to_none=True)
        torch.stack(losses).sum().backward()
        optimiser.step()
        schedule.step()
        on_step()
    return judge


def answer_of(caption: Caption) -> tuple[int, int, int]:
    """Numbers of the name, the first colour and, for surfaces, the second colour of a caption; where nobody can tell
    the first from the second, in the order of HUES."""
    name, colour = NAMES.index(caption.name), HUES.index(caption.colour)
    if caption.makes == "mesh":
        return name, colour, IGNORED
    second = HUES.index(caption.second or usual_second(caption))
    if caption.name in EVEN:
        colour, second = sorted((colour, second))
    return name, colour, second


def _answers(table: CaptionTable) -> Tensor:
    return torch.tensor([answer_of(caption) for caption in table.captions])


def _spoil(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """A third stay sharp, a third are blurred, a third get noise."""
    which = torch.randint(3, (len(pictures), 1, 1, 1), generator=generator)
    blurred = functional.avg_pool2d(pictures, 3, stride=1, padding=1, count_include_pad=False)
    amount = 0.08 * torch.rand(len(pictures), 1, 1, 1, generator=generator)
    noisy = pictures + amount * torch.randn(pictures.shape, generator=generator)
    return torch.where(which == 0, pictures, torch.where(which == 1, blurred, noisy)).clamp(0, 1)


def examine_judge(judge: Judge, cache: Path, count: int = 2000, watch: Watch = unwatched) -> dict[str, float]:
    """{"kind_accuracy", "colour_accuracy"} on renders from views, and of windows, that it was not trained on."""
    generator = torch.Generator().manual_seed(1)
    bank = PictureBank(cache, 64, VIEWS, WINDOWS, torch.device("cpu"), start=VIEWS, watch=watch)
    tokenizer = build_tokenizer()
    right_name = right_colour = total = 0
    for table, draw in (
        (object_table(tokenizer, object_captions()), bank.draw_objects),
        (surface_table(tokenizer, surface_captions()), bank.draw_surfaces),
    ):
        batch = draw(table, count, generator)
        verdict, wanted = judge.look(batch.pictures), _answers(table)[batch.row]
        right_name += int((verdict.name == wanted[:, 0]).sum())
        second = (verdict.second == wanted[:, 2]) | (wanted[:, 2] == IGNORED)
        right_colour += int(((verdict.colour == wanted[:, 1]) & second).sum())
        total += count
    return {"kind_accuracy": round(right_name / total, 4), "colour_accuracy": round(right_colour / total, 4)}
