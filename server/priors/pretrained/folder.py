"""A diffusers folder on disk: is it a model that can be used? Answered from its files, without torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from server.priors.pretrained.families import (
    FAMILIES,
    SUPPORTED,
    Family,
    FamilyName,
    PretrainedModel,
    broken,
    card_of,
)

PREDICTIONS = {"epsilon": "eps", "v_prediction": "v", "sample": "sample"}
# UNet options of other families (distilled guidance, class labels, image prompts) that need inputs we do not make.
FOREIGN_UNET_OPTIONS = ("class_embed_type", "encoder_hid_dim_type", "time_cond_proj_dim")
TIME_IDS = 6
AGAIN = "Copy or download the whole folder again."


def read_folder(path: Path, name: str, weights: bool = True) -> PretrainedModel:
    """Look into a folder and its configuration files, and at the headers of its weights.

    Args:
        name: how the user called it.
        weights: whether the weights must be there already.

    Raises:
        BadRequest: "prior-broken" when it holds something else, something unsupported or something incomplete. The
            message names what was found, the hint what would do.
    """
    path = path.absolute()
    index = _read_index(path)
    family = _family_of(path, index)
    kind = FAMILIES[family]
    present = _check_parts(path, index, kind)
    networks = [part for part in present if part in kind.networks]
    configs = {part: read_json(path / part / "config.json") for part in networks}
    scheduler = read_json(path / "scheduler" / "scheduler_config.json")
    tokenizers = {part: path / part for part in present if part not in kind.networks}
    for part, folder in tokenizers.items():
        _check_tokenizer(folder, needs_json=part == "tokenizer_3")
    side = _check_configs(path, family, configs)
    prediction = _prediction(path, family, scheduler)
    return PretrainedModel(
        path=path,
        family=family,
        card=card_of(name, path.name, family, side, configs["vae"]),
        prediction=prediction,
        scheduler=scheduler,
        configs=configs,
        tokenizers=tokenizers,
        variants={part: _check_weights(path / part, weights_stem(part)) for part in networks} if weights else {},
        zero_empty_prompt=family == "sdxl" and bool(index.get("force_zeros_for_empty_prompt", True)),
    )


def weights_stem(part: str) -> str:
    """How diffusers and transformers begin the names of weight files."""
    return "model" if part.startswith("text_encoder") else "diffusion_pytorch_model"


def choose_variant(infixes: Sequence[str]) -> str | None:
    """The plain weights where there are some, else the first variant. An infix is what stands between stem and suffix:
    "", ".fp16", "-00001-of-00002", ".fp16-00001-of-00002"."""
    if any(infix == "" or infix.startswith("-") for infix in infixes):
        return None
    return min(infixes).split("-")[0].strip(".")


def _read_index(path: Path) -> dict[str, Any]:
    if (path / "model_index.json").is_file():
        return read_json(path / "model_index.json")
    held = sorted(entry.name for entry in path.iterdir())
    single = [entry for entry in held if entry.endswith((".safetensors", ".ckpt"))]
    if single:
        raise broken(
            f"{path} holds the single-file checkpoint {single[0]}; it is not a diffusers folder.",
            "Give the path of the file itself; it must be a .safetensors file.",
        )
    shown = ", ".join(held[:5]) or "nothing"
    raise broken(
        f"{path} has no model_index.json; it holds {shown}.", "Give the folder that save_pretrained(...) wrote."
    )


def _family_of(path: Path, index: dict[str, Any]) -> FamilyName:
    pipeline = index.get("_class_name")
    for name, family in FAMILIES.items():
        if pipeline in family.pipelines:
            return name
    raise broken(f"{path} is a {pipeline or 'pipeline without a name'}, which is not supported.", SUPPORTED)


def _check_parts(path: Path, index: dict[str, Any], family: Family) -> list[str]:
    """The parts that are there."""
    present = []
    for part, supported in family.parts.items():
        entry = index.get(part)
        found = entry[1] if isinstance(entry, list) and len(entry) == 2 else None
        if found is None and part in family.optional:
            continue
        if found not in supported:
            raise broken(
                f"{path}: its {part} is {found or 'missing'}.",
                f"{family.label} needs {' or '.join(supported)} there; other models are not supported.",
            )
        if not (path / part).is_dir():
            raise broken(f"{path}: the subfolder {part} is missing.", AGAIN)
        present.append(part)
    return present


def _check_tokenizer(folder: Path, needs_json: bool) -> None:
    if (folder / "tokenizer.json").is_file():
        return
    if needs_json:
        raise broken(f"{folder} has no tokenizer.json.", "Copy it, too: spiece.model alone is not read.")
    if not all((folder / name).is_file() for name in ("vocab.json", "merges.txt")):
        raise broken(f"{folder} has neither tokenizer.json nor vocab.json with merges.txt.", AGAIN)


def _check_configs(path: Path, family: FamilyName, configs: dict[str, dict[str, Any]]) -> int:
    """Whether the parts fit each other; returns the side of the latents."""
    denoiser, vae = configs[FAMILIES[family].denoiser], configs["vae"]
    for name in ("latent_channels", "block_out_channels"):
        if name not in vae:
            raise broken(f"{path}: vae/config.json gives no {name}.", AGAIN)
    channels = (denoiser.get("in_channels"), denoiser.get("out_channels", denoiser.get("in_channels")))
    if {*channels} != {vae["latent_channels"]}:
        raise broken(
            f"{path}: its denoiser maps {channels[0]} channels to {channels[1]} while its vae has "
            f"{vae['latent_channels']}.",
            "Inpainting, depth and upscaling models are not supported; take the text-to-image model.",
        )
    if family == "sd3":
        _check_texts(path, denoiser.get("pooled_projection_dim"), _pooled_width(configs))
    else:
        _check_unet(path, family, denoiser)
        widths = [configs[part].get("hidden_size", 0) for part in ("text_encoder", "text_encoder_2") if part in configs]
        _check_texts(path, denoiser.get("cross_attention_dim"), sum(widths))
    if not isinstance(denoiser.get("sample_size"), int):
        raise broken(
            f"{path}: its denoiser's config.json gives no square sample_size.",
            "Supported: models trained on square images.",
        )
    return int(denoiser["sample_size"])


def _check_unet(path: Path, family: FamilyName, unet: dict[str, Any]) -> None:
    foreign = [option for option in FOREIGN_UNET_OPTIONS if unet.get(option) is not None]
    added = unet.get("addition_embed_type")
    if added != ("text_time" if family == "sdxl" else None):
        foreign.append(f"addition_embed_type {added}")
    if foreign:
        raise broken(f"{path}: its unet needs inputs of another kind of model ({', '.join(foreign)}).", SUPPORTED)


def _pooled_width(configs: dict[str, dict[str, Any]]) -> int:
    return sum(int(configs[part].get("projection_dim", 512)) for part in ("text_encoder", "text_encoder_2"))


def _check_texts(path: Path, wanted: Any, given: int) -> None:
    if wanted != given:
        raise broken(
            f"{path}: its denoiser expects texts of width {wanted}, its text encoders give {given}.",
            "The parts seem to come from different models.",
        )


def _prediction(path: Path, family: FamilyName, scheduler: dict[str, Any]) -> str:
    name = str(scheduler.get("_class_name", "a scheduler without a name"))
    if family == "sd3":
        if not name.startswith("FlowMatch") or scheduler.get("invert_sigmas"):
            raise broken(f"{path}: its scheduler is {name}.", "Supported for Stable Diffusion 3: flow matching.")
        return "flow"
    if "beta_schedule" not in scheduler and scheduler.get("trained_betas") is None:
        raise broken(
            f"{path}: its scheduler is {name}, without a table of betas.",
            "Supported for Stable Diffusion 1, 2 and XL: schedulers with a table of betas.",
        )
    prediction = str(scheduler.get("prediction_type", "epsilon"))
    if prediction not in PREDICTIONS:
        raise broken(f"{path}: it predicts {prediction!r}.", f"Supported: {', '.join(PREDICTIONS)}.")
    return PREDICTIONS[prediction]


def _check_weights(folder: Path, stem: str) -> str | None:
    """Whether the weights are whole; returns their variant."""
    files = sorted(folder.glob(f"{stem}*.safetensors"))
    if not files:
        others = sorted(
            file.name for ending in ("*.bin", "*.ckpt", "*.msgpack", "*.h5") for file in folder.glob(ending)
        )
        if others:
            raise broken(
                f"{folder} holds its weights as {others[0]}, which can run code when it is opened, and is refused.",
                "Use the safetensors version of the model, or convert it with save_pretrained(..., "
                "safe_serialization=True).",
            )
        raise broken(f"{folder} holds no weights.", AGAIN)
    for file in files:
        try:
            with safe_open(file, framework="numpy"):
                pass
        except (SafetensorError, OSError) as error:
            raise broken(f"{file} is damaged or incomplete ({error}).", "Copy or download it again.") from None
    variant = choose_variant([file.name.removeprefix(stem).removesuffix(".safetensors") for file in files])
    _check_shards(folder, f"{stem}.safetensors.index{'.' + variant if variant else ''}.json")
    return variant


def _check_shards(folder: Path, index: str) -> None:
    if (folder / index).is_file():
        for shard in sorted({*read_json(folder / index).get("weight_map", {}).values()}):
            if not (folder / shard).is_file():
                raise broken(f"{folder / shard} is missing.", AGAIN)


def read_json(file: Path) -> dict[str, Any]:
    """Raises BadRequest "prior-broken" when the file is missing or is no JSON object."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise broken(f"{file} is missing.", AGAIN) from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise broken(f"{file} cannot be read ({error}).", "Copy or download it again.") from None
    if not isinstance(data, dict):
        raise broken(f"{file} is not a JSON object.", "Copy or download it again.")
    return data
