"""What a network's tensors are called in a single file: the names of the original research code.

Free of torch. Some tensors are joined there: queries, keys and values in one matrix.
"""

from __future__ import annotations

import re

from server.priors.pretrained.shapes import Shapes

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_UNET_ENDS = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_TRANSFORMER = {
    "pos_embed.proj": "x_embedder.proj",
    "time_text_embed.timestep_embedder.linear_1": "t_embedder.mlp.0",
    "time_text_embed.timestep_embedder.linear_2": "t_embedder.mlp.2",
    "time_text_embed.text_embedder.linear_1": "y_embedder.mlp.0",
    "time_text_embed.text_embedder.linear_2": "y_embedder.mlp.2",
    "norm_out.linear": "final_layer.adaLN_modulation.1",
    "proj_out": "final_layer.linear",
    "norm1.linear": "x_block.adaLN_modulation.1",
    "norm1_context.linear": "context_block.adaLN_modulation.1",
    "ff.net.0.proj": "x_block.mlp.fc1",
    "ff.net.2": "x_block.mlp.fc2",
    "ff_context.net.0.proj": "context_block.mlp.fc1",
    "ff_context.net.2": "context_block.mlp.fc2",
    "attn.to_add_out": "context_block.attn.proj",
    **{f"attn.add_{letter}_proj": "context_block.attn.qkv" for letter in "qkv"},
    **{f"attn.norm_added_{letter}": f"context_block.attn.ln_{letter}" for letter in "qk"},
    **{f"{attn}.to_out.0": f"x_block.{attn}.proj" for attn in ("attn", "attn2")},
    **{f"{attn}.to_{letter}": f"x_block.{attn}.qkv" for attn in ("attn", "attn2") for letter in "qkv"},
    **{f"{attn}.norm_{letter}": f"x_block.{attn}.ln_{letter}" for attn in ("attn", "attn2") for letter in "qk"},
}
_OPEN_CLIP = {
    "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
    "text_model.embeddings.position_embedding.weight": "positional_embedding",
    "text_model.final_layer_norm.weight": "ln_final.weight",
    "text_model.final_layer_norm.bias": "ln_final.bias",
    "text_projection.weight": "text_projection",
}
_OPEN_CLIP_LAYER = {
    "layer_norm1.": "ln_1.",
    "layer_norm2.": "ln_2.",
    "mlp.fc1.": "mlp.c_fc.",
    "mlp.fc2.": "mlp.c_proj.",
    "self_attn.out_proj.": "attn.out_proj.",
    **{f"self_attn.{letter}_proj.": "attn.in_proj_" for letter in "qkv"},
}
# Autoencoders were saved by several programs at several times, each with names of its own for their attention.
_VAE_ATTENTION = {
    "q": ("q", "to_q", "query"),
    "k": ("k", "to_k", "key"),
    "v": ("v", "to_v", "value"),
    "proj_out": ("proj_out", "to_out.0", "proj_attn"),
    "norm": ("norm", "group_norm"),
}
_VAE_PLACE = re.compile(r"(mid\.attn_1|mid_block\.attentions\.0)\.([\w.]+)\.(weight|bias)$")


def usual_vae_name(name: str) -> str:
    """An autoencoder's tensor by the name that the original code has for it (where it lies in `mid.attn_1`), or the
    diffusers library (in `mid_block.attentions.0`), whichever of its names it bears. Other names stay as they are."""
    found = _VAE_PLACE.search(name)
    names = [names for names in _VAE_ATTENTION.values() if found and found[2] in names]
    if found is None or not names:
        return name
    usual = names[0][1 if found[1].startswith("mid_block") else 0]
    return f"{name[: found.start()]}{found[1]}.{usual}.{found[3]}"


# Old merges, and merges of those, leave a part of these names out. Their numbers of places are not used.
_OLD_CLIP = re.compile(
    r"((?:cond_stage_model|conditioner\.embedders\.0|text_encoders\.clip_[lg])\.transformer\.)"
    r"(?=embeddings\.(?!position_ids$)|encoder\.|final_layer_norm\.)"
)


def usual_file_name(name: str) -> str:
    """A single file's tensor by the name that most files have for it."""
    return _OLD_CLIP.sub(r"\1text_model.", usual_vae_name(name), count=1)


