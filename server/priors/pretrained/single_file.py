"""A single-file checkpoint, as artists own it from other programs: which model is it? Answered without torch.

Such a file holds all networks of a model in the layout of the original research code, and no configuration.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from server.priors.pretrained.families import SUPPORTED, FamilyName, PretrainedModel, broken, card_of
from server.priors.pretrained.few_steps import suit_few_steps
from server.priors.pretrained.fitting import FLOATS, check_fit
from server.priors.pretrained.header import Header, read_header
from server.priors.pretrained.layouts import (
    DENOISER,
    Misshapen,
    clip_config,
    find_vae,
    open_clip_config,
    pooled_width,
    t5_config,
    transformer_config,
    unet_config,
    vae_config,
)
from server.priors.pretrained.options import Misfit
from server.priors.pretrained.original_names import original_shapes, usual_file_name, usual_vae_shape
from server.priors.pretrained.others import what_else
from server.priors.pretrained.parts import check_parts
from server.priors.pretrained.shapes import expected_shapes
from server.priors.pretrained.vocabularies import find_clip_vocabulary, find_t5_vocabulary

# Where the text encoders of each family lie. The suffix of a prefix tells the layout: "model." is OpenCLIP's.
TEXT_PREFIXES = {
    "sd1": {"text_encoder": "cond_stage_model.transformer."},
    "sd2": {"text_encoder": "cond_stage_model.model."},
    "sdxl": {
        "text_encoder": "conditioner.embedders.0.transformer.",
        "text_encoder_2": "conditioner.embedders.1.model.",
    },
    "sd3": {
        "text_encoder": "text_encoders.clip_l.transformer.",
        "text_encoder_2": "text_encoders.clip_g.transformer.",
        "text_encoder_3": "text_encoders.t5xxl.transformer.",
    },
}
VAE_SCALES: dict[FamilyName, dict[str, Any]] = {
    "sd": {"scaling_factor": 0.18215},
    "sdxl": {"scaling_factor": 0.13025, "force_upcast": True},
    "sd3": {"scaling_factor": 1.5305, "shift_factor": 0.0609, "force_upcast": True},
}
BETAS = {
    "_class_name": "DDIMScheduler",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
}
FLOW = {"_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000}
SIDES = range(8, 4097)
DAMAGED = "The file may be damaged, or the model have a shape of its own; try its diffusers folder."

CHANNELS = {5: "a depth model", 7: "an upscaler", 8: "an editing model", 9: "an inpainting model"}


def read_single_file(path: Path, name: str) -> PretrainedModel:
    """What the file holds.

    Args:
        name: how the user called it.

    Raises:
        BadRequest: "prior-broken" when it is not a whole checkpoint of a supported family; "vocabulary-missing" when
            the words of its text encoders are nowhere on this machine.
    """
    path = path.absolute()
    if path.suffix.lower() != ".safetensors":
        raise broken(
            f"{path} is not a .safetensors file. Other kinds can run code when they are opened, and are refused.",
            "Take the model's .safetensors version.",
        )
    header = read_usual_header(path)
    try:
        return _read(header, name)
    except Misshapen as problem:
        raise broken(f"{path} holds {problem}.", SUPPORTED) from None
    except Misfit as problem:
        raise broken(f"{path} holds a network that cannot be built: {problem}.", DAMAGED) from None
    except KeyError as missing:
        raise broken(f"{path} is incomplete: it has no tensor {missing}.", "Copy or download it again.") from None
    except (ValueError, IndexError, ZeroDivisionError):
        raise broken(f"{path}: the shapes of its tensors are those of no model that is known here.", DAMAGED) from None


def read_usual_header(path: Path) -> Header:
    """The file's header, in which tensors have their usual names, and the autoencoder's attention its usual shapes.

    Raises:
        BadRequest: "prior-broken" when the file is not whole, or holds one tensor under two names.
    """
    header = read_header(path).renamed(usual_file_name)
    return replace(header, shapes={name: usual_vae_shape(name, shape) for name, shape in header.shapes.items()})


def _read(header: Header, name: str) -> PretrainedModel:
    layout = _layout_of(header)
    family: FamilyName = "sd" if layout in ("sd1", "sd2") else layout  # type: ignore[assignment]
    vae = find_vae(header)
    if vae is None:
        raise broken(f"{header.path} has no autoencoder (VAE) in it.", "Take the version of the model with its VAE.")
    prediction = "flow" if family == "sd3" else _prediction(header, layout)
    configs = {"vae": vae_config(header, vae, **VAE_SCALES[family])}
    size = _resolution(header, {"sd1": 512, "sd2": 768 if prediction == "v" else 512}.get(layout, 1024))
    side = size // 2 ** (len(configs["vae"]["block_out_channels"]) - 1)
    if family == "sd3":
        configs["transformer"] = transformer_config(header, side)
    else:
        configs["unet"] = unet_config(header, side, linear_heads=layout != "sd1")
    configs |= _text_configs(header, layout)
    if layout == "sdxl" and pooled_width(configs["unet"]) != configs["text_encoder_2"]["projection_dim"]:
        raise Misshapen("a refiner of Stable Diffusion XL")
    prefixes = {part: TEXT_PREFIXES[layout].get(part, vae if part == "vae" else DENOISER) for part in configs}
    for part, prefix in prefixes.items():
        expected = original_shapes(part, prefix, expected_shapes(part, family, configs[part]) or {})
        check_fit(header.path, part, expected, header.shapes, header.dtypes, DAMAGED)
    check_parts(header.path, family, configs)
    scheduler = FLOW if family == "sd3" else BETAS | {"rescale_betas_zero_snr": "ztsnr" in header.shapes}
    card = card_of(name, header.path.name, family, side, configs["vae"], header.metadata.get("modelspec.license"))
    return PretrainedModel(
        path=header.path,
        family=family,
        card=suit_few_steps(card, scheduler, (header.path.stem, header.metadata.get("modelspec.title", ""))),
        prediction=prediction,
        scheduler=scheduler,
        configs=configs,
        tokenizers=_tokenizers(header.path, configs),
        prefixes=prefixes,
        zero_empty_prompt=family == "sdxl",
    )


def _layout_of(header: Header) -> str:
    strange = {kind for name, kind in header.dtypes.items() if name.startswith(DENOISER)} - {*FLOATS}
    if strange or "scaled_fp8" in header.shapes:
        raise Misshapen(f"quantised weights ({', '.join(sorted(strange)) or 'scaled fp8'})")
    if header.has(f"{DENOISER}joint_blocks."):
        return "sd3"
    first = header.shapes.get(f"{DENOISER}input_blocks.0.0.weight")
    if first is None or header.has("control_model.") or any("time_stack" in name for name in header.shapes):
        raise Misshapen(what_else(header) or "no model that is known here")
    if header.has(f"{DENOISER}time_embed.cond_proj."):
        raise Misshapen("a latent consistency model (LCM), whose guidance is an input of its own")
    if first[1] != 4:
        raise Misshapen(CHANNELS.get(first[1], f"a model with {first[1]} input channels"))
    if header.has("conditioner."):
        if not header.has(TEXT_PREFIXES["sdxl"]["text_encoder"]):
            raise Misshapen("a refiner of Stable Diffusion XL")
        return "sdxl"
    if header.has(f"{DENOISER}label_emb."):
        raise Misshapen(
            "a denoiser that takes more than texts, or one of Stable Diffusion XL without its text encoders"
        )
    return "sd2" if header.has(TEXT_PREFIXES["sd2"]["text_encoder"]) else "sd1"


def _text_configs(header: Header, layout: str) -> dict[str, dict[str, Any]]:
    configs = {}
    for part, prefix in TEXT_PREFIXES[layout].items():
        if not header.has(prefix):
            if part == "text_encoder_3":
                continue
            raise Misshapen(f"a denoiser without its {part} ({prefix}*): take the file that includes the text encoders")
        if part == "text_encoder_3":
            configs[part] = t5_config(header, prefix)
        elif prefix.endswith("model."):
            # Stable Diffusion 2 was trained on the states before the last layer.
            configs[part] = open_clip_config(header, prefix, layers_left_out=1 if layout == "sd2" else 0)
        else:
            configs[part] = clip_config(header, prefix, "gelu" if part == "text_encoder_2" else "quick_gelu")
    return configs


def _tokenizers(path: Path, configs: dict[str, dict[str, Any]]) -> dict[str, Path]:
    clip = find_clip_vocabulary(path, configs["text_encoder"]["vocab_size"])
    tokenizers = {"tokenizer": clip}
    if "text_encoder_2" in configs:
        tokenizers["tokenizer_2"] = clip
    if "text_encoder_3" in configs:
        tokenizers["tokenizer_3"] = find_t5_vocabulary(path, configs["text_encoder_3"]["vocab_size"])
    return tokenizers


def _resolution(header: Header, usual: int) -> int:
    """Side of the images; trainers write it down as "1024x1024" (https://github.com/Stability-AI/ModelSpec)."""
    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", header.metadata.get("modelspec.resolution", ""))
    if found and found[1] == found[2] and int(found[1]) in SIDES and int(found[1]) % 8 == 0:
        return int(found[1])
    return usual


def _prediction(header: Header, layout: str) -> str:
    """ "v" or "eps": from what the trainer wrote down, else from a .yaml file beside the checkpoint, else guessed."""
    written = header.metadata.get("modelspec.prediction_type")
    if written is not None:
        return "v" if written.startswith("v") else "eps"
    if "v_pred" in header.shapes:
        return "v"
    beside = header.path.with_suffix(".yaml")
    if beside.is_file():
        text = beside.read_text(encoding="utf-8", errors="replace")
        return "v" if re.search(r"""parameterization:\s*["']?v\b""", text) else "eps"
    # Of Stable Diffusion 2 there are both sorts. Other programs tell them apart by the spread of this bias, which is
    # wide in those that predict v.
    telling = f"{DENOISER}output_blocks.11.1.transformer_blocks.0.norm1.bias"
    bias = header.read(telling) if layout == "sd2" and telling in header.shapes else None
    return "v" if bias is not None and bias.std() > 0.09 else "eps"
