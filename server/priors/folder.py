"""A diffusers folder on disk: is it a model we can use? Answered from its files, without torch.

Supported: the Stable Diffusion layout (UNet2DConditionModel, AutoencoderKL, CLIPTextModel, CLIPTokenizer, a scheduler
with a table of betas), trained to predict noise, velocity or the image, stored as safetensors.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from server.errors import BadRequest
from server.priors.card import PriorCard

PIPELINES = ("StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline")
COMPONENTS = {
    "unet": ("UNet2DConditionModel",),
    "vae": ("AutoencoderKL",),
    "text_encoder": ("CLIPTextModel",),
    "tokenizer": ("CLIPTokenizer", "CLIPTokenizerFast"),
}
PREDICTIONS = {"epsilon": "eps", "v_prediction": "v", "sample": "sample"}
# Stems of weight files, as diffusers and transformers name them.
WEIGHTS = {"unet": "diffusion_pytorch_model", "vae": "diffusion_pytorch_model", "text_encoder": "model"}
# UNet options of other model families (larger text encoders, distilled guidance, class labels) that need inputs we do
# not make.
FOREIGN_UNET_OPTIONS = ("addition_embed_type", "class_embed_type", "encoder_hid_dim_type", "time_cond_proj_dim")


@dataclass(frozen=True)
class ModelFolder:
    """What a checked folder holds.

    Attributes:
        path: absolute.
        card: settings for the studio.
        prediction: "eps", "v" or "sample".
        variants: per component the infix of its weight files ("fp16"), or None for the plain ones.
        scheduler: contents of its scheduler_config.json.
    """

    path: Path
    card: PriorCard
    prediction: str
    variants: dict[str, str | None]
    scheduler: dict[str, Any]


def check_folder(name: str) -> Path:
    """The folder's absolute path, if `read_folder` accepts it; same errors."""
    return read_folder(name).path


def read_folder(name: str | Path) -> ModelFolder:
    """Look into a folder and its configuration files, and at the headers of its weights.

    Raises:
        BadRequest: "prior-unknown" when there is no such folder; "prior-broken" when it holds something else, something
            unsupported or something incomplete. The message names what was found, the hint what would do.
    """
    path = Path(name).expanduser()
    if not path.is_dir():
        raise BadRequest(
            "prior-unknown",
            f"There is no prior called {str(name)!r}, and no such folder.",
            "Name a prior that ships with the server, or give the path of a diffusers folder.",
        )
    path = path.resolve()
    pipeline = _read_index(path)
    _check_pipeline(path, pipeline)
    configs = {part: _read_json(path / part / "config.json") for part in ("unet", "vae", "text_encoder")}
    scheduler = _read_json(path / "scheduler" / "scheduler_config.json")
    _check_tokenizer(path / "tokenizer")
    _check_configs(path, configs)
    prediction = _prediction(path, scheduler)
    variants = {part: _check_weights(path / part, stem) for part, stem in WEIGHTS.items()}
    return ModelFolder(path, _card(path, pipeline, configs), prediction, variants, scheduler)


def _read_index(path: Path) -> dict[str, Any]:
    if (path / "model_index.json").is_file():
        return _read_json(path / "model_index.json")
    held = sorted(entry.name for entry in path.iterdir())
    single = [entry for entry in held if entry.endswith((".safetensors", ".ckpt"))]
    if single:
        raise _broken(
            f"{path} holds the single-file checkpoint {single[0]}, not a diffusers folder.",
            "Convert it once with the diffusers library: StableDiffusionPipeline.from_single_file(...), then "
            "save_pretrained(...).",
        )
    shown = ", ".join(held[:5]) or "nothing"
    raise _broken(
        f"{path} has no model_index.json; it holds {shown}.", "Give the folder that save_pretrained(...) wrote."
    )


def _check_pipeline(path: Path, pipeline: dict[str, Any]) -> None:
    name = pipeline.get("_class_name")
    if name not in PIPELINES:
        raise _broken(
            f"{path} is a {name or 'pipeline without a name'}, which is not supported.",
            f"Supported: {', '.join(PIPELINES)}.",
        )
    for part, supported in COMPONENTS.items():
        entry = pipeline.get(part)
        found = entry[1] if isinstance(entry, list) and len(entry) == 2 else None
        if found not in supported:
            raise _broken(
                f"{path}: its {part} is {found or 'missing'}.", f"Supported for {part}: {', '.join(supported)}."
            )
        if not (path / part).is_dir():
            raise _broken(f"{path}: the subfolder {part} is missing.", "Copy or download the whole folder again.")


