"""In which precision each of a model's networks is computed, by torch's names. Free of torch."""

from __future__ import annotations

from server.priors.pretrained.families import PretrainedModel

# Bytes of a number.
WIDTHS = {"float32": 4, "float16": 2, "bfloat16": 2}


def precision_names(model: PretrainedModel, on_processor: bool, has_bfloat16: bool, low_vram: bool) -> tuple[str, str]:
    """Of all networks but the autoencoder, and of the autoencoder.

    Stable Diffusion 1, 2 and XL were made for float16, which is eight times as fine as bfloat16; at the low noise of a
    run's end that shows in the gradient. Stable Diffusion 3 was made for bfloat16, and its numbers may leave float16's
    range. Autoencoders are computed in full precision, unless they say that they bear less or memory is short: then
    those of Stable Diffusion 1 and 2 in float16, and those of XL and 3, which overflow there, in bfloat16.
    """
    if on_processor:
        return "float32", "float32"
    half = "bfloat16" if model.family == "sd3" and has_bfloat16 else "float16"
    if not model.configs["vae"].get("force_upcast", True):
        return half, half
    short = "float16" if model.family == "sd" else "bfloat16" if has_bfloat16 else "float32"
    return half, short if low_vram else "float32"
