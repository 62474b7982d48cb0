"""The command line: `python -m server COMMAND`. Thin: reads arguments, calls one room, prints.

Heavy modules are imported inside the commands, so that --help and wrong usage answer at once.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from server.arguments import Pair, field, real, whole
from server.console import silence
from server.errors import BadRequest, Cancelled, Problem, disk_problem
from server.files import beside
from server.finish_cli import FORMATS as MESH_FORMATS
from server.finish_cli import add_arguments as add_finish
from server.finish_cli import add_mesh_arguments, mesh_wishes
from server.out_files import check_folder, check_suffix, check_targets, save_results
from server.paths import path_argument
from server.recipe import GuidanceRecipe, Recipe, TextureRecipe

GOES_ON = "The same command goes on from about here."


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadRequest("usage-wrong", f"{self.prog}: {' '.join(message.split())}.", f"See {self.prog} --help.")


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns the exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    as_json = "--json" in (sys.argv[1:] if arguments is None else arguments)
    try:
        code = _run(arguments, as_json)
        sys.stdout.flush()
    except OSError as error:
        silence(sys.stdout)
        print(f"The answer could not be printed: {error.strerror}. Files are written.", file=sys.stderr)
        return 1
    return code


def _run(arguments: list[str] | None, as_json: bool) -> int:
    args = argparse.Namespace()
    try:
        args = _build_parser().parse_args(arguments)
        result = args.run(args)
    except Problem as problem:
        return _report(problem, as_json)
    except OSError as error:
        return _report(disk_problem(error, safe=getattr(args, "resumes", "")), as_json)
    except (KeyboardInterrupt, Cancelled):
        print(getattr(args, "interrupted", "Interrupted: nothing was saved."), file=sys.stderr)
        return 130
    if result is not None:
        print(json.dumps(result) if args.json else _readable(result))
    return 0


def _report(problem: Problem, as_json: bool) -> int:
    if as_json:
        print(json.dumps({"error": problem.as_json()}))
    print(f"{problem.message} {problem.hint}".strip(), file=sys.stderr)
    return problem.exit_code


def _build_parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m server", description=__import__("server").__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    mesh = commands.add_parser("mesh", help="make a mesh from a prompt")
    _add_making(mesh, out="mesh.glb")
    add_mesh_arguments(mesh)
    mesh.add_argument(
        "--field", type=path_argument, metavar="FILE", help="keep the field here (.safetensors), for `finish`"
    )
    mesh.set_defaults(run=_mesh)
    add_finish(commands)

    texture = commands.add_parser("texture", help="make a texture from a prompt")
    _add_making(texture, out="texture.png")
    texture.add_argument("--size", type=_size, default=None, metavar="N|WxH", help="in pixels (default 512)")
    texture.add_argument("--tile", action="store_true", help="make it seamless in both directions")
    texture.set_defaults(run=_texture)

    sample = commands.add_parser("sample", help="draw plain samples of a prior, without distillation")
    _add_common(sample)
    sample.add_argument("prompt", metavar="PROMPT", type=field(Recipe, "prompt"))
    sample.add_argument("--out", type=path_argument, default=Path("sample.png"))
    sample.add_argument("--steps", type=whole(1, 1000), default=30, help="sampler steps")
    sample.add_argument("--count", type=whole(1, 64), default=1, help="how many, side by side")
    sample.add_argument("--azimuth", type=real(-360, 360), help="seen from this angle in degrees; 0 is the front")
    sample.add_argument(
        "--scale", type=field(GuidanceRecipe, "scale"), help="guidance scale (default: the prior's own)"
    )
    _add_low_vram(sample)
    sample.set_defaults(run=_sample)

    serve = commands.add_parser("serve", help="run the server that the extension talks to")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=whole(0, 65535), default=0, help="0 takes a free one")
    serve.add_argument("--data-dir", type=path_argument, required=True, help="where jobs, results and server.json live")
    serve.add_argument("--parent-pid", type=whole(1, 2**31 - 1), help="stop when this process is gone")
    serve.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, or several with commas")
    _add_folders(serve)
    _add_low_vram(serve)
    serve.set_defaults(run=_serve, json=False)

    priors = commands.add_parser("priors", help="list the models that can be used here, and what each needs")
    _add_folders(priors)
    priors.add_argument("--json", action="store_true", help="print one JSON document on stdout and nothing else")
    priors.set_defaults(run=_priors)

    doctor = commands.add_parser("doctor", help="say what runs here, and why")
    doctor.add_argument("--json", action="store_true")
    doctor.set_defaults(run=_doctor)

    from server.bench.cli import add_arguments as add_bench
    from server.evaluation.cli import add_arguments as add_evaluate
    from server.lab.cli import add_arguments as add_lab
    from server.priors.embedded.plan import add_arguments

    add_evaluate(commands)
    add_lab(commands)
    add_bench(commands)
    training = commands.add_parser("train-prior", help="train the small prior on procedural pictures; resumable")
    add_arguments(training)
    training.add_argument("--json", action="store_true", help="print one JSON document on stdout and nothing else")
    resumes = "The same command goes on from the last checkpoint."
    training.set_defaults(run=_train_prior, resumes=resumes, interrupted=f"Interrupted. {resumes}")
    from server.commands.train import add_arguments as add_train

    add_train(commands.add_parser("train", help="train a model for this program's tests; resumable"))
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--prior", default="embedded", help="a model, as `priors` lists them (default: embedded)")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"), help="default: cpu")
    parser.add_argument("--seed", type=field(Recipe, "seed"), default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout and nothing else")


def _add_folders(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--folder",
        type=path_argument,
        action="append",
        default=[],
        metavar="DIR",
        help="look for models here too: a model, or a folder of models; may be given several times",
    )


def _add_making(parser: argparse.ArgumentParser, out: str) -> None:
    parser.set_defaults(resumes=GOES_ON, interrupted=f"Interrupted. {GOES_ON}")
    _add_common(parser)
    parser.add_argument("prompt", metavar="PROMPT", type=field(Recipe, "prompt"))
    parser.add_argument("--out", type=path_argument, default=Path(out))
    _add_low_vram(parser)
    parser.add_argument("--negative-prompt", type=field(Recipe, "negative_prompt"), default="")
    parser.add_argument(
        "--perpendicular-negative",
        action="store_true",
        default=None,
        help="avoid only what the negative prompt does not share with the prompt",
    )
    parser.add_argument("--preset", default="standard", help="sketch, standard or fine")
    parser.add_argument("--steps", type=field(Recipe, "steps"), help="optimisation steps (default: the preset's)")
    parser.add_argument(
        "--time-budget", type=field(Recipe, "time_budget_s"), metavar="SECONDS", help="stop optimising after this long"
    )
    parser.add_argument(
        "--render-size", type=field(Recipe, "render_size"), help="pixels per side of the training renders"
    )
    parser.add_argument("--views", type=field(Recipe, "views_per_step"), help="views per step")
    parser.add_argument("--method", help="msd (mean-shift distillation), sds or sdi")
    parser.add_argument("--estimator", help="paper, exact, tweedie or noised")
    parser.add_argument("--noise", help="fresh, attached to what is made, or view (default: the prior's own)")
    parser.add_argument(
        "--scale", type=field(GuidanceRecipe, "scale"), help="guidance scale (default: the prior's own)"
    )
    parser.add_argument("--bandwidth-start", type=field(GuidanceRecipe, "bandwidth_start"))
    parser.add_argument("--bandwidth-end", type=field(GuidanceRecipe, "bandwidth_end"))


def _add_low_vram(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--low-vram", action="store_true", help="less graphics memory for large models, more time")


def _size(text: str) -> tuple[int, int]:
    side = field(TextureRecipe, "width")
    found: tuple[int, int] = Pair(side, "WxH", "x")(text.lower()) if "x" in text.lower() else (side(text), side(text))
    return found


def _recipe_of(args: argparse.Namespace, kind: str, **parts: dict[str, Any]) -> dict[str, Any]:
    """The recipe that the arguments ask for; what was not given is left to the preset."""
    guidance = {
        "method": args.method,
        "estimator": args.estimator,
        "noise": args.noise,
        "scale": args.scale,
        "bandwidth_start": args.bandwidth_start,
        "bandwidth_end": args.bandwidth_end,
        "perpendicular_negative": args.perpendicular_negative,
    }
    asked = {
        "steps": args.steps,
        "time_budget_s": args.time_budget,
        "render_size": args.render_size,
        "views_per_step": args.views,
        "guidance": _given(guidance),
        **{name: _given(part) for name, part in parts.items()},
    }
    return {
        "kind": kind,
        "prompt": args.prompt,
        "negative_prompt": args.negative_prompt,
        "seed": args.seed,
        "prior": args.prior,
        "preset": args.preset,
        **_given(asked),
    }


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _mesh(args: argparse.Namespace) -> dict[str, Any]:
    check_suffix(args.out, MESH_FORMATS)
    files = [args.out]
    if args.field is not None:
        check_suffix(args.field, (".safetensors",))
        files.append(args.field)

    def keep(folder: Path) -> None:
        from server.studio.finishing import deliver

        deliver(folder, args.out, args.prompt, args.field, GOES_ON)

    return _make(_recipe_of(args, "mesh", mesh=mesh_wishes(args)), args, files, keep)


def _texture(args: argparse.Namespace) -> dict[str, Any]:
    check_suffix(args.out, (".png",))
    width, height = args.size or (None, None)
    texture = {"width": width, "height": height, "tile_x": args.tile, "tile_y": args.tile}
    recipe = _recipe_of(args, "texture", texture=texture)

    def keep(folder: Path) -> None:
        save_results({args.out: (folder / "texture.png").read_bytes()}, GOES_ON)

    return _make(recipe, args, [args.out], keep)


def _make(
    recipe_data: dict[str, Any], args: argparse.Namespace, files: list[Path], keep: Callable[[Path], object]
) -> dict[str, Any]:
    """Make it in this process, showing a progress bar on stderr; `keep` takes `files` out of the folder."""
    import tempfile

    from server.priors.catalogue import check_prompt, load_prior
    from server.progress_bar import ProgressBar
    from server.recipe import read_recipe

    recipe = read_recipe(recipe_data)
    warnings = _say(check_prompt(recipe.prior, recipe.prompt, recipe.kind, recipe.negative_prompt))
    check_targets(*files)
    with ProgressBar() as bar, tempfile.TemporaryDirectory() as folder:
        from server.studio.production import produce
        from server.studio.threads import use_half_of_the_cores

        use_half_of_the_cores()
        prior = load_prior(recipe.prior, args.device, args.low_vram)
        unfinished = beside(args.out, ".unfinished")
        report = produce(recipe, prior, Path(folder), bar, lambda: None, args.device, unfinished, keep)
        shutil.rmtree(unfinished, ignore_errors=True)
    del report["artifacts"]
    return {"prompt": recipe.prompt, "seed": recipe.seed, "out": str(args.out), **report, "warnings": warnings}


def _say(warnings: list[str]) -> list[str]:
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return warnings


def _sample(args: argparse.Namespace) -> dict[str, Any]:
    import tempfile

    from tqdm import tqdm

    from server.priors.catalogue import check_prompt, load_prior
    from server.studio.sampling import draw_samples

    check_suffix(args.out, (".png",))
    warnings = _say(check_prompt(args.prior, args.prompt, None))
    check_targets(args.out)
    with tqdm(total=args.steps, desc="Sampling") as bar, tempfile.TemporaryDirectory() as folder:
        drawn = Path(folder) / "sample.png"
        prior = load_prior(args.prior, args.device, args.low_vram)
        calls = draw_samples(
            prior,
            args.prompt,
            args.count,
            args.steps,
            args.seed,
            drawn,
            args.scale,
            args.azimuth,
            args.device,
            bar.update,
        )
        save_results({args.out: drawn.read_bytes()})
    done = {"prompt": args.prompt, "seed": args.seed, "out": str(args.out), "denoiser_calls": calls}
    return {**done, "warnings": warnings}


def _serve(args: argparse.Namespace) -> None:
    from server.api.serving import serve

    folders = tuple(folder.absolute() for folder in args.folder)
    serve(args.host, args.port, args.data_dir, args.device, args.parent_pid, folders, args.low_vram)


def _priors(args: argparse.Namespace) -> dict[str, Any] | None:
    from server.priors.catalogue import list_priors
    from server.priors.listing import describe

    priors = list_priors(args.folder)
    if args.json:
        return {"priors": [prior.as_json() for prior in priors]}
    print(describe(priors))
    return None


def _doctor(args: argparse.Namespace) -> dict[str, Any] | None:
    from server.doctor import describe, examine

    report = examine()
    if args.json:
        return report
    print(describe(report))
    return None


def _train_prior(args: argparse.Namespace) -> dict[str, Any]:
    from server.priors.embedded.training import train

    for folder in (args.out, args.cache):
        check_folder(folder)
    return train(args)


def _readable(result: dict[str, Any]) -> str:
    if "rows" in result:
        rows = result["rows"]
        names = list(rows[0]) if rows else []
        lines = ["  ".join(names), *("  ".join(str(row[name]) for name in names) for row in rows)]
        return "\n".join(lines)
    # Warnings were said before the work began.
    shown = {key: value for key, value in result.items() if key != "warnings"}
    return "\n".join(f"{key.replace('_', ' ')}: {value}" for key, value in shown.items())
