"""What `python -m server lab` runs: an experiment, its files, and its table."""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from server.commands.bars import CountingBar
from server.commands.lab_images import run_bandwidth, run_heuristics, run_image_variance
from server.commands.lab_results import answer, save
from server.commands.shared import check_folder, check_targets
from server.errors import BadRequest
from server.lab.report import SYMMETRY, TABLE1, TABLE2, UNSEEN, show

MAIN_DENSITIES = ("fractal", "spiral", "pinwheel")
Result = dict[str, Any]


def _check(args: argparse.Namespace) -> None:
    """Refuse at once what would fail later.

    Raises:
        BadRequest
    """
    from server.lab.densities import density

    for name in getattr(args, "densities", None) or [getattr(args, "density", "fractal")]:
        density(name)
    if hasattr(args, "out"):
        check_folder(args.out)


def run_field(args: argparse.Namespace) -> Result | None:
    from server.lab.field import lab_field

    _check(args)
    given = {"centre": args.centre, "kernel_time": args.kernel_time}
    paper = {name: value for name, value in given.items() if value is not None}
    result = lab_field(args.density, args.estimator, args.bandwidth, args.at, args.seed, args.interval, paper)
    if args.json and len(result["rows"]) == 1:
        return dict(result["rows"][0])
    keys = ("at", "log_density", "log_density_smoothed", "denoised", "mean_shift", "mean_shift_exact")
    columns = [(key.replace("_", " "), show(key, 6)) for key in keys]
    return answer(args, result, [*columns, ("calls", show("denoiser_calls"))])


def run_table1(args: argparse.Namespace) -> Result | None:
    from server.lab.figures import draw_efficiency
    from server.lab.table1 import METHODS, table1

    _check(args)
    with CountingBar(len(args.densities) * len(METHODS) * args.seeds, "table 1") as bar:
        result = table1(args.densities, args.bandwidth, args.seed, args.seeds, on_row=bar.step)
    save(args, "table1", result)
    draw_efficiency(result["rows"], args.out / "table1.png")
    return answer(args, result, TABLE1)


def run_table2(args: argparse.Namespace) -> Result | None:
    from server.lab.figures import draw_quality
    from server.lab.table2 import KNOWN, METHODS, denoiser_of, steps_of, table2

    _check(args)
    methods = args.method or list(METHODS)
    for method in methods:
        if method not in KNOWN:
            raise BadRequest("method-unknown", f"There is no method {method!r}.", f"Choose from: {', '.join(KNOWN)}.")
    for name in args.densities:
        for kind in args.denoiser:
            denoiser_of(name, kind, args.weights)
    total = len(args.densities) * len(args.denoiser) * args.seeds * sum(map(steps_of, methods))
    with CountingBar(total, "table 2") as bar:
        result = table2(args.densities, args.denoiser, methods, args.seed, args.seeds, bar.step, args.weights)
    save(args, "table2", result)
    draw_quality(result["rows"], args.out / "table2.png")
    return answer(args, result, TABLE2, UNSEEN)


def run_landscape(args: argparse.Namespace) -> Result | None:
    from server.lab.densities import CLASS_OF
    from server.lab.figures import draw_landscapes
    from server.lab.landscape import SHOWN, landscapes

    _check(args)
    shown = [(name, 1.0) for name in args.densities]
    shown += [(name, args.scale) for name in args.densities if name in CLASS_OF and args.scale != 1.0]
    rows = []
    with CountingBar(len(shown) * sum(draws for _, _, draws in SHOWN), "landscape") as bar:
        for name, scale in shown:
            # Every guided answer is two.
            size = args.size if scale == 1.0 else (args.size + 1) // 2
            result, found = landscapes(name, args.seed, bar.step, size, scale)
            file = f"landscape_{name}{'' if scale == 1.0 else '_guided'}.png"
            draw_landscapes(name, result["rows"], found, args.out / file)
            rows += result["rows"]
    save(args, "landscape", {"rows": rows})
    keys = ("density", "method", "scale", "bandwidth", "maximum", "log_density_there", "residual")
    columns = [(key.replace("_", " "), show(key)) for key in (*keys, "reconstruction_error")]
    return answer(args, {"rows": rows}, columns)


def run_samples(args: argparse.Namespace) -> Result | None:
    from server.lab.samples import METHODS

    return _run_samples(args, METHODS, "samples")


def run_circles(args: argparse.Namespace) -> Result | None:
    from server.lab.samples import INVERTING

    settings = {"densities": ["circles"]}
    return _run_samples(argparse.Namespace(**{**vars(args), **settings}), INVERTING, "circles")


def _run_samples(args: argparse.Namespace, methods: Sequence[str], name: str) -> Result | None:
    from server.lab.densities import CLASS_OF
    from server.lab.figures import draw_samples
    from server.lab.samples import samples
    from server.lab.table2 import steps_of

    _check(args)
    with_class = [density for density in args.densities if density in CLASS_OF]
    with CountingBar((len(args.densities) + len(with_class)) * sum(map(steps_of, methods)), name) as bar:
        result = samples(args.densities, methods, seed=args.seed, on_step=bar.step)
        guided = samples(with_class, methods, scale=4.0, seed=args.seed, on_step=bar.step)
    together = {"rows": result["rows"] + guided["rows"]}
    save(args, name, together)
    draw_samples(result["rows"], args.out / f"{name}.png", "400 points, ideal denoiser")
    if with_class:
        draw_samples(guided["rows"], args.out / f"{name}_guided.png", "One class of each density, guidance scale 4")
    keys = ("density", "method", "scale", "nll", "precision", "recall")
    return answer(args, together, [(key, show(key, 2)) for key in keys])


