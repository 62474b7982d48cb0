"""`python -m server lab ...`: the paper's experiments from the command line.

Progress goes to stderr. On stdout there is a table, or with --json one JSON document.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import get_args

from server.arguments import Pair, real, setting, whole
from server.commands import lab_experiments as experiments
from server.commands import lab_images
from server.commands.shared import add_json, add_prior, add_seed
from server.lab.limits import FARTHEST, WIDEST
from server.paths import path_argument
from server.recipe import CentreName, GuidanceRecipe, KernelTime, Recipe

_BANDWIDTH = real(1 / WIDEST, WIDEST)
_POINT = Pair(real(-FARTHEST, FARTHEST), "X,Y")
_INTERVAL = Pair(real(0, WIDEST), "LO,HI")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    tools = parser.add_subparsers(dest="experiment", required=True, metavar="EXPERIMENT", parser_class=type(parser))

    one = tools.add_parser("field", help="one estimator at given points, beside the closed forms")
    # A point such as -0.5,0.2 is an argument, not an option.
    one._negative_number_matcher = re.compile(r"^-[\d.]")
    one.add_argument("--density", default="fractal")
    one.add_argument("--estimator", default="tweedie")
    one.add_argument("--bandwidth", type=_BANDWIDTH, default=0.2, metavar="L")
    one.add_argument(
        "--interval", type=_INTERVAL, metavar="LO,HI", help="kernel interval of the paper's, in bandwidths"
    )
    one.add_argument("--centre", choices=get_args(CentreName), help="of the paper's kernel")
    one.add_argument("--kernel-time", choices=get_args(KernelTime), help="how the paper's is read")
    one.add_argument("--at", type=_POINT, required=True, nargs="+", metavar="X,Y")
    _add_common(one)
    one.set_defaults(run=experiments.run_field)

    table1 = tools.add_parser("table1", help="efficiency of the estimators (Eq. 17)")
    _add_densities(table1)
    table1.add_argument("--bandwidth", type=_BANDWIDTH, default=0.2, metavar="L")
    _add_common(table1, seeds=1, out=True)
    table1.set_defaults(run=experiments.run_table1)

    table2 = tools.add_parser("table2", help="quality of what every method arrives at")
    _add_densities(table2)
    table2.add_argument("--denoiser", nargs="+", choices=("ideal", "samples", "learned"), default=["ideal", "learned"])
    table2.add_argument("--method", nargs="+", default=None, help="default: all")
    table2.add_argument(
        "--weights", type=path_argument, help="folder of networks trained by `lab train` (default: the package's)"
    )
    _add_common(table2, seeds=1, out=True)
    table2.set_defaults(run=experiments.run_table2)

    landscape = tools.add_parser("landscape", help="the loss landscapes that the gradients belong to")
    _add_densities(landscape)
    landscape.add_argument(
        "--scale", type=setting(GuidanceRecipe, "scale"), default=4.0, help="of guidance to a class; 1: none"
    )
    landscape.add_argument("--size", type=whole(11, 401), default=81, help="nodes of the grid along each axis")
    _add_common(landscape, out=True)
    landscape.set_defaults(run=experiments.run_landscape)

    samples = tools.add_parser("samples", help="pictures of where the points end (figures 1 and 3)")
    _add_densities(samples)
    _add_common(samples, out=True)
    samples.set_defaults(run=experiments.run_samples)

    variance = tools.add_parser("variance", help="noise of the estimators (figure 4)")
    variance.add_argument("--density", default="fractal")
    _add_common(variance, out=True)
    variance.set_defaults(run=experiments.run_variance)

    circles = tools.add_parser("circles", help="concentric circles, by the methods that invert, too")
    _add_common(circles, out=True)
    circles.set_defaults(run=experiments.run_circles)

    stopping = tools.add_parser("stopping", help="q over a run, and where the criterion would have stopped it")
    _add_densities(stopping)
    _add_common(stopping, out=True)
    stopping.set_defaults(run=experiments.run_stopping)

    bandwidth = tools.add_parser("bandwidth", help="iterates and bandwidths on an image prior (figure 6)")
    heuristics = tools.add_parser("heuristics", help="limited interval and noise scaling on an image prior (figure 8)")
    image_variance = tools.add_parser("image-variance", help="noise of the estimators on an image prior (figure 4)")
    for parser, run in (
        (bandwidth, lab_images.run_bandwidth),
        (heuristics, lab_images.run_heuristics),
        (image_variance, lab_images.run_image_variance),
    ):
        _add_scene(parser)
        _add_common(parser, out=True)
        parser.set_defaults(run=run)

    symmetry = tools.add_parser("symmetry", help="what becomes of a flat start where a pattern's phase is open")
    _add_common(symmetry, seeds=3, out=True)
    symmetry.set_defaults(run=experiments.run_symmetry)

    train = tools.add_parser("train", help="train the small network of a density")
    train.add_argument("--density", default="fractal")
    train.add_argument("--iterations", type=whole(1, 10**7), default=4096)
    train.add_argument("--weights", type=path_argument, help="where to write them (default: OUT/DENSITY.safetensors)")
    _add_common(train, out=True)
    train.set_defaults(run=experiments.run_train)

    everything = tools.add_parser("all", help="every table and figure")
    _add_scene(everything)
    _add_common(everything, seeds=3, out=True)
    everything.set_defaults(run=experiments.run_all)


def _add_densities(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--density", nargs="+", default=list(experiments.MAIN_DENSITIES), dest="densities")


def _add_scene(parser: argparse.ArgumentParser) -> None:
    add_prior(parser, "an image prior, as `priors` lists them, or stand-in (default: embedded)")
    parser.add_argument("--prompt", type=setting(Recipe, "prompt"), default="a red mushroom", help="what it shows")


def _add_common(parser: argparse.ArgumentParser, seeds: int | None = None, out: bool = False) -> None:
    add_json(parser)
    add_seed(parser)
    if seeds is not None:
        parser.add_argument(
            "--seeds", type=whole(1, 1000), default=seeds, metavar="N", help=f"how many seeds (default {seeds})"
        )
    if out:
        parser.add_argument(
            "--out", type=path_argument, default=Path("out/lab"), help="folder for JSON and PNG (out/lab)"
        )
