"""What tensors each network has, by the names that diffusers and transformers use, from its configuration.

Free of torch, so that a model can be checked against the headers of its files before anything is loaded. A test
compares these tables with the networks themselves.
"""

from __future__ import annotations

from collections.abc import Iterator

from server.priors.pretrained.options import (
    Config,
    Misfit,
    Unusual,
    check_divides,
    read_levels,
    read_number,
    read_numbers,
)

Shapes = dict[str, tuple[int, ...]]
Tensors = Iterator[tuple[str, tuple[int, ...]]]

# Options that shape a network in ways that are not described here, and the values under which they do not.
PLAIN_UNET: Config = {
    "time_embedding_type": "positional",
    "time_embedding_dim": None,
    "timestep_post_act": None,
    "time_cond_proj_dim": None,
    "class_embed_type": None,
    "num_class_embeds": None,
    "encoder_hid_dim": None,
    "encoder_hid_dim_type": None,
    "attention_type": "default",
    "dual_cross_attention": False,
    "only_cross_attention": False,
    "mid_block_only_cross_attention": None,
    "mid_block_type": "UNetMidBlock2DCrossAttn",
    "resnet_time_scale_shift": "default",
    "cross_attention_norm": None,
    "reverse_transformer_layers_per_block": None,
    "conv_in_kernel": 3,
    "conv_out_kernel": 3,
    "num_attention_heads": None,
}
PLAIN_T5: Config = {"is_gated_act": True, "feed_forward_proj": "gated-gelu"}


def expected_shapes(part: str, family: str, config: Config) -> Shapes | None:
    """The tensors that the network `part` of a model consists of; None when it has options that are not described here.

    Raises:
        Misfit: from this configuration no network can be built.
    """
    try:
        if part == "unet":
            return dict(_unet(config))
        if part == "transformer":
            return dict(_transformer(config))
        if part == "vae":
            return dict(_vae(config))
        if part == "text_encoder_3":
            return dict(_t5(config))
        return dict(_clip(config, projects=part == "text_encoder_2" or family == "sd3"))
    except Unusual:
        return None


def _affine(name: str, *shape: int) -> Tensors:
    """A weight, and a bias for each of its outputs."""
    yield f"{name}.weight", shape
    yield f"{name}.bias", shape[:1]


def _resnet(name: str, before: int, after: int, time: int = 0) -> Tensors:
    yield from _affine(f"{name}.norm1", before)
    yield from _affine(f"{name}.conv1", after, before, 3, 3)
    if time:
        yield from _affine(f"{name}.time_emb_proj", after, time)
    yield from _affine(f"{name}.norm2", after)
    yield from _affine(f"{name}.conv2", after, after, 3, 3)
    if before != after:
        yield from _affine(f"{name}.conv_shortcut", after, before, 1, 1)


def _attention(name: str, width: int, texts: int | None = None) -> Tensors:
    for letter, given in zip("qkv", (width, texts or width, texts or width), strict=True):
        yield f"{name}.to_{letter}.weight", (width, given)
    yield from _affine(f"{name}.to_out.0", width, width)


def _text_blocks(name: str, width: int, texts: int, depth: int, linear: bool) -> Tensors:
    """A column of transformer blocks at one place of a UNet."""
    project = (width, width) if linear else (width, width, 1, 1)
    yield from _affine(f"{name}.norm", width)
    yield from _affine(f"{name}.proj_in", *project)
    for number in range(depth):
        block = f"{name}.transformer_blocks.{number}"
        for norm in (1, 2, 3):
            yield from _affine(f"{block}.norm{norm}", width)
        yield from _attention(f"{block}.attn1", width)
        yield from _attention(f"{block}.attn2", width, texts)
        yield from _affine(f"{block}.ff.net.0.proj", 8 * width, width)
        yield from _affine(f"{block}.ff.net.2", width, 4 * width)
    yield from _affine(f"{name}.proj_out", *project)


