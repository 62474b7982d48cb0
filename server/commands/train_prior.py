"""`python -m server train-prior`."""

from __future__ import annotations

import argparse
from dataclasses import fields
from typing import Any

from server.arguments import positive, setting, whole
from server.commands.bars import counted
from server.commands.shared import add_device
from server.commands.training_options import add_run, prepare, train
from server.recipe import Recipe
from server.training.plan import Plan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    plan = Plan()
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
    add_run(parser, sheet_every=2000)
    parser.set_defaults(run=_train)


def _train(args: argparse.Namespace) -> dict[str, Any]:
    import torch

    from server.training.training import Trainer

    prepare(args)
    plan = Plan(**{field.name: getattr(args, field.name) for field in fields(Plan) if field.name != "size"})
    trainer = Trainer(plan, args.out, args.cache, torch.device(args.device), counted)
    return train(trainer, args)
