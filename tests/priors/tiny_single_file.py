"""The same random models as a single file: tensors under the names of the original research code."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from tests.priors.tiny_families import IMAGE_SIZE, random_networks, write_t5_tokenizer
from tests.priors.tiny_pipeline import write_tokenizer

State = dict[str, Tensor]
PREFIXES = {
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
RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}


def write_single_file(path: Path, layout: str, vocabulary: bool = True, **metadata: str) -> Path:
    """The networks of `tiny_families.random_networks(layout)`.

    Args:
        vocabulary: whether the tokenizers are put beside it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    networks = random_networks(layout)
    tensors = named_tensors(layout, networks)
    said = {"modelspec.resolution": f"{IMAGE_SIZE}x{IMAGE_SIZE}"}
    said |= {f"modelspec.{name}": value for name, value in metadata.items()}
    save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, path, said)
    if vocabulary:
        write_tokenizer(path.parent / "tokenizer")
        if "text_encoder_3" in networks:
            write_t5_tokenizer(path.parent / "tokenizer_3")
    return path


def named_tensors(layout: str, networks: dict[str, nn.Module]) -> State:
    tensors = {f"first_stage_model.{name}": tensor for name, tensor in vae_names(networks["vae"]).items()}
    denoiser = unet_names(networks["unet"]) if "unet" in networks else transformer_names(networks["transformer"])
    tensors |= {f"model.diffusion_model.{name}": tensor for name, tensor in denoiser.items()}
    for part, prefix in PREFIXES[layout.split(" ")[0]].items():
        if part in networks:
            # Stable Diffusion 2 was published with a last layer that it does not use.
            text = text_names(networks[part], prefix, spare_layer=layout == "sd2")
            tensors |= {prefix + name: tensor for name, tensor in text.items()}
    return tensors


def unet_names(unet: nn.Module) -> State:
    return {_unet_name(name, unet): tensor for name, tensor in unet.state_dict().items()}


def _unet_name(name: str, unet: nn.Module) -> str:
    for new, old in {
        "time_embedding.linear_1": "time_embed.0",
        "time_embedding.linear_2": "time_embed.2",
        "add_embedding.linear_1": "label_emb.0.0",
        "add_embedding.linear_2": "label_emb.0.2",
        "conv_in": "input_blocks.0.0",
        "conv_norm_out": "out.0",
        "conv_out": "out.2",
    }.items():
        if name.startswith(new + "."):
            return old + name.removeprefix(new)
    way, number, kind, index, rest = re.fullmatch(
        r"(?:(down|up)_blocks\.(\d+)|mid_block)\.(\w+)\.(\d+)\.(.*)", name
    ).groups()
    index = int(index)
    if kind == "resnets":
        part, rest = rest.split(".", 1)
        rest = f"{RESNET[part]}.{rest}"
    if way is None:
        return f"middle_block.{2 * index if kind == 'resnets' else 1}.{rest}"
    layers = unet.config.layers_per_block
    block = int(number) * (layers + 1) + index
    if kind == "downsamplers":
        return f"input_blocks.{block + layers + 1}.0.op.{rest.removeprefix('conv.')}"
    if kind == "upsamplers":
        attentive = hasattr(unet.up_blocks[int(number)], "attentions")
        return f"output_blocks.{block + layers}.{2 if attentive else 1}.{rest}"
    place = 0 if kind == "resnets" else 1
    return f"input_blocks.{block + 1}.{place}.{rest}" if way == "down" else f"output_blocks.{block}.{place}.{rest}"


def vae_names(vae: nn.Module) -> State:
    state = {}
    levels = len(vae.config.block_out_channels)
    for name, tensor in vae.state_dict().items():
        old = re.sub(r"down_blocks\.(\d+)\.resnets", r"down.\1.block", name)
        old = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", old)
        old = re.sub(r"up_blocks\.(\d+)\.resnets", lambda m: f"up.{levels - 1 - int(m[1])}.block", old)
        old = re.sub(r"up_blocks\.(\d+)\.upsamplers\.0", lambda m: f"up.{levels - 1 - int(m[1])}.upsample", old)
        old = re.sub(r"mid_block\.resnets\.(\d+)", lambda m: f"mid.block_{int(m[1]) + 1}", old)
        old = old.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
        if "attentions.0" in old:
            old = old.replace("mid_block.attentions.0", "mid.attn_1").replace("group_norm", "norm")
            old = re.sub(r"to_([qkv])\.", r"\1.", old).replace("to_out.0", "proj_out")
            # The original has convolutions of one pixel where diffusers has matrices.
            tensor = tensor[:, :, None, None] if tensor.dim() == 2 else tensor
        state[old] = tensor
    return state


def text_names(encoder: nn.Module, prefix: str, spare_layer: bool = False) -> State:
    state = dict(encoder.state_dict())
    if "t5xxl" in prefix:
        # Tied to `shared`, and stored once.
        return {name: tensor for name, tensor in state.items() if not name.startswith("encoder.embed_tokens")}
    state = {
        name if name.startswith("text_") else f"text_model.{name}": tensor
        for name, tensor in state.items()
        if not name.endswith("position_ids")
    }
    if "clip_l" in prefix:
        del state["text_projection.weight"]
    if not prefix.endswith("model."):
        # Checkpoints of the time also kept what can be computed.
        counted = {"text_model.embeddings.position_ids": torch.arange(20)[None]}
        return state | (counted if "cond_stage" in prefix else {})
    return _open_clip_names(state, spare_layer)


