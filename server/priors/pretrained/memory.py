"""How much memory a model will need, from its files' headers, before any of it is asked for. Free of torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from server.accelerators import has_bfloat16, kind_of, memory_of
from server.errors import BadRequest
from server.priors.pretrained.families import FAMILIES, PretrainedModel
from server.priors.pretrained.folder import find_weights
from server.priors.pretrained.header import read_header
from server.priors.pretrained.single_file import read_usual_header
from server.priors.pretrained.widths import WIDTHS, precision_names

# Pictures of the autoencoder's first level that are in memory together when all that can be is computed again: 15.3 by
# counting live tensors, at the sizes of Stable Diffusion 1.5 and XL alike.
ENCODER_TENSORS = 16
# The same of the denoiser, for each of the three answers that guidance asks for at most; a guess, for attention that
# keeps no matrix of all pairs.
DENOISER_TENSORS, BRANCHES = 16, 3
# The field of an object, its optimiser, and a rendering of 512 pixels; a guess that no card has confirmed.
FIELD_BYTES = 1.5e9
SMALLER = "Stable Diffusion 1.5 needs about 6 GB on a graphics card, and 4.5 with --low-vram"


@dataclass(frozen=True)
class Need:
    """Bytes on the device, and in main memory beside it (none beside a processor, which has one memory)."""

    device: float
    main: float


def count_weights(model: PretrainedModel) -> dict[str, int]:
    """How many numbers each part of the model has, by the headers of its files."""
    if not model.prefixes:
        files = {part: find_weights(model.path / part, part)[1] for part in model.configs}
        return {part: sum(map(_in_shapes, (read_header(file).shapes for file in files[part]))) for part in files}
    shapes = read_usual_header(model.path).shapes
    prefixes = {part: model.prefixes[part] for part in model.configs}
    return {
        part: _in_shapes({name: shape for name, shape in shapes.items() if name.startswith(prefix)})
        for part, prefix in prefixes.items()
    }


def estimate(
    model: PretrainedModel,
    weights: Mapping[str, int],
    device: str,
    low_vram: bool = False,
    wide: bool | None = None,
) -> Need:
    """What loading the model and one job with it will take.

    Args:
        weights: as `count_weights` tells them of it.
        wide: whether the device computes in bfloat16; None asks it, which takes torch.
    """
    on_processor = kind_of(device) == "cpu"
    if wide is None:
        wide = not on_processor and has_bfloat16(device)
    of_networks, of_vae = (WIDTHS[name] for name in precision_names(model, on_processor, wide, low_vram))
    family = FAMILIES[model.family]
    sizes = {part: number * (of_vae if part == "vae" else of_networks) for part, number in weights.items()}
    resident = sizes.pop(family.denoiser) + sizes.pop("vae")
    texts, largest = sum(sizes.values()), max(sizes.values())
    side = model.card.image_size
    encoder = ENCODER_TENSORS * side**2 * model.configs["vae"]["block_out_channels"][0] * of_vae
    together = 1 if low_vram else BRANCHES
    denoiser = together * DENOISER_TENSORS * _denoiser_level(model) * of_networks
    work = max(encoder, denoiser) + FIELD_BYTES
    if on_processor:
        return Need(resident + texts + work, 0.0)
    # Text encoders visit the device one at a time, while nothing else is computed.
    return Need(resident + max(work, 0 if low_vram else largest), texts)


def check_memory(model: PretrainedModel, device: str, low_vram: bool = False) -> None:
    """Refuse what will not fit, while there is nothing to lose.

    Raises:
        BadRequest: "memory-short", with what is needed, what is free, and what would do.
    """
    weights = count_weights(model)
    need = estimate(model, weights, device, low_vram)
    for where, name, bytes_needed in ((device, device, need.device), ("cpu", "main memory", need.main)):
        memory = memory_of(where)
        if memory is None or bytes_needed <= memory[0]:
            continue
        raise BadRequest(
            "memory-short",
            f"{model.path.name} needs about {_gb(bytes_needed)} GB of {'memory' if name == 'cpu' else name}, and "
            f"{_gb(memory[0])} of {_gb(memory[1])} GB are free.",
            _hint(model, weights, device, low_vram, memory[0]),
        )


def _hint(model: PretrainedModel, weights: Mapping[str, int], device: str, low_vram: bool, free: float) -> str:
    if kind_of(device) != "cpu" and not low_vram:
        spare = estimate(model, weights, device, low_vram=True)
        if spare.device <= free:
            return f"With --low-vram it needs about {_gb(spare.device)} GB. Or close other programs."
    return f"Close other programs, or take a smaller model: {SMALLER}."


def _in_shapes(shapes: Mapping[str, Sequence[int]]) -> int:
    return sum(map(math.prod, shapes.values()))


def _denoiser_level(model: PretrainedModel) -> int:
    """Numbers in a picture of the denoiser's first level."""
    config = model.configs[FAMILIES[model.family].denoiser]
    side = model.card.latent_shape[1]
    if model.family == "sd3":
        return (side // config["patch_size"]) ** 2 * config["num_attention_heads"] * config["attention_head_dim"] * 4
    return int(side**2 * config["block_out_channels"][0])


def _gb(size: float) -> str:
    return f"{size / 1e9:.1f}"
