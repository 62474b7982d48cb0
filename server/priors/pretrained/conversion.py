"""A model's networks, one at a time, from its files: tensors under the names that diffusers and transformers use.

Each is opened straight into its final precision, since such files have several gigabytes.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from safetensors import safe_open
from torch import Tensor, nn

from server.priors.finite import check_finite
from server.priors.pretrained.families import PretrainedModel
from server.priors.pretrained.fitting import unfitting
from server.priors.pretrained.folder import find_weights, usual_name
from server.priors.pretrained.original_names import original_shapes, usual_file_name, usual_vae_shape
from server.priors.pretrained.shapes import expected_shapes
from server.priors.pretrained.single_file import DAMAGED

State = dict[str, Tensor]


def open_network(model: PretrainedModel, part: str, dtype: torch.dtype) -> nn.Module:
    """One network of a model, on the CPU, with all its numbers in `dtype`.

    Raises:
        BadRequest: "prior-broken" when its tensors are not those of the network that the configuration promises, or
            hold numbers that are not finite.
    """
    config = model.configs[part]
    at = model.path if model.prefixes else model.path / part
    state = _from_single_file(model, part, dtype) if model.prefixes else _from_folder(model, part, dtype)
    # On "meta" nothing is allocated or drawn at random; the file's tensors then become the parameters.
    with torch.device("meta"):
        network: nn.Module = _build(part, model.family, config)
    if not hasattr(network, "text_model"):
        state = {name.removeprefix("text_model."): tensor for name, tensor in state.items()}
    try:
        network.load_state_dict(state, strict=False, assign=True)
    except RuntimeError as error:
        raise unfitting(at, part, str(error).splitlines()[-1].strip(), DAMAGED) from None
    if part == "text_encoder_3":
        cast(Any, network).tie_weights()
    _fill_positions(network)
    missing = [name for name, tensor in [*network.named_parameters(), *network.named_buffers()] if tensor.is_meta]
    if missing:
        raise unfitting(at, part, f"{missing[0]} is missing", DAMAGED)
    check_finite(network, f"{at}: its {part}")
    return network


def _from_single_file(model: PretrainedModel, part: str, dtype: torch.dtype) -> State:
    config, prefix = model.configs[part], model.prefixes[part]
    wanted = original_shapes(part, prefix, expected_shapes(part, model.family, config) or {})
    tensors: State = {}
    with safe_open(model.path, framework="pt") as file:
        for name in file.keys():  # noqa: SIM118 (not a dict)
            usual = usual_file_name(name)
            if usual in wanted:
                tensors[usual] = _as(file.get_tensor(name), dtype).view(wanted[usual][1])
    if part in ("unet", "vae"):
        return _convert_unet(tensors, config) if part == "unet" else _convert_vae(_without(prefix, tensors), config)
    tensors = _without(prefix, tensors)
    return _convert_transformer(tensors) if part == "transformer" else _convert_text_encoder(tensors, prefix, config)


def _from_folder(model: PretrainedModel, part: str, dtype: torch.dtype) -> State:
    state: State = {}
    for path in find_weights(model.path / part, part)[1]:
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 (not a dict)
                tensor = _as(file.get_tensor(name), dtype)
                usual = usual_name(part, name)
                state[usual] = tensor.view(usual_vae_shape(usual, tuple(tensor.shape))) if part == "vae" else tensor
    return state


def _as(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """A copy in memory: the file may go while the network is used, and numbers that begin anywhere are slower."""
    return tensor.to(dtype if tensor.is_floating_point() else tensor.dtype, copy=True)


def _without(prefix: str, tensors: State) -> State:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}


def _build(part: str, family: str, config: dict[str, Any]) -> Any:
    import diffusers
    import transformers

    if part == "unet":
        return diffusers.UNet2DConditionModel.from_config(config)
    if part == "transformer":
        return diffusers.SD3Transformer2DModel.from_config(config)
    if part == "vae":
        return diffusers.AutoencoderKL.from_config(config)
    if part == "text_encoder_3":
        return transformers.T5EncoderModel(transformers.T5Config(**config))
    projects = part == "text_encoder_2" or family == "sd3"
    kind = transformers.CLIPTextModelWithProjection if projects else transformers.CLIPTextModel
    return kind(transformers.CLIPTextConfig(**config))


def _convert_unet(named: State, config: dict[str, Any]) -> State:
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

    converted: State = convert_ldm_unet_checkpoint(named, config)
    return converted


def _convert_vae(tensors: State, config: dict[str, Any]) -> State:
    from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint

    named = {"first_stage_model." + name: tensor for name, tensor in tensors.items()}
    converted: State = convert_ldm_vae_checkpoint(named, config)
    return converted


def _convert_transformer(tensors: State) -> State:
    from diffusers.loaders.single_file_utils import convert_sd3_transformer_checkpoint_to_diffusers

    converted: State = convert_sd3_transformer_checkpoint_to_diffusers(tensors)
    return converted


def _convert_text_encoder(tensors: State, prefix: str, config: dict[str, Any]) -> State:
    if prefix.endswith("model."):
        return _from_open_clip(tensors, config)
    if prefix.endswith("clip_l.transformer."):
        # Stable Diffusion 3 was trained on this encoder's pooled text before the projection.
        width = config["hidden_size"]
        tensors["text_projection.weight"] = torch.eye(width, dtype=tensors["text_model.final_layer_norm.bias"].dtype)
    return tensors


def _from_open_clip(tensors: State, config: dict[str, Any]) -> State:
    """OpenCLIP keeps queries, keys and values in one matrix, and multiplies by the projection from the left."""
    plain = {
        "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
        "positional_embedding": "text_model.embeddings.position_embedding.weight",
        "ln_final.weight": "text_model.final_layer_norm.weight",
        "ln_final.bias": "text_model.final_layer_norm.bias",
    }
    renamed = {
        "ln_1": "layer_norm1",
        "ln_2": "layer_norm2",
        "mlp.c_fc": "mlp.fc1",
        "mlp.c_proj": "mlp.fc2",
        "attn.out_proj": "self_attn.out_proj",
    }
    state = {new: tensors[old] for old, new in plain.items()}
    if "text_projection" in tensors:
        state["text_projection.weight"] = tensors["text_projection"].T.contiguous()
    for layer in range(config["num_hidden_layers"]):
        old, new = f"transformer.resblocks.{layer}", f"text_model.encoder.layers.{layer}"
        for kind in ("weight", "bias"):
            for name, renaming in renamed.items():
                state[f"{new}.{renaming}.{kind}"] = tensors[f"{old}.{name}.{kind}"]
            joined = tensors[f"{old}.attn.in_proj_{kind}"].chunk(3)
            for name, piece in zip(("q_proj", "k_proj", "v_proj"), joined, strict=True):
                state[f"{new}.self_attn.{name}.{kind}"] = piece.contiguous()
    return state


def _fill_positions(network: nn.Module) -> None:
    """CLIP counts its positions in a buffer that is in no file."""
    for module in network.modules():
        for name, buffer in list(module.named_buffers(recurse=False)):
            if buffer.is_meta and name == "position_ids":
                module.register_buffer(name, torch.arange(buffer.shape[-1])[None], persistent=False)
