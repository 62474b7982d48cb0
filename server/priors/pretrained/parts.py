"""Whether the networks of a model, by their configurations, belong together. Free of torch."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from server.priors.pretrained.families import FAMILIES, SUPPORTED, FamilyName, broken

# UNet options of other families (distilled guidance, class labels, image prompts) that need inputs we do not make.
FOREIGN_UNET_OPTIONS = ("class_embed_type", "encoder_hid_dim_type")
MOST_LATENTS = 1024
AGAIN = "Copy or download the whole folder again."


def check_parts(path: Path, family: FamilyName, configs: dict[str, dict[str, Any]]) -> int:
    """Whether the parts fit each other; returns the side of the latents.

    Raises:
        BadRequest: "prior-broken", naming what does not fit.
    """
    denoiser, vae = configs[FAMILIES[family].denoiser], configs["vae"]
    for name in ("latent_channels", "block_out_channels"):
        if name not in vae:
            raise broken(f"{path}: vae/config.json gives no {name}.", AGAIN)
    channels = [denoiser.get("in_channels"), denoiser.get("out_channels") or denoiser.get("in_channels")]
    if channels != [vae["latent_channels"]] * 2:
        raise broken(
            f"{path}: its denoiser maps {channels[0]} channels to {channels[1]} while its vae has "
            f"{vae['latent_channels']}.",
            "Inpainting, depth and upscaling models are not supported; take the text-to-image model.",
        )
    _check_scales(path, vae)
    if family == "sd3":
        pooled = [configs[part].get("projection_dim", 512) for part in ("text_encoder", "text_encoder_2")]
        _check_texts(path, denoiser.get("pooled_projection_dim"), sum(pooled))
    else:
        _check_unet(path, family, denoiser)
        widths = [configs[part].get("hidden_size", 0) for part in ("text_encoder", "text_encoder_2") if part in configs]
        _check_texts(path, denoiser.get("cross_attention_dim"), sum(widths))
    side = denoiser.get("sample_size")
    if type(side) is not int or not 0 < side <= MOST_LATENTS:
        raise broken(
            f"{path}: its denoiser's config.json gives no square sample_size.",
            "Supported: models trained on square images.",
        )
    if family == "sd3" and (side % denoiser["patch_size"] or side > denoiser["patch_size"] * _most_patches(denoiser)):
        raise broken(f"{path}: its transformer has no places for latents of {side} x {side}.", AGAIN)
    return side


def _most_patches(transformer: dict[str, Any]) -> int:
    return int(transformer.get("pos_embed_max_size", 96))


def _check_scales(path: Path, vae: dict[str, Any]) -> None:
    """Whether latents can be normalised; see autoencoder.py."""
    scale, shift = vae.get("scaling_factor", 0.18215), vae.get("shift_factor")
    fine = _is_finite(scale) and scale > 0 and (shift is None or _is_finite(shift))
    mean, std = vae.get("latents_mean"), vae.get("latents_std")
    if mean is not None and std is not None:
        for values in (mean, std):
            fine &= isinstance(values, list) and len(values) == vae["latent_channels"] and all(map(_is_finite, values))
        fine = fine and all(std)
    if not fine:
        raise broken(f"{path}: its vae's config.json gives no scale of the latents that can be used.", AGAIN)


def _is_finite(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _check_unet(path: Path, family: FamilyName, unet: dict[str, Any]) -> None:
    if unet.get("time_cond_proj_dim") is not None:
        raise broken(
            f"{path} is a latent consistency model (LCM), made for few steps: its guidance is an input of its own.",
            "Take the model that it was distilled from.",
        )
    foreign = [option for option in FOREIGN_UNET_OPTIONS if unet.get(option) is not None]
    added = unet.get("addition_embed_type")
    if added != ("text_time" if family == "sdxl" else None):
        foreign.append(f"addition_embed_type {added}")
    if foreign:
        raise broken(f"{path}: its unet needs inputs of another kind of model ({', '.join(foreign)}).", SUPPORTED)


def _check_texts(path: Path, wanted: Any, given: int) -> None:
    if wanted != given:
        raise broken(
            f"{path}: its denoiser expects texts of width {wanted}, its text encoders give {given}.",
            "The parts seem to come from different models.",
        )
