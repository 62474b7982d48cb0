"""`python -m server bench ...`: seconds of each part, on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, get_args

from server.accelerators import NAMES
from server.arguments import device, setting
from server.commands.bars import CountingBar, ProgressBar
from server.commands.shared import add_device, add_json, add_prior
from server.errors import BadRequest
from server.paths import path_argument
from server.recipe import EstimatorName, MeshRecipe, Recipe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    subjects = parser.add_subparsers(dest="subject", required=True, metavar="WHAT", parser_class=type(parser))
    mesh = subjects.add_parser("mesh", help="from a field to files, phase by phase, without evaluating the field")
    mesh.add_argument("--shape", default="duck", help="a known object (default: duck)")
    mesh.add_argument("--faces", type=setting(MeshRecipe, "faces"), default=20_000, help="face budget (default: 20000)")
    mesh.add_argument(
        "--texture-size",
        type=setting(MeshRecipe, "texture_size"),
        default=1024,
        metavar="N",
        help="side of the maps (default: 1024)",
    )
    add_json(mesh)
    mesh.set_defaults(run=_mesh)

    rates = subjects.add_parser("field", help="points a second of the radiance field, and the parts of a training step")
    _add_question(rates)
    rates.add_argument(
        "--steps", type=setting(Recipe, "steps"), default=100, help="of the timed optimisation (default: 100)"
    )
    rates.add_argument(
        "--render-size",
        type=setting(Recipe, "render_size"),
        help="pixels per side (default: 64, or fewer for a smaller prior)",
    )
    rates.set_defaults(run=_field)

    step = subjects.add_parser("step", help="a whole training step beside its bare denoiser calls, and its memory")
    _add_question(step)
    step.add_argument("--steps", type=setting(Recipe, "steps"), default=10, help="timed at each size (default: 10)")
    step.add_argument(
        "--sizes",
        type=setting(Recipe, "render_size"),
        nargs="+",
        default=[64, 512],
        metavar="N",
        help="pixels per side (default: 64 512)",
    )
    step.add_argument("--estimator", choices=get_args(EstimatorName), help="of the mean shift (default: the prior's)")
    step.set_defaults(run=_step)

    prior = subjects.add_parser("prior", help="evaluations a second of a prior's network, by batch size")
    _add_question(prior)
    prior.set_defaults(run=_prior)

    presets = subjects.add_parser("presets", help="how long a job of each preset takes here, from short real jobs")
    add_device(presets)
    presets.add_argument("--out", type=path_argument, required=True, metavar="DIR", help="where their results go")
    add_json(presets)
    presets.set_defaults(run=_presets)

    gpu = subjects.add_parser("gpu", help="all that is to be known of an accelerator, in under ten minutes")
    gpu.add_argument("--device", type=device, default="auto", help=f"{NAMES} (default: auto)")
    gpu.add_argument("--out", type=path_argument, default=Path("docs/gpu.md"), help="page whose table is written")
    add_json(gpu)
    gpu.set_defaults(run=_gpu)


def _add_question(parser: argparse.ArgumentParser) -> None:
    add_prior(parser)
    parser.add_argument("--prompt", type=setting(Recipe, "prompt"), default="a yellow duck")
    add_device(parser)
    add_json(parser)


def _gpu(args: argparse.Namespace) -> dict[str, Any] | None:
    import sys

    from server.bench.gpu import BEGIN, END, as_table, bench_gpu, write_page

    if args.device == "cpu":
        raise BadRequest("device-unavailable", "There is no accelerator here.", "Run this where there is one.")
    if not args.out.is_file() or not all(mark in args.out.read_text(encoding="utf-8") for mark in (BEGIN, END)):
        raise BadRequest("file-unusable", f"{args.out} has no place for a table.", "Name the page docs/gpu.md.")
    found = bench_gpu(args.device, on_part=lambda part: print(part, file=sys.stderr))
    found["machine"]["json"] = str(write_page(found, args.out))
    if args.json:
        return found
    print(as_table(found))
    return None


def _mesh(args: argparse.Namespace) -> dict[str, Any] | None:
    from server.bench.mesh import bench_mesh

    result = bench_mesh(args.shape, args.faces, args.texture_size)
    if args.json:
        return result
    for phase, seconds in {**result["phases"], "total": result["total"]}.items():
        print(f"{phase:10s} {seconds:6.2f} s")
    return None


def _field(args: argparse.Namespace) -> dict[str, Any] | None:
    from server.bench.field import backends, bench_field
    from server.priors.catalogue import load_prior
    from server.recipe import read_recipe
    from server.studio.threads import use_half_of_the_cores

    asked = {"kind": "mesh", "prompt": args.prompt, "prior": args.prior, "preset": "sketch", "steps": args.steps}
    recipe = read_recipe(asked | ({} if args.render_size is None else {"render_size": args.render_size}))
    threads = use_half_of_the_cores()
    prior = load_prior(args.prior, args.device)
    with CountingBar(args.steps * len(backends(args.device)), "Steps") as bar:
        result = bench_field(recipe, prior, args.device, bar.step)
    if args.json:
        return {"device": args.device, "threads": threads, **result}
    for name, backend in result["backends"].items():
        step, rates = result["step"][name], backend["mpoints_per_s"]
        print(f"{name}: {backend['why']}")
        print("  million points/s:  " + "  ".join(f"{key.replace('_', ' ')} {rates[key]}" for key in rates))
        parts = {key: value for key, value in step.items() if key not in ("steps", "peak_mib")}
        print("  ms a training step:  " + "  ".join(f"{key} {value * 1000:.1f}" for key, value in parts.items()))
        if "peak_mib" in step:
            print(f"  peak memory:  {step['peak_mib']} MiB")
    return None


def _step(args: argparse.Namespace) -> dict[str, Any] | None:
    from server.bench.step import bench_step
    from server.priors.catalogue import load_prior
    from server.recipe import read_recipe
    from server.studio.threads import use_half_of_the_cores

    asked: dict[str, Any] = {"kind": "mesh", "prompt": args.prompt, "prior": args.prior, "steps": args.steps}
    asked["guidance"] = {"estimator": args.estimator}
    recipes = [read_recipe(asked | {"render_size": size}) for size in args.sizes]
    threads = use_half_of_the_cores()
    prior = load_prior(args.prior, args.device)
    with CountingBar((args.steps + 1) * len(args.sizes), "Steps") as bar:
        sizes = {
            str(size): bench_step(recipe, prior, size, args.steps, args.device, bar.step)
            for size, recipe in zip(args.sizes, recipes, strict=True)
        }
    if args.json:
        estimator = args.estimator or prior.card.estimator
        return {"device": args.device, "threads": threads, "estimator": estimator, "sizes": sizes}
    for timed in sizes.values():
        print(
            f"{timed['render_size']:4d} pixels: {timed['step'] * 1000:.1f} ms a step, {timed['ratio']:.2f} times its "
            f"{timed['denoiser_calls']} denoiser calls ({timed['denoiser'] * 1000:.1f} ms); encoding "
            f"{timed['encoding'] * 1000:.1f} ms" + (f"; {timed['peak_mib']} MiB" if "peak_mib" in timed else "")
        )
    return None


def _prior(args: argparse.Namespace) -> dict[str, Any] | None:
    from server.bench.prior import bench_prior
    from server.priors.catalogue import load_prior
    from server.studio.threads import use_half_of_the_cores

    threads = use_half_of_the_cores()
    rates = bench_prior(load_prior(args.prior, args.device), args.prompt, args.device)
    if args.json:
        return {"prior": args.prior, "device": args.device, "threads": threads, "evaluations_per_s": rates}
    for batch, rate in rates.items():
        print(f"batch {batch:>3s} {rate:8.1f} evaluations/s")
    return None


def _presets(args: argparse.Namespace) -> dict[str, Any] | None:
    from server.bench.presets import bench_presets
    from server.priors.catalogue import load_prior
    from server.studio.threads import use_half_of_the_cores

    use_half_of_the_cores()
    with ProgressBar() as bar:
        times = bench_presets(load_prior("embedded", args.device), args.device, args.out, bar)
    if args.json:
        return {"device": args.device, "times": times}
    for kind, presets in times.items():
        print(f"{kind}: " + "  ".join(f"{name} {seconds:.0f} s" for name, seconds in presets.items()))
    return None
