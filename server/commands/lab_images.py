"""What `python -m server lab` runs on an image prior: an experiment, its files, and its table."""

from __future__ import annotations

import argparse
from typing import Any

from server.commands.bars import CountingBar
from server.commands.lab_results import answer, save
from server.commands.shared import check_folder
from server.lab.report import show

Result = dict[str, Any]


def _scene(args: argparse.Namespace) -> Any:
    from server.evaluation.compared import load_compared
    from server.lab.scene import Scene
    from server.studio.threads import use_half_of_the_cores

    use_half_of_the_cores()
    check_folder(args.out)
    return Scene(load_compared(args.prior), args.prompt)


def run_bandwidth(args: argparse.Namespace) -> Result | None:
    from server.lab.bandwidth import bandwidth, planned_steps
    from server.lab.image_figures import draw_bandwidth

    scene = _scene(args)
    with CountingBar(planned_steps(), "bandwidth") as bar:
        result, shown = bandwidth(scene, args.seed, on_step=bar.step)
    save(args, "bandwidth", result)
    draw_bandwidth(result, shown, args.out / "bandwidth.png")
    keys = ("method", "iterate", "bandwidth", "spread", "distance", "shell_ratio", "calls")
    return answer(
        args, result, [(key.replace("_", " "), show(key)) for key in keys], "The paper prints pictures alone."
    )


def run_heuristics(args: argparse.Namespace) -> Result | None:
    from server.lab.heuristics import CONDITIONS, STEPS, heuristics
    from server.lab.image_figures import draw_heuristics

    scene = _scene(args)
    with CountingBar(len(CONDITIONS) * STEPS, "heuristics") as bar:
        result, pictures = heuristics(scene, args.seed, on_step=bar.step)
    save(args, "heuristics", result)
    draw_heuristics(result, pictures, args.out / "heuristics.png")
    keys = ("condition", "shell_ratio", "q", "off_manifold", "detail", "contrast")
    return answer(
        args, result, [(key.replace("_", " "), show(key)) for key in keys], "The paper prints pictures alone."
    )


def run_image_variance(args: argparse.Namespace) -> Result | None:
    from server.lab.image_figures import draw_image_variance
    from server.lab.image_variance import BANDWIDTHS, METHODS, image_variance

    scene = _scene(args)
    with CountingBar(len(METHODS) * len(BANDWIDTHS), "variance") as bar:
        result = image_variance(scene, seed=args.seed, on_row=bar.step)
    save(args, "image_variance", result)
    draw_image_variance(result, args.out / "image_variance.png")
    keys = ("method", "bandwidth", "noise_to_signal", "shell_ratio", "calls")
    return answer(
        args, result, [(key.replace("_", " "), show(key)) for key in keys], "The paper prints pictures alone."
    )