def _unet(config: Config) -> Tensors:
    if any(config.get(name, usual) != usual for name, usual in PLAIN_UNET.items()):
        raise Unusual
    widths = read_numbers(config, "block_out_channels")
    levels, time = len(widths), 4 * widths[0]
    down, up = (config.get(name) for name in ("down_block_types", "up_block_types"))
    kinds = {"down": ("DownBlock2D", "CrossAttnDownBlock2D"), "up": ("UpBlock2D", "CrossAttnUpBlock2D")}
    for name, given in (("down", down), ("up", up)):
        if not isinstance(given, list) or any(kind not in kinds[name] for kind in given):
            raise Unusual
        if len(given) != levels:
            raise Misfit(f"it has {levels} widths and {len(given)} {name}_block_types")
    assert isinstance(down, list)
    assert isinstance(up, list)
    layers = read_levels(config, "layers_per_block", levels, 2)
    depths = read_levels(config, "transformer_layers_per_block", levels, 1)
    heads = read_levels(config, "attention_head_dim", levels, 8)
    if isinstance(config.get("cross_attention_dim"), list) or config.get("norm_num_groups", 32) is None:
        raise Unusual
    texts = read_number(config, "cross_attention_dim", 1280)
    linear = bool(config.get("use_linear_projection", False))
    check_divides("norm_num_groups", read_number(config, "norm_num_groups", 32), widths)
    for width, count in zip(widths, heads, strict=True):
        check_divides("attention_head_dim", count, [width])

    yield from _affine("conv_in", widths[0], read_number(config, "in_channels", 4), 3, 3)
    yield from _affine("time_embedding.linear_1", time, widths[0])
    yield from _affine("time_embedding.linear_2", time, time)
    if config.get("addition_embed_type") == "text_time":
        yield from _affine("add_embedding.linear_1", time, read_number(config, "projection_class_embeddings_input_dim"))
        yield from _affine("add_embedding.linear_2", time, time)
    before = widths[0]
    for level, width in enumerate(widths):
        block = f"down_blocks.{level}"
        for layer in range(layers[level]):
            yield from _resnet(f"{block}.resnets.{layer}", before, width, time)
            if down[level].startswith("Cross"):
                yield from _text_blocks(f"{block}.attentions.{layer}", width, texts, depths[level], linear)
            before = width
        if level < levels - 1:
            yield from _affine(f"{block}.downsamplers.0.conv", width, width, 3, 3)
    yield from _resnet("mid_block.resnets.0", before, before, time)
    yield from _text_blocks("mid_block.attentions.0", before, texts, depths[-1], linear)
    yield from _resnet("mid_block.resnets.1", before, before, time)
    for level, width in enumerate(reversed(widths)):
        block, mirrored = f"up_blocks.{level}", levels - 1 - level
        passed = widths[max(mirrored - 1, 0)]
        for layer in range(layers[mirrored] + 1):
            skipped = passed if layer == layers[mirrored] else width
            yield from _resnet(f"{block}.resnets.{layer}", before + skipped, width, time)
            if up[level].startswith("Cross"):
                yield from _text_blocks(f"{block}.attentions.{layer}", width, texts, depths[mirrored], linear)
            before = width
        if level < levels - 1:
            yield from _affine(f"{block}.upsamplers.0.conv", width, width, 3, 3)
    yield from _affine("conv_norm_out", widths[0])
    yield from _affine("conv_out", read_number(config, "out_channels", 4), widths[0], 3, 3)


def _vae(config: Config) -> Tensors:
    widths, latents = read_numbers(config, "block_out_channels"), read_number(config, "latent_channels", 4)
    for name, kind in (("down_block_types", "DownEncoderBlock2D"), ("up_block_types", "UpDecoderBlock2D")):
        given = config.get(name, [kind])
        if not isinstance(given, list) or any(found != kind for found in given):
            raise Unusual
        if len(given) != len(widths):
            raise Misfit(f"it has {len(widths)} widths and {len(given)} {name}")
    layers = read_number(config, "layers_per_block", 1)
    check_divides("norm_num_groups", read_number(config, "norm_num_groups", 32), widths)

    def middle(side: str) -> Tensors:
        width, block = widths[-1], f"{side}.mid_block"
        yield from _resnet(f"{block}.resnets.0", width, width)
        if config.get("mid_block_add_attention", True):
            yield from _affine(f"{block}.attentions.0.group_norm", width)
            for name in ("to_q", "to_k", "to_v", "to_out.0"):
                yield from _affine(f"{block}.attentions.0.{name}", width, width)
        yield from _resnet(f"{block}.resnets.1", width, width)

    def climb(side: str, way: str, steps: list[int], count: int) -> Tensors:
        before = steps[0]
        for level, width in enumerate(steps):
            for layer in range(count):
                yield from _resnet(f"{side}.{way}_blocks.{level}.resnets.{layer}", before, width)
                before = width
            if level < len(steps) - 1:
                yield from _affine(f"{side}.{way}_blocks.{level}.{way}samplers.0.conv", width, width, 3, 3)
        yield from _affine(f"{side}.conv_norm_out", widths[-1] if way == "down" else widths[0])

    yield from _affine("encoder.conv_in", widths[0], read_number(config, "in_channels", 3), 3, 3)
    yield from climb("encoder", "down", widths, layers)
    yield from middle("encoder")
    yield from _affine("encoder.conv_out", 2 * latents, widths[-1], 3, 3)
    yield from _affine("decoder.conv_in", widths[-1], latents, 3, 3)
    yield from middle("decoder")
    yield from climb("decoder", "up", widths[::-1], layers + 1)
    yield from _affine("decoder.conv_out", read_number(config, "out_channels", 3), widths[0], 3, 3)
    if config.get("use_quant_conv", True):
        yield from _affine("quant_conv", 2 * latents, 2 * latents, 1, 1)
    if config.get("use_post_quant_conv", True):
        yield from _affine("post_quant_conv", latents, latents, 1, 1)


