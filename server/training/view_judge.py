"""An eye for where objects face: a small classifier that says from which side a picture shows one.

It is trained on photographs of the true objects alone, half of them blurred, from any side and under any lamp, and
never sees what a prior draws. With it one can count faces: of a two-headed duck, the view from behind is a front view.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional

from server.files import write_bytes
from server.training.judge import read_weights
from server.training.photographs import PhotographBank
from server.training.pictures import Watch, fingerprint, unwatched
from server.world.bank import in_view
from server.world.captions import KINDS
from server.world.views import Views

SIDES = ("front", "side", "back")
# Their fronts are not their backs, nor mirror images of them.
KINDS_WITH_A_FRONT = ("snowman", "chair", "car", "house", "duck")
SIZE = 64
WIDTHS = (3, 32, 64, 96, 96)
STEPS = 2500
BATCH = 64
VIEWS = 400
LEAST_ZOOM, ZOOMS, SHIFTS = 0.65, 0.55, 0.12  # of the side of a picture that is seen, and of its half
HIGHEST = 50.0  # degrees of elevation, above which sides look alike


class ViewJudge(nn.Module):
    """Pictures [B, 3, 64, 64] in [0, 1] to logits [B, kinds with a front, SIDES]."""

    def __init__(self) -> None:
        super().__init__()
        layers = [(nn.Conv2d(a, b, 3, stride=2, padding=1), nn.GroupNorm(8, b), nn.ReLU()) for a, b in pairwise(WIDTHS)]
        self.stages = nn.Sequential(*[layer for stage in layers for layer in stage])
        # Where something is tells a side, so the last stage is kept whole: 4 x 4 places.
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(16 * WIDTHS[-1], 64), nn.ReLU(), nn.Linear(64, len(KINDS_WITH_A_FRONT) * len(SIDES))
        )

    def forward(self, pictures: Tensor) -> Tensor:
        answer: Tensor = self.head(self.stages(2 * pictures - 1))
        return answer.unflatten(1, (len(KINDS_WITH_A_FRONT), len(SIDES)))

    @torch.no_grad()
    def shares(self, pictures: Tensor, kind: str) -> dict[str, float]:
        """Of pictures that show a kind with a front, the share that it takes for each of SIDES."""
        seen = self(pictures)[:, KINDS_WITH_A_FRONT.index(kind)].argmax(1)
        return {side: float((seen == number).float().mean()) for number, side in enumerate(SIDES)}


def trained_view_judge(
    cache: Path, steps: int = STEPS, on_step: Callable[[], object] = lambda: None, watch: Watch = unwatched
) -> ViewJudge:
    """The judge kept in `cache`, trained first if it is not there.

    Args:
        cache: folder for the rendered layers, shared with training, and for the judge itself.
        on_step: called once for each training step, also for those of a judge that is there already.
        watch: see pictures.py; the layers may have to be rendered first.
    """
    version = fingerprint(ViewJudge, train_view_judge, _moved, PhotographBank)
    path = cache / f"view-judge-{steps}-{version}.safetensors"
    judge = ViewJudge()
    if path.exists():
        read_weights(judge, path)
        for _ in range(steps):
            on_step()
    else:
        bank = PhotographBank(cache, SIZE, VIEWS, kinds=KINDS_WITH_A_FRONT, front_bias=0.0, watch=watch)
        judge = train_view_judge(bank, steps, on_step)
        write_bytes(path, save(judge.state_dict()))
    return judge.eval().requires_grad_(False)


def train_view_judge(
    bank: PhotographBank, steps: int = STEPS, on_step: Callable[[], object] = lambda: None, seed: int = 0
) -> ViewJudge:
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        judge = ViewJudge()
    numbers = torch.tensor([_number(kind) for kind in KINDS])
    optimiser = torch.optim.AdamW(judge.parameters(), lr=2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps)
    for _ in range(steps):
        drawn = bank.draw(BATCH, generator)
        pictures = _moved(drawn.pictures, generator)
        # What a prior draws is seldom sharp.
        blurred = torch.rand(BATCH, 1, 1, 1, generator=generator) < 0.5
        soft = functional.avg_pool2d(pictures, 3, stride=1, padding=1, count_include_pad=False)
        logits = judge(torch.where(blurred, soft, pictures))[torch.arange(BATCH), numbers[drawn.subject]]
        level = torch.rad2deg(drawn.views.elevation) < HIGHEST
        loss = functional.cross_entropy(logits[level], side_of(drawn.views)[level])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        on_step()
    return judge


def _moved(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Larger or smaller, and somewhere else: where a shape is says nothing about where it faces."""
    count = len(pictures)
    place = torch.zeros(count, 2, 3)
    place[:, 0, 0] = place[:, 1, 1] = LEAST_ZOOM + ZOOMS * torch.rand(count, generator=generator)
    place[:, :, 2] = SHIFTS * (2 * torch.rand(count, 2, generator=generator) - 1)
    grid = functional.affine_grid(place, list(pictures.shape), align_corners=False)
    return functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)


def side_of(views: Views) -> Tensor:
    """Numbers in SIDES, [B]; of views from high above, too."""
    level = Views(views.azimuth, torch.zeros_like(views.elevation), views.distance, views.fov)
    return torch.stack([in_view(level, side) for side in SIDES]).int().argmax(0)


def _number(kind: str) -> int:
    return KINDS_WITH_A_FRONT.index(kind) if kind in KINDS_WITH_A_FRONT else -1
