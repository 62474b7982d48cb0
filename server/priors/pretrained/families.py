"""The families of models that can be used, what each consists of, and how one model is described. Free of torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from server.errors import BadRequest
from server.priors.card import PriorCard
from server.priors.photographic import photographic
from server.priors.pretrained.lora_files import Lora

FamilyName = Literal["sd", "sdxl", "sd3"]

_CLIP_TOKENIZER = ("CLIPTokenizer", "CLIPTokenizerFast")
_SD_PARTS = {
    "unet": ("UNet2DConditionModel",),
    "vae": ("AutoencoderKL",),
    "text_encoder": ("CLIPTextModel",),
    "tokenizer": _CLIP_TOKENIZER,
}


@dataclass(frozen=True)
class Family:
    """One way of putting a model together.

    Attributes:
        label: what people call it.
        pipelines: class names of diffusers pipelines with this layout.
        denoiser: name of the part that denoises.
        parts: per part the classes it may have.
        optional: parts that may be missing.
        guidance_scale: customary for classifier-free guidance.
    """

    label: str
    pipelines: tuple[str, ...]
    denoiser: Literal["unet", "transformer"]
    parts: dict[str, tuple[str, ...]]
    optional: frozenset[str]
    guidance_scale: float

    @property
    def networks(self) -> tuple[str, ...]:
        """The parts with weights."""
        return tuple(part for part in self.parts if not part.startswith("tokenizer"))


FAMILIES: dict[FamilyName, Family] = {
    "sd": Family(
        label="Stable Diffusion 1 or 2",
        pipelines=("StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline"),
        denoiser="unet",
        parts=_SD_PARTS,
        optional=frozenset(),
        guidance_scale=7.5,
    ),
    "sdxl": Family(
        label="Stable Diffusion XL",
        pipelines=("StableDiffusionXLPipeline",),
        denoiser="unet",
        parts={**_SD_PARTS, "text_encoder_2": ("CLIPTextModelWithProjection",), "tokenizer_2": _CLIP_TOKENIZER},
        optional=frozenset(),
        guidance_scale=7.0,
    ),
    "sd3": Family(
        label="Stable Diffusion 3",
        pipelines=("StableDiffusion3Pipeline",),
        denoiser="transformer",
        parts={
            "transformer": ("SD3Transformer2DModel",),
            "vae": ("AutoencoderKL",),
            "text_encoder": ("CLIPTextModelWithProjection",),
            "tokenizer": _CLIP_TOKENIZER,
            "text_encoder_2": ("CLIPTextModelWithProjection",),
            "tokenizer_2": _CLIP_TOKENIZER,
            "text_encoder_3": ("T5EncoderModel",),
            "tokenizer_3": ("T5Tokenizer", "T5TokenizerFast"),
        },
        optional=frozenset({"text_encoder_3", "tokenizer_3"}),
        guidance_scale=5.0,
    ),
}

SUPPORTED = (
    "Supported: text-to-image models of the families Stable Diffusion 1 and 2, Stable Diffusion XL, and Stable "
    "Diffusion 3 and 3.5."
)


@dataclass(frozen=True)
class PretrainedModel:
    """A model on disk, as far as its files tell without being opened.

    Attributes:
        path: absolute: a diffusers folder, or a single file.
        prediction: "eps", "v", "sample" or "flow".
        scheduler: settings of the noise schedule, as in scheduler_config.json.
        configs: settings of each network that is there.
        tokenizers: folder of each tokenizer that is there.
        variants: of a folder, per network the infix of its weight files ("fp16"); None for plain ones.
        prefixes: of a single file, per network how the names of its tensors begin.
        zero_empty_prompt: whether "no prompt" is a condition of zeros and not the encoded empty text.
        loras: what is added to its networks.
    """

    path: Path
    family: FamilyName
    card: PriorCard
    prediction: str
    scheduler: dict[str, Any]
    configs: dict[str, dict[str, Any]]
    tokenizers: dict[str, Path]
    variants: dict[str, str | None] = field(default_factory=dict)
    prefixes: dict[str, str] = field(default_factory=dict)
    zero_empty_prompt: bool = False
    loras: tuple[Lora, ...] = ()


def card_of(
    name: str, shown: str, family: FamilyName, side: int, vae: dict[str, Any], licence: str | None = None
) -> PriorCard:
    """The card of a model whose latents are `side` x `side`.

    The default bandwidths fit every family, because each scales its latents to a standard deviation of about 1.
    """
    channels = int(vae["latent_channels"])
    return photographic(
        PriorCard(
            name=name,
            description=f"{shown}: a model of the family {FAMILIES[family].label}.",
            licence=licence or "the licence that came with the model",
            image_size=side * 2 ** (len(vae["block_out_channels"]) - 1),
            latent_shape=(channels, side, side),
            guidance_scale=FAMILIES[family].guidance_scale,
        )
    )


def broken(message: str, hint: str) -> BadRequest:
    """What every refusal of a model on disk looks like: what was found, and what would do."""
    return BadRequest("prior-broken", message, hint)
