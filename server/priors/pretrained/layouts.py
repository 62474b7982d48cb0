"""What the networks in a single file are, from the shapes of their tensors; free of torch.

The names are those of the original research code, in which such files are shared. A configuration that shapes cannot
tell (number of attention heads, activation, scale of the latents) is the family's own, as published with its models.
"""

from __future__ import annotations

from typing import Any

from server.priors.pretrained.folder import TIME_IDS
from server.priors.pretrained.header import Header

DENOISER = "model.diffusion_model."
HEAD_WIDTH = 64
TIME_ID_WIDTH = 256


class Misshapen(ValueError):
    """The tensors form no network that is known; the message says which, for people."""


def find_vae(header: Header) -> str | None:
    """Prefix of the autoencoder's tensors."""
    return next((prefix for prefix in ("first_stage_model.", "vae.") if header.has(prefix)), None)


def unet_config(header: Header, side: int, linear_heads: bool) -> dict[str, Any]:
    """A UNet of Stable Diffusion 1, 2 or XL.

    Args:
        linear_heads: whether heads are 64 wide (2 and XL), or eight in number (1).
    """
    shapes = header.shapes
    widths: list[int] = []
    depths: list[int] = []
    layers: list[int] = []
    number = 1
    starts_level = True
    while header.has(f"{DENOISER}input_blocks.{number}."):
        block = f"{DENOISER}input_blocks.{number}"
        number += 1
        if f"{block}.0.op.weight" in shapes:
            starts_level = True
            continue
        depth = header.count(f"{block}.1.transformer_blocks.")
        if starts_level:
            widths.append(shapes[f"{block}.0.in_layers.2.weight"][0])
            depths.append(depth)
            layers.append(1)
            starts_level = False
        elif depth == depths[-1]:
            layers[-1] += 1
        else:
            raise Misshapen("a UNet with unequal blocks at one resolution, as distilled models have")
    middle = header.count(f"{DENOISER}middle_block.1.transformer_blocks.")
    if len({*layers}) != 1 or depths[-1] not in (0, middle) or middle == 0:
        raise Misshapen("a UNet with a shape of its own, as distilled models have")
    texts = {shape[1] for name, shape in shapes.items() if name.startswith(DENOISER) and "attn2.to_k.weight" in name}
    config: dict[str, Any] = {
        "sample_size": side,
        "in_channels": shapes[f"{DENOISER}input_blocks.0.0.weight"][1],
        "out_channels": shapes[f"{DENOISER}out.2.weight"][0],
        "block_out_channels": widths,
        "layers_per_block": layers[0],
        "down_block_types": ["CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in depths],
        "up_block_types": ["CrossAttnUpBlock2D" if depth else "UpBlock2D" for depth in reversed(depths)],
        "transformer_layers_per_block": [*(depth or 1 for depth in depths[:-1]), middle],
        "cross_attention_dim": max(texts),
        "use_linear_projection": len(shapes[f"{DENOISER}middle_block.1.proj_in.weight"]) == 2,
        # diffusers calls the number of heads by this name.
        "attention_head_dim": [width // HEAD_WIDTH for width in widths] if linear_heads else 8,
    }
    if header.has(f"{DENOISER}label_emb."):
        config |= {
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": TIME_ID_WIDTH,
            "projection_class_embeddings_input_dim": shapes[f"{DENOISER}label_emb.0.0.weight"][1],
        }
    return config


def pooled_width(unet: dict[str, Any]) -> int:
    """Width of the pooled text that a UNet of Stable Diffusion XL takes."""
    return int(unet["projection_class_embeddings_input_dim"]) - TIME_IDS * TIME_ID_WIDTH


def transformer_config(header: Header, side: int) -> dict[str, Any]:
    """A transformer of Stable Diffusion 3 or 3.5."""
    shapes = header.shapes
    patches = shapes[f"{DENOISER}x_embedder.proj.weight"]
    layers = header.count(f"{DENOISER}joint_blocks.")
    return {
        "sample_size": side,
        "patch_size": patches[2],
        "in_channels": patches[1],
        "out_channels": shapes[f"{DENOISER}final_layer.linear.weight"][0] // patches[2] ** 2,
        "num_layers": layers,
        "attention_head_dim": HEAD_WIDTH,
        "num_attention_heads": patches[0] // HEAD_WIDTH,
        "joint_attention_dim": shapes[f"{DENOISER}context_embedder.weight"][1],
        "caption_projection_dim": shapes[f"{DENOISER}context_embedder.weight"][0],
        "pooled_projection_dim": shapes[f"{DENOISER}y_embedder.mlp.0.weight"][1],
        "pos_embed_max_size": round(shapes[f"{DENOISER}pos_embed"][1] ** 0.5),
        "qk_norm": "rms_norm" if any(".attn.ln_" in name for name in shapes) else None,
        "dual_attention_layers": [
            layer for layer in range(layers) if header.has(f"{DENOISER}joint_blocks.{layer}.x_block.attn2.")
        ],
    }


def vae_config(header: Header, prefix: str, **scales: Any) -> dict[str, Any]:
    """An autoencoder.

    Args:
        scales: scaling_factor, shift_factor, force_upcast: the family's own.
    """
    shapes = header.shapes
    levels = header.count(f"{prefix}encoder.down.")
    return {
        "block_out_channels": [
            shapes[f"{prefix}encoder.down.{level}.block.0.conv1.weight"][0] for level in range(levels)
        ],
        "layers_per_block": header.count(f"{prefix}encoder.down.0.block."),
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
        "latent_channels": shapes[f"{prefix}encoder.conv_out.weight"][0] // 2,
        "use_quant_conv": header.has(f"{prefix}quant_conv."),
        "use_post_quant_conv": header.has(f"{prefix}post_quant_conv."),
        **scales,
    }


def clip_config(header: Header, prefix: str, activation: str) -> dict[str, Any]:
    """A CLIP text encoder under the names of the transformers library; `prefix` ends before "text_model."."""
    shapes = header.shapes
    vocabulary, width = shapes[f"{prefix}text_model.embeddings.token_embedding.weight"]
    # A file without a projection uses the pooled text as it is.
    projection = shapes.get(f"{prefix}text_projection.weight", (width,))[0]
    return _clip(
        vocabulary,
        width,
        shapes[f"{prefix}text_model.embeddings.position_embedding.weight"][0],
        shapes[f"{prefix}text_model.encoder.layers.0.mlp.fc1.weight"][0],
        header.count(f"{prefix}text_model.encoder.layers."),
        projection,
        activation,
    )


def open_clip_config(header: Header, prefix: str, layers_left_out: int = 0) -> dict[str, Any]:
    """A CLIP text encoder under the names of the OpenCLIP library.

    Args:
        layers_left_out: last layers that the family does not use.
    """
    shapes = header.shapes
    vocabulary, width = shapes[f"{prefix}token_embedding.weight"]
    return _clip(
        vocabulary,
        width,
        shapes[f"{prefix}positional_embedding"][0],
        shapes[f"{prefix}transformer.resblocks.0.mlp.c_fc.weight"][0],
        header.count(f"{prefix}transformer.resblocks.") - layers_left_out,
        shapes.get(f"{prefix}text_projection", (width, width))[1],
        "gelu",
    )


def _clip(
    vocabulary: int, width: int, length: int, inner: int, layers: int, projection: int, activation: str
) -> dict[str, Any]:
    return {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": width // HEAD_WIDTH,
        "max_position_embeddings": length,
        "projection_dim": projection,
        "hidden_act": activation,
        # The last two words of CLIP's vocabulary begin and end a text.
        "bos_token_id": vocabulary - 2,
        "eos_token_id": vocabulary - 1,
    }


def t5_config(header: Header, prefix: str) -> dict[str, Any]:
    """A T5 encoder, version 1.1."""
    shapes = header.shapes
    block = f"{prefix}encoder.block.0.layer"
    buckets, heads = shapes[f"{block}.0.SelfAttention.relative_attention_bias.weight"]
    vocabulary, width = shapes[f"{prefix}shared.weight"]
    return {
        "vocab_size": vocabulary,
        "d_model": width,
        "d_kv": shapes[f"{block}.0.SelfAttention.q.weight"][0] // heads,
        "d_ff": shapes[f"{block}.1.DenseReluDense.wi_0.weight"][0],
        "num_layers": header.count(f"{prefix}encoder.block."),
        "num_heads": heads,
        "relative_attention_num_buckets": buckets,
        "feed_forward_proj": "gated-gelu",
        "is_encoder_decoder": False,
        "use_cache": False,
    }
