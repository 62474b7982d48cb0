"""One texture as it looks: what an independent judge sees in it, and how like it is to the prior's own samples."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from server.evaluation.likeness import band_powers, contrast, looks, resized, spectral_distance
from server.evaluation.prior import DDIM_STEPS, SIGMAS, judged
from server.evaluation.texture_gates import CONTRAST, within
from server.guidance.schedules import karras_grid
from server.priors.denoiser import Prior
from server.studio.sampling import draw_pictures
from server.training.judge import Judge
from server.world.captions import Caption

SAMPLES = 8
JUDGED_SIDE = 64


@dataclass(frozen=True)
class Reference:
    """The prior's own samples of a prompt.

    Attributes:
        first: one of them, [3, S, S] in [0, 1].
        contrast, powers: of all of them together, as server.evaluation.likeness.
        spectrum: mean `spectral_distance` of one of them from the others.
    """

    first: Tensor
    contrast: float
    powers: list[float]
    spectrum: float


def draw_reference(prior: Prior, prompt: str, size: int, device: str = "cpu") -> Reference:
    """DDIM samples at the prior's own guidance scale, the same for every call, made no larger than textures of `size`
    pixels."""
    sigmas = karras_grid(*SIGMAS, DDIM_STEPS)
    generator = torch.Generator().manual_seed(0)
    drawn, _ = draw_pictures(prior, prompt, SAMPLES, None, sigmas, generator, device=device)
    samples = torch.stack([resized(picture, min(size, prior.card.image_size)) for picture in drawn])
    powers = [band_powers(sample[None]) for sample in samples]
    mean = np.mean(powers, 0)
    others = [(SAMPLES * mean - one) / (SAMPLES - 1) for one in powers]
    spread = np.mean([spectral_distance(one, rest) for one, rest in zip(powers, others, strict=True)])
    return Reference(samples[0], contrast(samples), list(mean), float(spread))


def examine(tile: Tensor, caption: Caption, judge: Judge, reference: Reference) -> dict[str, Any]:
    """What a row says of a tile [3, S, S] in [0, 1] that should show the caption.

    The judge looks at it in the size that it knows and as it begins at 16 places, because whoever uses a tile sees it
    across its edges; name and colours are right when they are so at most of the 16. Stripes, checks and waves are right
    in their two colours either way round (server.training.judge.EVEN). Contrast and spectrum are compared in the
    reference's size: the prior's own shows all that the prior can know.
    """
    hits = judged(judge, looks(resized(tile, JUDGED_SIDE)), caption)
    name_right = 2 * sum(hit.name for hit in hits) > len(hits)
    colours_right = 2 * sum(hit.colour for hit in hits) > len(hits)
    seen = looks(resized(tile, reference.first.shape[-1]))
    ratio = contrast(seen) / max(reference.contrast, 1e-6)
    return {
        "name_right": name_right,
        "colours_right": colours_right,
        "right": name_right and colours_right,
        "seen": Counter(hit.seen for hit in hits).most_common(1)[0][0],
        "contrast": round(ratio, 3),
        "contrast_ok": within(ratio, CONTRAST),
        "spectrum": round(spectral_distance(band_powers(seen), reference.powers), 2),
        "usual_spectrum": round(reference.spectrum, 2),
    }
