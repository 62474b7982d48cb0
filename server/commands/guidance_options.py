"""Options that say how targets are made: the same for every command that distils."""

from __future__ import annotations

import argparse
from typing import Any, get_args

from server.arguments import Pair, real, setting
from server.recipe import CentreName, EstimatorName, GuidanceRecipe, KernelTime, Method, NoiseName

# Each option and the field of a recipe's guidance that it sets; the interval sets two.
FIELDS = (
    "estimator",
    "centre",
    "kernel_time",
    "inversion_scale",
    "sampler_steps",
    "scale",
    "bandwidth_start",
    "bandwidth_end",
    "perp_neg",
)


def add_guidance_options(parser: argparse.ArgumentParser) -> None:
    """What is not given is the prior's own. `guidance_asked(args)` reads it."""
    group = parser.add_argument_group("how targets are made (default: the prior's own)")
    group.add_argument("--estimator", choices=get_args(EstimatorName), help="of the mean shift")
    group.add_argument("--centre", choices=get_args(CentreName), help="of the kernel, with --estimator paper")
    group.add_argument("--kernel-time", choices=get_args(KernelTime), help="how its time is read, with the same")
    group.add_argument(
        "--interval",
        type=Pair(real(0, 100), "LO,HI"),
        metavar="LO,HI",
        help="noise levels where the kernel acts, in bandwidths, with the same",
    )
    group.add_argument(
        "--inversion-scale",
        type=setting(GuidanceRecipe, "inversion_scale"),
        metavar="W",
        help="guidance scale of inversions; 0 is without the prompt",
    )
    group.add_argument(
        "--sampler-steps",
        type=setting(GuidanceRecipe, "sampler_steps"),
        metavar="N",
        help="of a sampler or an inversion",
    )
    group.add_argument("--scale", type=setting(GuidanceRecipe, "scale"), help="guidance scale")
    group.add_argument("--bandwidth-start", type=setting(GuidanceRecipe, "bandwidth_start"))
    group.add_argument("--bandwidth-end", type=setting(GuidanceRecipe, "bandwidth_end"))
    group.add_argument(
        "--perp-neg",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="keep the prompts of other views out of each view, of models that are told views in words",
    )


def add_method_and_noise(parser: argparse.ArgumentParser) -> None:
    """For commands that make one thing."""
    parser.add_argument("--method", choices=get_args(Method), help="mean-shift distillation (msd), or a baseline")
    parser.add_argument(
        "--noise", choices=get_args(NoiseName), help="fresh in every step, attached to what is made, or by view"
    )


def add_methods_and_noises(parser: argparse.ArgumentParser) -> None:
    """For commands that compare."""
    parser.add_argument(
        "--methods",
        nargs="+",
        default=["msd"],
        metavar="METHOD",
        help="msd, sds, sdi, flow, or an estimator: noised, tweedie, exact, paper, paper-inversion, ... (default: msd)",
    )
    parser.add_argument(
        "--noise", nargs="+", default=[None], choices=get_args(NoiseName), help="default: the prior's own"
    )


def guidance_asked(args: argparse.Namespace, *more: str) -> dict[str, Any]:
    """The fields of a recipe's guidance that were given, `more` of them by options of the command's own."""
    asked = {name: getattr(args, name) for name in (*FIELDS, *more)}
    if args.interval is not None:
        asked["interval_low"], asked["interval_high"] = args.interval
    return {name: value for name, value in asked.items() if value is not None}
