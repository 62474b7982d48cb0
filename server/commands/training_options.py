"""What `train-prior` and `train-stand-in` share: the folders, the pace, and how a run ends."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from server.arguments import positive, whole
from server.commands.shared import add_json, check_folder
from server.paths import path_argument

if TYPE_CHECKING:
    from server.training.staged import StagedTrainer


def add_run(parser: argparse.ArgumentParser, sheet_every: int) -> None:
    folder = Path(".cache/prior-data")
    parser.add_argument(
        "--out", type=path_argument, required=True, help="folder of the run; a run that is there is continued"
    )
    parser.add_argument("--cache", type=path_argument, default=folder, help="folder of the rendered layers")
    parser.add_argument("--threads", type=whole(1, 1024), default=1)
    parser.add_argument("--checkpoint-minutes", type=positive(10**6), default=5.0)
    parser.add_argument(
        "--sheet-every", type=whole(1, 10**8), default=sheet_every, help="steps between two sheets of samples"
    )
    parser.add_argument(
        "--minutes", type=positive(10**6), default=math.inf, help="stop, with a checkpoint, after so long"
    )
    add_json(parser)
    resumes = "The same command goes on from the last checkpoint."
    parser.set_defaults(resumes=resumes, interrupted=f"Interrupted. {resumes}")


def prepare(args: argparse.Namespace) -> None:
    """Refuse folders that cannot be written, before any work."""
    import torch

    for folder in (args.out, args.cache):
        check_folder(folder)
    torch.set_num_threads(args.threads)


def train(trainer: StagedTrainer, args: argparse.Namespace) -> dict[str, Any]:
    trainer.run(args.checkpoint_minutes * 60, args.sheet_every, args.minutes * 60)
    return trainer.report()
