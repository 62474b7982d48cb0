"""`python -m server evaluate prompts` from the command line."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from server.arguments import setting, whole
from server.commands.bars import CountingBar, counted
from server.commands.shared import add_device, add_json, add_prior, add_seed, check_folder, say
from server.files import save_results
from server.paths import path_argument
from server.recipe import Recipe


def add_prompts(subjects: Any) -> None:
    """Add it to the sub-parsers of `evaluate`; `args.run(args)` runs it."""
    prompts = subjects.add_parser("prompts", help="flat pictures of ten prompts (the paper's table 3)")
    add_prior(prompts, "a model, as `priors` lists them, or stand-in (default: stand-in)")
    prompts.set_defaults(prior="stand-in")
    add_device(prompts)
    add_seed(prompts, "the first of them")
    prompts.add_argument("--seeds", type=whole(1, 1000), default=1, help="how many seeds per prompt (default 1)")
    prompts.add_argument(
        "--prompts",
        type=setting(Recipe, "prompt"),
        nargs="+",
        metavar="PROMPT",
        help="default: ten of the procedural language; the paper's own are in its appendix B",
    )
    prompts.add_argument(
        "--methods",
        nargs="+",
        metavar="METHOD",
        help="as for `evaluate shapes` (default: sds sdi flow noised paper-inversion)",
    )
    prompts.add_argument(
        "--calls", type=whole(1, 10**7), default=1200, help="denoiser calls of every run (default 1200)"
    )
    prompts.add_argument(
        "--inception", type=path_argument, metavar="FILE", help="Inception as TorchScript, for FID as it is published"
    )
    prompts.add_argument(
        "--clip", type=path_argument, metavar="DIR", help="CLIP as transformers keep it, for CLIP similarity"
    )
    prompts.add_argument("--pictures", type=path_argument, help="folder for a sheet of each method, and for the rows")
    cache = Path(".cache/prior-data")
    prompts.add_argument("--cache", type=path_argument, default=cache, help="folder of the classifier")
    add_json(prompts)
    prompts.set_defaults(run=_prompts)


def _prompts(args: argparse.Namespace) -> dict[str, Any] | None:
    from server.evaluation.compared import STAND_IN, STAND_IN_FOLDER, load_compared
    from server.evaluation.features import (
        checked,
        clip_similarity,
        features_of_judge,
        inception_features,
        similarity_of_judge,
    )
    from server.evaluation.prompts import METHODS, PROMPTS, evaluate_prompts, planned_steps
    from server.lab.report import as_text, show
    from server.studio.threads import use_half_of_the_cores
    from server.training.judge import STEPS, trained_judge

    use_half_of_the_cores()
    for folder in filter(None, (args.cache, args.pictures)):
        check_folder(folder)
    prompts, methods = args.prompts or list(PROMPTS), args.methods or list(METHODS)
    prior = load_compared(args.prior, args.device)
    features = None if args.inception is None else inception_features(args.inception)
    similarity = None if args.clip is None else clip_similarity(args.clip)
    if features is None or similarity is None:
        with CountingBar(STEPS, "Classifier") as bar:
            judge = trained_judge(args.cache, STEPS, bar.step, counted)
        features = features or features_of_judge(judge)
        similarity = similarity or similarity_of_judge(judge)
    similarity = checked(similarity, prompts, prior.card.image_size)
    seeds = range(args.seed, args.seed + args.seeds)
    name = str(STAND_IN_FOLDER) if args.prior == STAND_IN else args.prior
    with CountingBar(planned_steps(len(prompts), len(methods), args.seeds), "Prompts") as bar:
        result = evaluate_prompts(
            prior, name, prompts, methods, seeds, args.calls, features, similarity, args.device, args.pictures, bar.step
        )
    seen = "Inception's features" if args.inception else "the classifier's features"
    fit = "CLIP similarity" if args.clip else "the classifier's probability of the prompt's words"
    whose = "prompts of your own" if args.prompts else "ten prompts of the procedural language"
    title = f"Table 3 with {args.prior}, {whose}: FID of {seen}, and {fit}"
    result = {"title": title, "paper": PAPER, **result}
    if args.pictures is not None:
        save_results({args.pictures / "prompts.json": f"{json.dumps(result, indent=1)}\n".encode()})
    say(result["warnings"])
    if args.json:
        return result
    columns = [("method", show("method")), ("FID", show("fid", 1)), ("similarity", show("similarity"))]
    print(title)
    print(as_text(result["rows"], [*columns, *((key, show(key)) for key in ("pictures", "steps", "calls", "seconds"))]))
    print(PAPER)
    return None


# What stands beside our rows.
PAPER = (
    "paper: Stable Diffusion, its own ten prompts, FID against DDIM samples and CLIP-L/14 similarity, of SDS, SDI and "
    "mean shift; it finds mean shift best in both. We have not seen the numbers; those here are of another kind."
)