def usual_vae_shape(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of an autoencoder's tensor, where a matrix may be stored as a convolution of one pixel."""
    return shape[:2] if _VAE_PLACE.search(name) and set(shape[2:]) == {1} else shape


def original_shapes(part: str, prefix: str, shapes: Shapes) -> dict[str, tuple[str, tuple[int, ...]]]:
    """What a single file must hold for a network.

    Args:
        prefix: of the network's tensors in the file.
        shapes: of the network, by its own names.

    Returns:
        By the names in the file: a name in the network, and the shape in the file.
    """
    found: dict[str, tuple[str, tuple[int, ...]]] = {}
    for name, shape in shapes.items():
        original = prefix + _original_name(part, prefix, name, shapes)
        if original == prefix:
            continue
        if prefix.endswith("model.") and name == "text_projection.weight":
            shape = shape[::-1]
        if original in found:
            shape = (found[original][1][0] + shape[0], *shape[1:])
        found[original] = (found.get(original, (name,))[0], shape)
    return found


def _original_name(part: str, prefix: str, name: str, shapes: Shapes) -> str:
    """Empty for what no file holds."""
    if part == "unet":
        return _in_unet(name, shapes)
    if part == "vae":
        return _in_vae(name, shapes)
    if part == "transformer":
        return _in_transformer(name)
    if part != "text_encoder_3" and prefix.endswith("model."):
        return _in_open_clip(name)
    # Stable Diffusion 3 was trained on this encoder's pooled text before the projection.
    return "" if prefix.endswith("clip_l.transformer.") and name.startswith("text_projection.") else name


def _in_unet(name: str, shapes: Shapes) -> str:
    start, _, kind = name.rpartition(".")
    if start in _UNET_ENDS:
        return f"{_UNET_ENDS[start]}.{kind}"
    side, number, sort, index, rest = _split(name)
    if sort == "resnets":
        layer, rest = rest.split(".", 1)
        rest = f"{_RESNET[layer]}.{rest}"
    if side == "mid":
        return f"middle_block.{2 * index if sort == 'resnets' else 1}.{rest}"
    # Blocks are counted through all levels; the layers of the levels before come first, each with its resampler.
    first = sum(_layers(f"{side}_blocks.{level}", shapes) + (side == "down") for level in range(number))
    here = _layers(f"{side}_blocks.{number}", shapes)
    if sort == "downsamplers":
        return f"input_blocks.{first + here + 1}.0.op.{rest.removeprefix('conv.')}"
    if sort == "upsamplers":
        place = 2 if f"up_blocks.{number}.attentions.0.norm.weight" in shapes else 1
        return f"output_blocks.{first + here - 1}.{place}.{rest}"
    place = 0 if sort == "resnets" else 1
    return f"{'input' if side == 'down' else 'output'}_blocks.{first + index + (side == 'down')}.{place}.{rest}"


def _split(name: str) -> tuple[str, int, str, int, str]:
    """`down_blocks.1.resnets.0.conv1.weight` as "down", 1, "resnets", 0, "conv1.weight"; "mid" has no number."""
    found = re.fullmatch(r"(down|mid|up)_blocks?(?:\.(\d+))?\.([a-z]+)\.(\d+)\.(.*)", name)
    assert found is not None, name
    return found[1], int(found[2] or 0), found[3], int(found[4]), found[5]


def _layers(block: str, shapes: Shapes) -> int:
    number = 0
    while f"{block}.resnets.{number}.conv1.weight" in shapes:
        number += 1
    return number


def _in_vae(name: str, shapes: Shapes) -> str:
    side, _, rest = name.partition(".")
    if "_block" not in rest:
        return name.replace("conv_norm_out", "norm_out")
    way, number, sort, index, rest = _split(rest)
    rest = rest.replace("conv_shortcut", "nin_shortcut")
    if way == "mid":
        if sort == "resnets":
            return f"{side}.mid.block_{index + 1}.{rest}"
        return usual_vae_name(f"{side}.mid.attn_1.{rest}")
    if way == "up":
        # The original counts from the finest.
        levels = 0
        while _layers(f"decoder.up_blocks.{levels}", shapes):
            levels += 1
        number = levels - 1 - number
    return f"{side}.{way}.{number}.{f'block.{index}' if sort == 'resnets' else sort.removesuffix('rs')}.{rest}"


def _in_transformer(name: str) -> str:
    start, _, kind = name.rpartition(".")
    if name == "pos_embed.pos_embed":
        return "pos_embed"
    inside = re.fullmatch(r"transformer_blocks\.(\d+)\.(.*)", start)
    if inside:
        return f"joint_blocks.{inside[1]}.{_TRANSFORMER[inside[2]]}.{kind}"
    return f"{_TRANSFORMER.get(start, start)}.{kind}"


def _in_open_clip(name: str) -> str:
    if name in _OPEN_CLIP:
        return _OPEN_CLIP[name]
    found = re.fullmatch(r"text_model\.encoder\.layers\.(\d+)\.(.*\.)(weight|bias)", name)
    assert found is not None, name
    return f"transformer.resblocks.{found[1]}.{_OPEN_CLIP_LAYER[found[2]]}{found[3]}"
