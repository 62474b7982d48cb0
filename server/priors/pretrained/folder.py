"""A diffusers folder on disk: is it a model that can be used? Answered from its files, without torch."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from server.priors.pretrained.families import (
    FAMILIES,
    SUPPORTED,
    Family,
    FamilyName,
    PretrainedModel,
    broken,
    card_of,
)
from server.priors.pretrained.few_steps import suit_few_steps
from server.priors.pretrained.fitting import check_fit
from server.priors.pretrained.header import read_header
from server.priors.pretrained.options import Misfit
from server.priors.pretrained.original_names import usual_vae_name, usual_vae_shape
from server.priors.pretrained.parts import AGAIN, check_parts
from server.priors.pretrained.shapes import expected_shapes

PREDICTIONS = {"epsilon": "eps", "v_prediction": "v", "sample": "sample"}
TIME_IDS = 6
BETA_SCHEDULES = ("linear", "scaled_linear", "squaredcos_cap_v2")
MOST_TIMESTEPS = 100_000


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
        words = configs[part.replace("tokenizer", "text_encoder")].get("vocab_size")
        _check_tokenizer(folder, words, needs_json=part == "tokenizer_3")
    side = check_parts(path, family, configs)
    prediction = _prediction(path, family, scheduler)
    for part in networks:
        _check_network(path / part, part, family, configs[part], weights)
    names = (Path(name).name, path.name, str(index.get("_name_or_path", "")))
    return PretrainedModel(
        path=path,
        family=family,
        card=suit_few_steps(card_of(name, path.name, family, side, configs["vae"]), scheduler, names),
        prediction=prediction,
        scheduler=scheduler,
        configs=configs,
        tokenizers=tokenizers,
        variants={part: find_weights(path / part, part)[0] for part in networks} if weights else {},
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


def _check_tokenizer(folder: Path, words: Any, needs_json: bool) -> None:
    """Whether its words are there, and are words of the text encoder: that many are in its table."""
    if type(words) is not int:
        raise broken(f"{folder}: its text encoder does not say how many words it knows.", AGAIN)
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        if os.path.lexists(folder / name):
            read_json(folder / name)
    numbers: list[Any] = []
    if (folder / "tokenizer.json").is_file():
        numbers = _word_numbers(read_json(folder / "tokenizer.json").get("model"))
    elif needs_json:
        raise broken(f"{folder} has no tokenizer.json.", "Copy it, too: spiece.model alone is not read.")
    elif not all((folder / name).is_file() for name in ("vocab.json", "merges.txt")):
        raise broken(f"{folder} has neither tokenizer.json nor vocab.json with merges.txt.", AGAIN)
    else:
        numbers = _word_numbers({"vocab": read_json(folder / "vocab.json")})
        _read_text(folder / "merges.txt")
    if not numbers or not all(type(number) is int and 0 <= number < words for number in numbers):
        raise broken(f"{folder} holds no vocabulary of {words} words, as its text encoder knows.", AGAIN)


def _word_numbers(model: Any) -> list[Any]:
    """The number of every word in a tokenizer, whose words are numbered, or in order."""
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    if isinstance(vocabulary, dict):
        return list(vocabulary.values())
    return list(range(len(vocabulary))) if isinstance(vocabulary, list) else []


def _prediction(path: Path, family: FamilyName, scheduler: dict[str, Any]) -> str:
    name = str(scheduler.get("_class_name", "a scheduler without a name"))
    steps = scheduler.get("num_train_timesteps", 1000)
    if type(steps) is not int or not 1 < steps <= MOST_TIMESTEPS:
        raise broken(f"{path}: its scheduler has {steps!r} timesteps.", AGAIN)
    if family == "sd3":
        if not name.startswith("FlowMatch") or scheduler.get("invert_sigmas"):
            raise broken(f"{path}: its scheduler is {name}.", "Supported for Stable Diffusion 3: flow matching.")
        return "flow"
    if "beta_schedule" not in scheduler and scheduler.get("trained_betas") is None:
        raise broken(
            f"{path}: its scheduler is {name}, without a table of betas.",
            "Supported for Stable Diffusion 1, 2 and XL: schedulers with a table of betas.",
        )
    _check_betas(path, scheduler)
    prediction = str(scheduler.get("prediction_type", "epsilon"))
    if prediction not in PREDICTIONS:
        raise broken(f"{path}: it predicts {prediction!r}.", f"Supported: {', '.join(PREDICTIONS)}.")
    return PREDICTIONS[prediction]


def _check_betas(path: Path, scheduler: dict[str, Any]) -> None:
    """Whether a noise level can be computed for every timestep."""
    betas = scheduler.get("trained_betas")
    if betas is None:
        if scheduler["beta_schedule"] not in BETA_SCHEDULES:
            raise broken(
                f"{path}: its scheduler's betas are {scheduler['beta_schedule']!r}.",
                f"Supported: {', '.join(BETA_SCHEDULES)}.",
            )
        betas = [scheduler.get("beta_start", 0.0001), scheduler.get("beta_end", 0.02)]
    fine = isinstance(betas, list) and len(betas) > 1
    if not fine or not all(type(beta) in (int, float) and 0 < beta < 1 for beta in betas):
        raise broken(f"{path}: the betas of its scheduler are no shares of noise between 0 and 1.", AGAIN)


def find_weights(folder: Path, part: str) -> tuple[str | None, list[Path]]:
    """The variant of a network's weights, and the files that hold them.

    Raises:
        BadRequest: "prior-broken" when there are none, or not all of them.
    """
    stem = weights_stem(part)
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
    variant = choose_variant([file.name.removeprefix(stem).removesuffix(".safetensors") for file in files])
    infix = f".{variant}" if variant else ""
    index = folder / f"{stem}.safetensors.index{infix}.json"
    if index.is_file():
        return variant, _shards(index)
    whole = folder / f"{stem}{infix}.safetensors"
    return variant, [whole] if whole in files else sorted(folder.glob(f"{stem}{infix}-*-of-*.safetensors"))


def _shards(index: Path) -> list[Path]:
    places = read_json(index).get("weight_map")
    names = set(places.values()) if isinstance(places, dict) and all(map(_is_name, places.values())) else set()
    if not names:
        raise broken(f"{index} does not say in which files the weights are.", AGAIN)
    shards = [index.parent / name for name in sorted(names)]
    for shard in shards:
        if not shard.is_file():
            raise broken(f"{shard} is missing.", AGAIN)
    return shards


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and Path(value).name == value


def usual_name(part: str, name: str) -> str:
    """What diffusers and transformers call a tensor now; files of other times and programs differ."""
    if part == "vae":
        return usual_vae_name(name)
    if part == "text_encoder_3":
        # Two names of one table; either may be the one that was kept.
        return "shared.weight" if name == "encoder.embed_tokens.weight" else name
    if part.startswith("text_encoder") and not name.startswith("text_"):
        return f"text_model.{name}"
    return name


def _check_network(folder: Path, part: str, family: FamilyName, config: dict[str, Any], weights: bool) -> None:
    """Whether the network can be built and, where the weights are there, whether they are its own."""
    try:
        expected = expected_shapes(part, family, config)
    except Misfit as problem:
        raise broken(f"{folder / 'config.json'} makes no network: {problem}.", AGAIN) from None
    if not weights:
        return
    shapes: dict[str, tuple[int, ...]] = {}
    dtypes: dict[str, str] = {}
    for file in find_weights(folder, part)[1]:
        header = read_header(file)
        for old, shape in header.shapes.items():
            name = usual_name(part, old)
            if name in shapes and name != "shared.weight":
                raise broken(f"{file} holds {old}, which is there under another name or in another file.", AGAIN)
            shapes[name] = usual_vae_shape(name, shape) if part == "vae" else shape
            dtypes[name] = header.dtypes[old]
    if expected is not None:
        wanted = {name: (name, shape) for name, shape in expected.items()}
        check_fit(folder, part, wanted, shapes, dtypes, AGAIN)


def read_json(file: Path) -> dict[str, Any]:
    """Raises BadRequest "prior-broken" when the file is missing or is no JSON object."""
    try:
        data = json.loads(_read_text(file))
    except (ValueError, RecursionError) as error:
        raise broken(f"{file} cannot be read ({error}).", "Copy or download it again.") from None
    if not isinstance(data, dict):
        raise broken(f"{file} is not a JSON object.", "Copy or download it again.")
    return data


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise broken(f"{file} is missing.", AGAIN) from None
    except (OSError, UnicodeDecodeError) as error:
        raise broken(f"{file} cannot be read ({error}).", "Copy or download it again.") from None
