"""`python -m server train-stand-in`."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

from server.arguments import positive, whole
from server.commands.bars import counted
from server.commands.shared import add_json, add_seed, check_folder
from server.paths import path_argument
from server.training.stand_in_plan import Plan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    plan = Plan()
    parser.add_argument(
        "--out", type=path_argument, required=True, help="folder of the run; a run that is there is continued"
    )
    parser.add_argument(
        "--cache", type=path_argument, default=Path(".cache/prior-data"), help="folder of the rendered layers"
    )
    add_seed(parser)
    parser.add_argument(
        "--code-steps",
        type=whole(1, 10**8),
        default=plan.code_steps,
        help="steps of the autoencoder, which comes first",
    )
    parser.add_argument(
        "--pictures", type=whole(32, 10**7), default=plan.pictures, help="photographs that are drawn and encoded once"
    )
    parser.add_argument("--steps", type=whole(1, 10**8), default=plan.steps, help="steps of the diffusion network")
    parser.add_argument("--views", type=whole(1, 10**6), default=plan.views, help="rendered views of each object")
    parser.add_argument("--threads", type=whole(1, 1024), default=1)
    parser.add_argument("--checkpoint-minutes", type=positive(10**6), default=5.0)
    parser.add_argument("--sheet-every", type=whole(1, 10**8), default=1000, help="steps between two sheets of samples")
    parser.add_argument(
        "--minutes", type=positive(10**6), default=math.inf, help="stop, with a checkpoint, after so long"
    )
    add_json(parser)
    resumes = "The same command goes on from the last checkpoint."
    parser.set_defaults(run=_train, resumes=resumes, interrupted=f"Interrupted. {resumes}")


def _train(args: argparse.Namespace) -> dict[str, Any]:
    import torch

    from server.training.stand_in import Trainer

    for folder in (args.out, args.cache):
        check_folder(folder)
    torch.set_num_threads(args.threads)
    plan = Plan(seed=args.seed, code_steps=args.code_steps, pictures=args.pictures, steps=args.steps, views=args.views)
    trainer = Trainer(plan, args.out, args.cache, counted)
    trainer.run(args.checkpoint_minutes * 60, args.sheet_every, args.minutes * 60)
    return trainer.report()