def run_stopping(args: argparse.Namespace) -> Result | None:
    from server.lab.stopping import CHECKS, METHODS, THRESHOLD, stopping
    from server.lab.stopping_figure import draw_stopping
    from server.lab.table2 import steps_of

    _check(args)
    with CountingBar(len(args.densities) * sum(map(steps_of, METHODS)), "stopping") as bar:
        result = stopping(args.densities, seed=args.seed, on_step=bar.step)
    save(args, "stopping", result)
    draw_stopping(result["rows"], args.out / "stopping.png")
    keys = ("density", "method", "steps", "stopped", "q_first", "q_end", "nll_stopped", "nll_end")
    note = f"Criterion: q below {THRESHOLD:g} for {CHECKS} updates. The paper's threshold is not known."
    return answer(args, result, [(key.replace("_", " "), show(key, 2)) for key in keys], note)


def run_variance(args: argparse.Namespace) -> Result | None:
    from server.lab.figures import draw_variance
    from server.lab.variance import BANDWIDTHS, METHODS, variance

    _check(args)
    with CountingBar(len(BANDWIDTHS) * len(METHODS), "variance") as bar:
        result = variance(args.density, seed=args.seed, on_row=bar.step)
    save(args, "variance", result)
    draw_variance(args.density, result["rows"], args.out / "variance.png", args.seed)
    keys = ("density", "method", "bandwidth", "noise_to_signal", "shell_ratio", "calls")
    return answer(args, result, [(key.replace("_", " "), show(key)) for key in keys])


def run_symmetry(args: argparse.Namespace) -> Result | None:
    from server.lab.symmetry import CONDITIONS, symmetry
    from server.lab.symmetry_figure import draw_symmetry
    from server.lab.textures import TEXTURES

    _check(args)
    with CountingBar(len(TEXTURES) * len(CONDITIONS) * args.seeds, "symmetry") as bar:
        result = symmetry(seed=args.seed, seeds=args.seeds, on_run=bar.step)
    save(args, "symmetry", result)
    draw_symmetry(result["rows"], args.out / "symmetry.png")
    return answer(args, result, SYMMETRY)


def run_train(args: argparse.Namespace) -> Result | None:
    import torch

    from server.lab.densities import density
    from server.lab.learned import save_weights, score_errors, train

    _check(args)
    path = args.weights or args.out / f"{args.density}.safetensors"
    check_targets(path)
    mixture = density(args.density)
    generator = torch.Generator().manual_seed(args.seed)
    started = time.monotonic()
    with CountingBar(args.iterations, f"train {args.density}") as bar:
        network = train(mixture, generator, args.iterations, on_step=lambda step, loss: bar.step(f"loss {loss:.4f}"))
    seconds = time.monotonic() - started
    save_weights(network, path)
    rows = []
    for sigma in (0.01, 0.05, 0.2, 1.0):
        clean = mixture.sample(2000, generator)
        noisy = clean + sigma * torch.randn(clean.shape, generator=generator, dtype=clean.dtype)
        rows.append(
            {"density": args.density, "sigma": sigma, "noise_error": score_errors(network, mixture, noisy, sigma)}
        )
    result = {"rows": rows, "weights": str(path), "iterations": args.iterations, "seconds": seconds}
    if not args.json:
        print(f"wrote {path} after {seconds:.0f} s")
    return answer(
        args,
        result,
        [("density", show("density")), ("sigma", show("sigma", 2)), ("RMS error of the noise", show("noise_error"))],
    )


# Each with what its own command would have as defaults.
EVERYTHING: list[tuple[str, Callable[[argparse.Namespace], Result | None], dict[str, Any]]] = [
    ("table1", run_table1, {"densities": list(MAIN_DENSITIES), "bandwidth": 0.2}),
    ("landscape", run_landscape, {"densities": list(MAIN_DENSITIES), "scale": 4.0, "size": 81}),
    ("variance", run_variance, {"density": "fractal"}),
    ("samples", run_samples, {"densities": list(MAIN_DENSITIES)}),
    ("circles", run_circles, {}),
    ("stopping", run_stopping, {"densities": list(MAIN_DENSITIES)}),
    ("bandwidth", run_bandwidth, {}),
    ("heuristics", run_heuristics, {}),
    ("image-variance", run_image_variance, {}),
    ("symmetry", run_symmetry, {}),
    (
        "table2",
        run_table2,
        {
            "densities": list(MAIN_DENSITIES),
            "denoiser": ["ideal", "samples", "learned"],
            "method": None,
            "weights": None,
        },
    ),
]


def run_all(args: argparse.Namespace) -> Result | None:
    _check(args)
    results: Result = {}
    started = time.monotonic()
    for name, run, settings in EVERYTHING:
        if not args.json:
            print(f"\n{name}")
        results[name] = run(argparse.Namespace(**{**vars(args), **settings}))
    if not args.json:
        print(f"\nwrote {args.out}/ in {math.ceil((time.monotonic() - started) / 60)} minutes")
        return None
    results["seconds"] = time.monotonic() - started
    return results
