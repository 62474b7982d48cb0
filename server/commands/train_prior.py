"""`python -m server train-prior`."""

from __future__ import annotations

import argparse
import math
from dataclasses import fields
from pathlib import Path
from typing import Any

from server.arguments import positive, setting, whole
from server.commands.bars import counted
from server.commands.shared import add_device, add_json, check_folder
from server.paths import path_argument
from server.recipe import Recipe
from server.training.plan import Plan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    plan = Plan()
    parser.add_argument(
        "--out", type=path_argument, required=True, help="folder of the run; a run that is there is continued"
    )
    parser.add_argument(
        "--cache", type=path_argument, default=Path(".cache/prior-data"), help="folder of the rendered layers"
    )
    parser.add_argument("--seed", type=setting(Recipe, "seed"), default=plan.seed)
    add_device(parser)
    parser.add_argument("--light-steps", type=whole(1, 10**8), default=plan.light_steps)
    parser.add_argument("--light-batch", type=whole(1, 4096), default=plan.light_batch)
    parser.add_argument("--steps", type=whole(1, 10**8), default=plan.steps)
    parser.add_argument("--batch", type=whole(1, 4096), default=plan.batch)
    parser.add_argument(
        "--rate", type=positive(1), default=plan.rate, help="highest learning rate of the diffusion network"
    )
    parser.add_argument("--views", type=whole(1, 10**6), default=plan.views, help="rendered views of each object")
    parser.add_argument(
        "--windows", type=whole(1, 10**6), default=plan.windows, help="rendered windows onto each surface"
    )
    parser.add_argument("--threads", type=whole(1, 1024), default=1)
    parser.add_argument("--checkpoint-minutes", type=positive(10**6), default=5.0)
    parser.add_argument("--sheet-every", type=whole(1, 10**8), default=2000, help="steps between two sheets of samples")
    parser.add_argument(
        "--minutes", type=positive(10**6), default=math.inf, help="stop, with a checkpoint, after so long"
    )
    add_json(parser)
    resumes = "The same command goes on from the last checkpoint."
    parser.set_defaults(run=_train, resumes=resumes, interrupted=f"Interrupted. {resumes}")


def _train(args: argparse.Namespace) -> dict[str, Any]:
    import torch

    from server.training.training import Trainer

    for folder in (args.out, args.cache):
        check_folder(folder)
    torch.set_num_threads(args.threads)
    plan = Plan(**{field.name: getattr(args, field.name) for field in fields(Plan) if field.name != "size"})
    trainer = Trainer(plan, args.out, args.cache, torch.device(args.device), counted)
    trainer.run(args.checkpoint_minutes * 60, args.sheet_every, args.minutes * 60)
    return trainer.report()