def _check_tokenizer(folder: Path) -> None:
    complete = (folder / "tokenizer.json").is_file() or all(
        (folder / name).is_file() for name in ("vocab.json", "merges.txt")
    )
    if not complete:
        raise _broken(
            f"{folder} has neither tokenizer.json nor vocab.json with merges.txt.",
            "Copy or download the whole folder again.",
        )


def _check_configs(path: Path, configs: dict[str, dict[str, Any]]) -> None:
    unet, vae, text = configs["unet"], configs["vae"], configs["text_encoder"]
    foreign = [option for option in FOREIGN_UNET_OPTIONS if unet.get(option) is not None]
    if foreign:
        raise _broken(
            f"{path}: its unet needs inputs of another model family ({', '.join(foreign)}).",
            "Supported: models shaped like Stable Diffusion 1 and 2.",
        )
    channels = (unet.get("in_channels"), unet.get("out_channels"), vae.get("latent_channels"))
    if len(set(channels)) != 1 or channels[0] is None:
        raise _broken(
            f"{path}: its unet maps {channels[0]} channels to {channels[1]} while its vae has {channels[2]}.",
            "Inpainting, depth and upscaling models are not supported; take the text-to-image model.",
        )
    if unet.get("cross_attention_dim") != text.get("hidden_size"):
        raise _broken(
            f"{path}: its unet expects texts of width {unet.get('cross_attention_dim')}, its text_encoder gives "
            f"{text.get('hidden_size')}.",
            "The parts seem to come from different models.",
        )
    if not isinstance(unet.get("sample_size"), int):
        raise _broken(
            f"{path}: unet/config.json gives no square sample_size.", "Supported: models trained on square images."
        )
    if vae.get("latents_mean") is not None or vae.get("latents_std") is not None:
        raise _broken(
            f"{path}: its vae normalises every channel by itself.",
            "Supported: one scaling_factor, as in Stable Diffusion.",
        )


def _prediction(path: Path, scheduler: dict[str, Any]) -> str:
    name = str(scheduler.get("_class_name", "a scheduler without a name"))
    if "beta_schedule" not in scheduler and scheduler.get("trained_betas") is None:
        raise _broken(f"{path}: its scheduler is {name}, without a table of betas.", "Flow models are not supported.")
    prediction = str(scheduler.get("prediction_type", "epsilon"))
    if prediction not in PREDICTIONS:
        raise _broken(f"{path}: it predicts {prediction!r}.", f"Supported: {', '.join(PREDICTIONS)}.")
    return PREDICTIONS[prediction]


def _check_weights(folder: Path, stem: str) -> str | None:
    """Whether the weights are whole; returns their variant."""
    files = sorted(folder.glob(f"{stem}*.safetensors"))
    if not files:
        others = sorted(
            file.name for ending in ("*.bin", "*.ckpt", "*.msgpack", "*.h5") for file in folder.glob(ending)
        )
        if others:
            raise _broken(
                f"{folder} holds its weights as {others[0]}, which can run code when it is opened, and is refused.",
                "Use the safetensors version of the model, or convert it with save_pretrained(..., "
                "safe_serialization=True).",
            )
        raise _broken(f"{folder} holds no weights.", "Copy or download the whole folder again.")
    for file in files:
        try:
            with safe_open(file, framework="numpy"):
                pass
        except (SafetensorError, OSError) as error:
            raise _broken(f"{file} is damaged or incomplete ({error}).", "Copy or download it again.") from None
    # "stem.safetensors", "stem.fp16.safetensors", "stem-00001-of-00002.safetensors": the plain ones first.
    infixes = {file.name.removeprefix(stem).removesuffix(".safetensors") for file in files}
    plain = any(infix == "" or infix.startswith("-") for infix in infixes)
    return None if plain else min(infixes).split("-")[0].strip(".")


def _card(path: Path, pipeline: dict[str, Any], configs: dict[str, dict[str, Any]]) -> PriorCard:
    side = int(configs["unet"]["sample_size"])
    factor = 2 ** (len(configs["vae"].get("block_out_channels", [0])) - 1)
    return PriorCard(
        name=str(path),
        description=f"{path.name}: {pipeline['_class_name']} from disk.",
        licence="the licence that came with the folder",
        image_size=side * factor,
        latent_shape=(int(configs["vae"]["latent_channels"]), side, side),
    )


def _read_json(file: Path) -> dict[str, Any]:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise _broken(f"{file} is missing.", "Copy or download the whole folder again.") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise _broken(f"{file} cannot be read ({error}).", "Copy or download it again.") from None
    if not isinstance(data, dict):
        raise _broken(f"{file} is not a JSON object.", "Copy or download it again.")
    return data


def _broken(message: str, hint: str) -> BadRequest:
    return BadRequest("prior-broken", message, hint)
