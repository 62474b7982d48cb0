"""`python -m server train-stand-in`."""

from __future__ import annotations

import argparse
from typing import Any

from server.arguments import whole
from server.commands.bars import counted
from server.commands.shared import add_seed
from server.commands.training_options import add_run, prepare, train
from server.training.stand_in_plan import Plan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    plan = Plan()
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
    add_run(parser, sheet_every=1000)
    parser.set_defaults(run=_train)


def _train(args: argparse.Namespace) -> dict[str, Any]:
    from server.training.stand_in import Trainer

    prepare(args)
    plan = Plan(seed=args.seed, code_steps=args.code_steps, pictures=args.pictures, steps=args.steps, views=args.views)
    trainer = Trainer(plan, args.out, args.cache, counted)
    return train(trainer, args)