def _open_clip_names(state: State, spare_layer: bool) -> State:
    outside = {
        "token_embedding.weight": state["text_model.embeddings.token_embedding.weight"],
        "positional_embedding": state["text_model.embeddings.position_embedding.weight"],
        "ln_final.weight": state["text_model.final_layer_norm.weight"],
        "ln_final.bias": state["text_model.final_layer_norm.bias"],
        "logit_scale": torch.tensor(4.6),
        "text_projection": state["text_projection.weight"].T
        if "text_projection.weight" in state
        else torch.zeros(64, 64),
    }
    layers = len({name.split(".")[3] for name in state if ".layers." in name})
    inside = {}
    for layer in range(layers):
        old, new = f"transformer.resblocks.{layer}", f"text_model.encoder.layers.{layer}"
        for kind in ("weight", "bias"):
            for name, renamed in {"ln_1": "layer_norm1", "ln_2": "layer_norm2", "mlp.c_fc": "mlp.fc1"}.items():
                inside[f"{old}.{name}.{kind}"] = state[f"{new}.{renamed}.{kind}"]
            inside[f"{old}.mlp.c_proj.{kind}"] = state[f"{new}.mlp.fc2.{kind}"]
            inside[f"{old}.attn.out_proj.{kind}"] = state[f"{new}.self_attn.out_proj.{kind}"]
            joined = [state[f"{new}.self_attn.{letter}_proj.{kind}"] for letter in "qkv"]
            inside[f"{old}.attn.in_proj_{kind}"] = torch.cat(joined)
    if spare_layer:
        last = f"transformer.resblocks.{layers - 1}."
        inside |= {
            name.replace(last, f"transformer.resblocks.{layers}."): torch.randn_like(tensor)
            for name, tensor in inside.items()
            if name.startswith(last)
        }
    return outside | inside


def transformer_names(transformer: nn.Module) -> State:
    state = dict(transformer.state_dict())
    named = {}
    for new, old in {
        "pos_embed.proj": "x_embedder.proj",
        "time_text_embed.timestep_embedder.linear_1": "t_embedder.mlp.0",
        "time_text_embed.timestep_embedder.linear_2": "t_embedder.mlp.2",
        "time_text_embed.text_embedder.linear_1": "y_embedder.mlp.0",
        "time_text_embed.text_embedder.linear_2": "y_embedder.mlp.2",
        "context_embedder": "context_embedder",
        "proj_out": "final_layer.linear",
    }.items():
        for kind in ("weight", "bias"):
            named[f"{old}.{kind}"] = state[f"{new}.{kind}"]
    named["pos_embed"] = state["pos_embed.pos_embed"]
    layers = transformer.config.num_layers
    for kind in ("weight", "bias"):
        named[f"final_layer.adaLN_modulation.1.{kind}"] = _swap_halves(state[f"norm_out.linear.{kind}"])
        for layer in range(layers):
            named |= _joint_block(state, layer, kind, last=layer == layers - 1)
    return named


def _joint_block(state: State, layer: int, kind: str, last: bool) -> State:
    new, old = f"transformer_blocks.{layer}", f"joint_blocks.{layer}"
    picture, text = f"{old}.x_block", f"{old}.context_block"

    def joined(attention: str, names: tuple[str, ...]) -> Tensor:
        return torch.cat([state[f"{new}.{attention}.{name}.{kind}"] for name in names])

    named = {
        f"{picture}.attn.qkv.{kind}": joined("attn", ("to_q", "to_k", "to_v")),
        f"{text}.attn.qkv.{kind}": joined("attn", ("add_q_proj", "add_k_proj", "add_v_proj")),
        f"{picture}.attn.proj.{kind}": state[f"{new}.attn.to_out.0.{kind}"],
        f"{picture}.adaLN_modulation.1.{kind}": state[f"{new}.norm1.linear.{kind}"],
        f"{picture}.mlp.fc1.{kind}": state[f"{new}.ff.net.0.proj.{kind}"],
        f"{picture}.mlp.fc2.{kind}": state[f"{new}.ff.net.2.{kind}"],
    }
    context = state[f"{new}.norm1_context.linear.{kind}"]
    named[f"{text}.adaLN_modulation.1.{kind}"] = _swap_halves(context) if last else context
    if not last:
        named[f"{text}.attn.proj.{kind}"] = state[f"{new}.attn.to_add_out.{kind}"]
        named[f"{text}.mlp.fc1.{kind}"] = state[f"{new}.ff_context.net.0.proj.{kind}"]
        named[f"{text}.mlp.fc2.{kind}"] = state[f"{new}.ff_context.net.2.{kind}"]
    second = f"{new}.attn2.to_q.{kind}" in state
    if second:
        named[f"{picture}.attn2.qkv.{kind}"] = joined("attn2", ("to_q", "to_k", "to_v"))
        named[f"{picture}.attn2.proj.{kind}"] = state[f"{new}.attn2.to_out.0.{kind}"]
    if kind == "weight" and f"{new}.attn.norm_q.weight" in state:
        for letter in "qk":
            named[f"{picture}.attn.ln_{letter}.weight"] = state[f"{new}.attn.norm_{letter}.weight"]
            named[f"{text}.attn.ln_{letter}.weight"] = state[f"{new}.attn.norm_added_{letter}.weight"]
            if second:
                named[f"{picture}.attn2.ln_{letter}.weight"] = state[f"{new}.attn2.norm_{letter}.weight"]
    return named


def _swap_halves(tensor: Tensor) -> Tensor:
    first, second = tensor.chunk(2)
    return torch.cat([second, first])
