"""A training run of several stages in one folder; the same run goes on where a stopped one was.

In the folder: `checkpoint.pt`, `log.jsonl`, `sheets/*.png`.
"""

from __future__ import annotations

import json
import math
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from server.errors import BadRequest
from server.training.state import (
    CHECKPOINT,
    LOG,
    LOG_EVERY,
    RunningAverage,
    read_checkpoint,
    step_generator,
    write_checkpoint,
)

WARM_UP = 200  # steps


@dataclass(frozen=True)
class Stage:
    """Attributes:
    steps: how many it has; `batch` is of each.
    rate: the highest learning rate.
    decay: of the running average.
    """

    name: str
    steps: int
    batch: int
    rate: float
    decay: float = 0.999


class StagedTrainer(ABC):
    """One run in one folder.

    Attributes:
        stage, step: where it stands.
        optimiser, average: of the modules of the stage.
    """

    optimiser: torch.optim.AdamW
    average: RunningAverage

    def __init__(self, stages: tuple[Stage, ...], seed: int, folder: Path, device: torch.device) -> None:
        self.folder = folder
        self.device = device
        self._stages = {stage.name: stage for stage in stages}
        self._seed = seed
        self._measured = time.monotonic()
        folder.mkdir(parents=True, exist_ok=True)

    # ----- what a kind of run says of itself

    @abstractmethod
    def _modules(self) -> list[nn.Module]:
        """What is trained in this stage."""

    @abstractmethod
    def _kept(self) -> dict[str, nn.Module]:
        """What a checkpoint holds."""

    @abstractmethod
    def _losses(self, generator: torch.Generator) -> dict[str, Tensor]:
        """Of one batch: "loss", which is made smaller, and others for the log."""

    @abstractmethod
    def _end_stage(self) -> None:
        """The stage is over, and another one follows: `_begin_stage`."""

    @abstractmethod
    def _identity(self) -> dict[str, Any]:
        """What a run that goes on must have in common with the stopped one."""

    @abstractmethod
    def _sheet(self, path: Path) -> None:
        """What the networks make now, as a picture."""

    # ----- what all runs do

    def start(self) -> bool:
        """Go where a stopped run was, or to the first step; whether there was one.

        Raises:
            BadRequest: "training-plan-differs".
        """
        self._begin_stage(next(iter(self._stages)))
        found = (self.folder / CHECKPOINT).exists()
        if found:
            self._restore(read_checkpoint(self.folder / CHECKPOINT, self.device))
        return found

    def run(self, checkpoint_seconds: float, sheet_every: int, seconds: float = math.inf) -> None:
        """Train to the plan's end, or for `seconds`; leaves a checkpoint either way."""
        began = saved = self._measured = time.monotonic()
        losses: list[dict[str, Tensor]] = []
        while not self.done and time.monotonic() - began < seconds:
            losses.append(self.advance())
            if self.step % LOG_EVERY == 0 or self._stage_is_over:
                self._log(losses)
                losses = []
            if self.step % sheet_every == 0:
                self.draw_sheet()
            if time.monotonic() - saved > checkpoint_seconds:
                self.save()
                saved = time.monotonic()
        self.save()
        self.draw_sheet()

    @property
    def done(self) -> bool:
        return self.stage == list(self._stages)[-1] and self._stage_is_over

    def advance(self) -> dict[str, Tensor]:
        """One optimiser step, of the next stage where one is over."""
        if self._stage_is_over and not self.done:
            self._end_stage()
            self._measured = time.monotonic()
        generator = step_generator(self._seed, self.stage, self.step, self.device)
        rate = self._rate()
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        losses = self._losses(generator)
        self.optimiser.zero_grad(set_to_none=True)
        losses["loss"].backward()
        modules = self._modules()
        nn.utils.clip_grad_norm_([p for m in modules for p in m.parameters()], 1.0)
        self.optimiser.step()
        self.average.update(modules)
        self.step += 1
        return {name: value.detach() for name, value in losses.items()}

    def save(self) -> None:
        state = {
            "stage": self.stage,
            "step": self.step,
            "plan": self._identity(),
            **{name: module.state_dict() for name, module in self._kept().items()},
            "average": self.average.state(),
            "optimiser": self.optimiser.state_dict(),
        }
        write_checkpoint(self.folder / CHECKPOINT, state)

    def report(self) -> dict[str, Any]:
        return {"stage": self.stage, "step": self.step, "done": self.done, "folder": str(self.folder)}

    @torch.no_grad()
    def draw_sheet(self) -> None:
        """What the averaged weights make, as a picture."""
        (self.folder / "sheets").mkdir(exist_ok=True)
        modules = self._modules()
        self.average.swap(modules)
        self._sheet(self.folder / "sheets" / f"{self.stage}-{self.step:06d}.png")
        self.average.swap(modules)

    @property
    def _stage_is_over(self) -> bool:
        return self.step >= self._stages[self.stage].steps

    def _begin_stage(self, stage: str) -> None:
        self.stage, self.step = stage, 0
        modules = self._modules()
        parameters = [p for m in modules for p in m.parameters()]
        self.optimiser = torch.optim.AdamW(parameters, lr=self._rate(), betas=(0.9, 0.99), weight_decay=0.01)
        self.average = RunningAverage(modules, decay=self._stages[stage].decay)
        for module in modules:
            module.train()

    def _rate(self) -> float:
        """Warm-up, then a cosine; in the last stage a plateau that falls over its last third, so that a run can be made
        longer, or shorter, before it falls."""
        stage = self._stages[self.stage]
        done = self.step / stage.steps
        falling = max(0.0, (done - 2 / 3) * 3) if self.stage == list(self._stages)[-1] else done
        return stage.rate * min(1.0, (self.step + 1) / WARM_UP) * _cosine(falling)

    def _restore(self, state: dict[str, Any]) -> None:
        there, here = state["plan"], self._identity()
        if there != here:
            different = [
                f"{name} {there.get(name)} and not {here[name]}" for name in here if there.get(name) != here[name]
            ]
            raise BadRequest(
                "training-plan-differs",
                f"The run in {self.folder} was started with other values: {', '.join(different)}.",
                "Give the same values to continue it, or another --out to start anew.",
            )
        for name, module in self._kept().items():
            module.load_state_dict(state[name])
        self._begin_stage(state["stage"])
        self.step = int(state["step"])
        self.average.load(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])

    def _log(self, losses: list[dict[str, Tensor]]) -> None:
        now = time.monotonic()
        means = {name: float(torch.stack([loss[name] for loss in losses]).mean()) for name in losses[-1]}
        images = self._stages[self.stage].batch * len(losses)
        line = {
            "stage": self.stage,
            "step": self.step,
            **{name: round(value, 6) for name, value in means.items()},
            "rate": round(self._rate(), 8),
            "images_per_second": round(images / (now - self._measured), 1),
            "time": round(time.time(), 1),
        }
        self._measured = now
        with (self.folder / LOG).open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")


def _cosine(progress: float) -> float:
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
