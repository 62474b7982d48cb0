"""The networks of a single file: its tensors under the names that diffusers and transformers use.

One network is opened at a time, straight into its final precision: such files have several gigabytes.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from safetensors import safe_open
from torch import Tensor, nn

from server.priors.pretrained.families import PretrainedModel, broken
from server.priors.pretrained.header import read_header
from server.priors.pretrained.layouts import DENOISER, find_vae
from server.priors.pretrained.single_file import TEXT_PREFIXES

State = dict[str, Tensor]


def open_from_file(model: PretrainedModel, part: str, dtype: torch.dtype) -> nn.Module:
    """One network of a single file, on the CPU.

    Raises:
        BadRequest: "prior-broken" when its tensors are not those of the network that the header promised.
    """
    config = model.configs[part]
    if part == "vae":
        state = _convert_vae(_tensors(model, _vae_prefix(model), dtype), config)
    elif part == "unet":
        state = _convert_unet(_tensors(model, DENOISER, dtype), config)
    elif part == "transformer":
        state = _convert_transformer(_tensors(model, DENOISER, dtype))
    else:
        prefix = next(
            prefixes[part]
            for prefixes in TEXT_PREFIXES.values()
            if part in prefixes and read_header(model.path).has(prefixes[part])
        )
        state = _convert_text_encoder(_tensors(model, prefix, dtype), prefix, config)
    # On "meta" nothing is allocated or drawn at random; the file's tensors then become the parameters.
    with torch.device("meta"):
        network: nn.Module = _build(part, model.family, config)
    if not hasattr(network, "text_model"):
        state = {name.removeprefix("text_model."): tensor for name, tensor in state.items()}
    try:
        unexpected = network.load_state_dict(state, strict=False, assign=True).unexpected_keys
    except RuntimeError as error:
        raise _unfitting(model, part, str(error).splitlines()[-1].strip()) from None
    # Text encoders were saved with what can be computed (positions) and what only their training needed.
    if unexpected and not part.startswith("text_encoder"):
        raise _unfitting(model, part, f"{unexpected[0]} is too much")
    if part == "text_encoder_3":
        cast(Any, network).tie_weights()
    _fill_positions(network)
    missing = [name for name, tensor in [*network.named_parameters(), *network.named_buffers()] if tensor.is_meta]
    if missing:
        raise _unfitting(model, part, f"{missing[0]} is missing")
    return network


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


def _tensors(model: PretrainedModel, prefix: str, dtype: torch.dtype) -> State:
    """The tensors whose names begin with `prefix`, by the rest of their names."""
    with safe_open(model.path, framework="pt") as file:
        names = list(file.keys())
        return {
            name.removeprefix(prefix): _as(file.get_tensor(name), dtype) for name in names if name.startswith(prefix)
        }


def _as(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    return tensor.to(dtype) if tensor.is_floating_point() else tensor


def _vae_prefix(model: PretrainedModel) -> str:
    prefix = find_vae(read_header(model.path))
    assert prefix is not None, "the header was read with an autoencoder"
    return prefix


def _convert_unet(tensors: State, config: dict[str, Any]) -> State:
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

    named = {DENOISER + name: tensor for name, tensor in tensors.items()}
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


def _unfitting(model: PretrainedModel, part: str, what: str) -> Exception:
    hint = "The file may be damaged, or the model have a shape of its own; try its diffusers folder."
    return broken(f"{model.path}: the tensors of its {part} do not fit together ({what}).", hint)
