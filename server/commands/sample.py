"""`python -m server sample PROMPT`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from server.arguments import real, setting, whole
from server.commands.bars import CountingBar
from server.commands.shared import add_common, add_lora, add_low_vram, check_suffix, check_targets, say
from server.files import save_results
from server.paths import path_argument
from server.recipe import GuidanceRecipe, Recipe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_common(parser)
    parser.add_argument("prompt", metavar="PROMPT", type=setting(Recipe, "prompt"))
    parser.add_argument("--out", type=path_argument, default=Path("sample.png"))
    parser.add_argument("--steps", type=whole(1, 1000), default=30, help="sampler steps")
    parser.add_argument("--count", type=whole(1, 64), default=1, help="how many, side by side")
    parser.add_argument("--azimuth", type=real(-360, 360), help="seen from this angle in degrees; 0 is the front")
    parser.add_argument(
        "--scale", type=setting(GuidanceRecipe, "scale"), help="guidance scale (default: the prior's own)"
    )
    add_low_vram(parser)
    add_lora(parser)
    parser.set_defaults(run=_sample)


def _sample(args: argparse.Namespace) -> dict[str, Any]:
    import tempfile

    from server.priors.catalogue import check_loras, check_prompt, load_prior
    from server.studio.sampling import draw_samples

    check_suffix(args.out, (".png",))
    warnings = say(check_prompt(args.prior, args.prompt, None))
    check_loras(args.prior, args.lora)
    check_targets(args.out)
    with CountingBar(args.steps, "Sampling") as bar, tempfile.TemporaryDirectory() as folder:
        drawn = Path(folder) / "sample.png"
        prior = load_prior(args.prior, args.device, args.low_vram, args.lora)
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
            bar.step,
        )
        save_results({args.out: drawn.read_bytes()})
    done = {"prompt": args.prompt, "seed": args.seed, "out": str(args.out), "denoiser_calls": calls}
    return {**done, "warnings": warnings}