def _clip(config: Config, projects: bool) -> Tensors:
    width, inner = read_number(config, "hidden_size", 512), read_number(config, "intermediate_size", 2048)
    check_divides("num_attention_heads", read_number(config, "num_attention_heads", 8), [width])
    words, length = read_number(config, "vocab_size", 49408), read_number(config, "max_position_embeddings", 77)
    yield "text_model.embeddings.token_embedding.weight", (words, width)
    yield "text_model.embeddings.position_embedding.weight", (length, width)
    for number in range(read_number(config, "num_hidden_layers", 12)):
        layer = f"text_model.encoder.layers.{number}"
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            yield from _affine(f"{layer}.self_attn.{name}", width, width)
        yield from _affine(f"{layer}.layer_norm1", width)
        yield from _affine(f"{layer}.layer_norm2", width)
        yield from _affine(f"{layer}.mlp.fc1", inner, width)
        yield from _affine(f"{layer}.mlp.fc2", width, inner)
    yield from _affine("text_model.final_layer_norm", width)
    if projects:
        yield "text_projection.weight", (read_number(config, "projection_dim", 512), width)


def _t5(config: Config) -> Tensors:
    if any(config.get(name, usual) != usual for name, usual in PLAIN_T5.items()):
        raise Unusual
    width, heads = read_number(config, "d_model", 512), read_number(config, "num_heads", 8)
    inner, wide = heads * read_number(config, "d_kv", 64), read_number(config, "d_ff", 2048)
    yield "shared.weight", (read_number(config, "vocab_size", 32128), width)
    for number in range(read_number(config, "num_layers", 6)):
        attention, feed = f"encoder.block.{number}.layer.0", f"encoder.block.{number}.layer.1"
        for letter in "qkv":
            yield f"{attention}.SelfAttention.{letter}.weight", (inner, width)
        yield f"{attention}.SelfAttention.o.weight", (width, inner)
        if number == 0:
            buckets = read_number(config, "relative_attention_num_buckets", 32)
            yield f"{attention}.SelfAttention.relative_attention_bias.weight", (buckets, heads)
        yield f"{attention}.layer_norm.weight", (width,)
        for name, shape in (("wi_0", (wide, width)), ("wi_1", (wide, width)), ("wo", (width, wide))):
            yield f"{feed}.DenseReluDense.{name}.weight", shape
        yield f"{feed}.layer_norm.weight", (width,)
    yield "encoder.final_layer_norm.weight", (width,)


def _transformer(config: Config) -> Tensors:
    layers, patch = read_number(config, "num_layers", 18), read_number(config, "patch_size", 2)
    head = read_number(config, "attention_head_dim", 64)
    width = read_number(config, "num_attention_heads", 18) * head
    if config.get("caption_projection_dim", 1152) != width:
        raise Misfit(f"its caption_projection_dim is not {width}, its width")
    norms, dual = config.get("qk_norm"), config.get("dual_attention_layers", ())
    if norms not in (None, "rms_norm") or not isinstance(dual, (list, tuple)):
        raise Unusual
    added = ("norm_added_q", "norm_added_k")
    channels, out = read_number(config, "in_channels", 16), config.get("out_channels") or config.get("in_channels", 16)
    yield from _affine("pos_embed.proj", width, channels, patch, patch)
    yield "pos_embed.pos_embed", (1, read_number(config, "pos_embed_max_size", 96) ** 2, width)
    for name, given in (("timestep", 256), ("text", read_number(config, "pooled_projection_dim", 2048))):
        yield from _affine(f"time_text_embed.{name}_embedder.linear_1", width, given)
        yield from _affine(f"time_text_embed.{name}_embedder.linear_2", width, width)
    yield from _affine("context_embedder", width, read_number(config, "joint_attention_dim", 4096))
    yield from _affine("norm_out.linear", 2 * width, width)
    yield from _affine("proj_out", patch**2 * read_number({"out_channels": out}, "out_channels"), width)
    for number in range(layers):
        block, last, twice = f"transformer_blocks.{number}", number == layers - 1, number in dual
        yield from _affine(f"{block}.norm1.linear", (9 if twice else 6) * width, width)
        yield from _affine(f"{block}.norm1_context.linear", (2 if last else 6) * width, width)
        for name in ("to_q", "to_k", "to_v", "add_q_proj", "add_k_proj", "add_v_proj", "to_out.0"):
            yield from _affine(f"{block}.attn.{name}", width, width)
        if not last:
            yield from _affine(f"{block}.attn.to_add_out", width, width)
        if twice:
            for name in ("to_q", "to_k", "to_v", "to_out.0"):
                yield from _affine(f"{block}.attn2.{name}", width, width)
        if norms:
            for name in ("attn.norm_q", "attn.norm_k", *(f"attn.{norm}" for norm in added)):
                yield f"{block}.{name}.weight", (head,)
            for name in ("attn2.norm_q", "attn2.norm_k") if twice else ():
                yield f"{block}.{name}.weight", (head,)
        for name in ("ff",) if last else ("ff", "ff_context"):
            yield from _affine(f"{block}.{name}.net.0.proj", 4 * width, width)
            yield from _affine(f"{block}.{name}.net.2", width, 4 * width)
