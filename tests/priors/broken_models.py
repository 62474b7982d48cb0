"""Ways in which a model's files are broken, or look odd and are not: for single files and for folders."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

Damage = Callable[[Path], Any]
DENOISER = "model.diffusion_model."
VAE = "first_stage_model."
WEIGHTS = "diffusion_pytorch_model.safetensors"


def change_tensors(path: Path, change: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    """Rewrite a file with other tensors and the same metadata."""
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, metadata)


def change_header(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Rewrite a file's header by hand; what `change` returns takes its place, unless that is None."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    other = change(header)
    write_header(path, json.dumps(header if other is None else other).encode(), content[8 + length :])


def write_header(path: Path, header: bytes, rest: bytes = b"") -> None:
    path.write_bytes(len(header).to_bytes(8, "little") + header + rest)


def say(**metadata: Any) -> Damage:
    """Put something into the metadata, under "modelspec."."""

    def change(header: dict[str, Any]) -> None:
        header["__metadata__"] |= {f"modelspec.{name}": value for name, value in metadata.items()}

    return lambda path: change_header(path, change)


def with_tensors(change: Callable[[dict[str, torch.Tensor]], Any]) -> Damage:
    return lambda path: change_tensors(path, change)


def with_header(change: Callable[[dict[str, Any]], Any]) -> Damage:
    return lambda path: change_header(path, change)


def rename(tensors: dict[str, torch.Tensor], old: str, new: str) -> None:
    for name in [name for name in tensors if old in name]:
        tensors[name.replace(old, new)] = tensors.pop(name)


def rename_attention(tensors: dict[str, torch.Tensor], flat: bool, places: tuple[str, ...], names: list[str]) -> None:
    """Give the four matrices of an autoencoder's attention other names, and the shape of a matrix where `flat`."""
    for place in places:
        for name in [name for name in tensors if place in name]:
            for old, new in zip(
                ("q", "k", "v", "proj_out", "to_q", "to_k", "to_v", "to_out.0"), 2 * names, strict=True
            ):
                start, _, kind = name.rpartition(".")
                if start.endswith(f"{place}.{old}"):
                    tensor = tensors.pop(name)
                    tensors[f"{start.removesuffix(old)}{new}.{kind}"] = (
                        tensor.view(tensor.shape[:2]) if flat else tensor
                    )
                    break


def reshape(name: str, *shape: int) -> Damage:
    def change(tensors: dict[str, torch.Tensor]) -> None:
        tensors[name] = torch.zeros(shape, dtype=tensors[name].dtype)

    return with_tensors(change)


def as_dtype(name: str, dtype: torch.dtype) -> Damage:
    def change(tensors: dict[str, torch.Tensor]) -> None:
        tensors[name] = tensors[name].to(dtype)

    return with_tensors(change)


def drop(name: str) -> Damage:
    return with_tensors(lambda tensors: tensors.pop(name))


def add(name: str, *shape: int) -> Damage:
    return with_tensors(lambda tensors: tensors.update({name: torch.zeros(shape)}))


def shift(place: int) -> Damage:
    """Move the second tensor in a file by so many bytes."""

    def change(header: dict[str, Any]) -> None:
        entries = sorted(
            (entry for name, entry in header.items() if name != "__metadata__"), key=lambda e: e["data_offsets"]
        )
        entries[1]["data_offsets"] = [offset + place for offset in entries[1]["data_offsets"]]

    return with_header(change)


def one_entry(**values: Any) -> Damage:
    """Say something else of one tensor."""
    return with_header(lambda header: header[next(name for name in header if name != "__metadata__")].update(values))


def named_twice(path: Path) -> None:
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    name = next(name for name in header if name != "__metadata__")
    text = json.dumps(header)[:-1] + f", {json.dumps(name)}: {json.dumps(header[name])}}}"
    write_header(path, text.encode(), content[8 + length :])


def loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


# Of any safetensors file.
NO_FILE: dict[str, Damage] = {
    "empty": lambda path: path.write_bytes(b""),
    "seven bytes": lambda path: path.write_bytes(b"\x02\0\0\0\0\0\0"),
    "a folder by that name": a_folder,
    "a link to itself": loop,
    "a link to nothing": lambda path: (path.unlink(), path.symlink_to(path.parent / "gone")),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "truncated in the header": lambda path: path.write_bytes(path.read_bytes()[:100]),
    "bytes after the end": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "header list": with_header(lambda header: [header]),
    "header number": with_header(lambda header: 7),
    "header null": lambda path: write_header(path, b"null"),
    "header text": with_header(lambda header: "tensors"),
    "header of nothing": with_header(lambda header: {}),
    "header without end": lambda path: write_header(path, b'{"a": {"dtype": "F32"'),
    "header not text": lambda path: write_header(path, b'{"\xff\xfe": 1}'),
    "header deep": lambda path: write_header(path, b"[" * 200_000),
    "header of a huge number": lambda path: write_header(path, b'{"a": ' + b"9" * 5000 + b"}"),
    "header said to be huge": lambda path: path.write_bytes((2**63).to_bytes(8, "little") + b"{}"),
    "header said to be longer than the file": lambda path: path.write_bytes((5000).to_bytes(8, "little") + b"{}"),
    "tensors over each other": shift(-4),
    "tensors apart": shift(4),
    "tensors out of the file": one_entry(data_offsets=[2**40, 2**40 + 4]),
    "an entry that is a list": with_header(lambda header: header.update({"a": [1]})),
    "an entry of nothing": with_header(lambda header: header.update({"a": None})),
    "offsets backwards": one_entry(data_offsets=[8, 4]),
    "negative offsets": one_entry(data_offsets=[-4, 4]),
    "offsets that are text": one_entry(data_offsets=["0", "4"]),
    "three offsets": one_entry(data_offsets=[0, 4, 8]),
    "a shape of fractions": one_entry(shape=[1.5]),
    "a shape that is text": one_entry(shape="3"),
    "a shape that is not the size": one_entry(shape=[3]),
    "a shape without bounds": one_entry(shape=[2**62, 2**62]),
    "an unknown type": one_entry(dtype="F33"),
    "a type that is a list": one_entry(dtype=["F32"]),
    "metadata of numbers": with_header(lambda header: header.update(__metadata__={"step": 3})),
    "metadata of lists": with_header(lambda header: header.update(__metadata__={"tags": ["a"]})),
    "metadata that is a list": with_header(lambda header: header.update(__metadata__=["a"])),
    "a name twice": named_twice,
}

ATTENTION = ["to_q", "to_k", "to_v", "to_out.0"]
CONV = DENOISER + "middle_block.0.out_layers.3.weight"
EMBEDDING = "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight"

# Of a single file of Stable Diffusion 1.
BROKEN_FILES: dict[str, Damage] = {
    **NO_FILE,
    "a misshapen tensor": reshape(CONV, 64, 32, 3, 3),
    "a flat tensor": reshape(CONV, 36864),
    "a misshapen first tensor": reshape(DENOISER + "input_blocks.0.0.weight", 32),
    "a first tensor of nothing": reshape(DENOISER + "input_blocks.0.0.weight", 0, 4, 3, 3),
    "a misshapen last tensor": reshape(DENOISER + "out.2.weight", 4),
    "odd widths": reshape(DENOISER + "input_blocks.1.0.in_layers.2.weight", 33, 32, 3, 3),
    "other texts": reshape(DENOISER + "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", 32, 99),
    "a misshapen autoencoder": reshape(VAE + "encoder.conv_out.weight", 3, 32, 3, 3),
    "a flat autoencoder": reshape(VAE + "encoder.conv_out.weight", 7),
    "a misshapen end of the autoencoder": reshape(VAE + "decoder.conv_out.weight", 4, 32, 3, 3),
    "a misshapen attention of the autoencoder": reshape(VAE + "encoder.mid.attn_1.q.weight", 32, 31, 1, 1),
    "an attention with a larger kernel": reshape(VAE + "encoder.mid.attn_1.q.weight", 32, 32, 3, 3),
    "a misshapen word": reshape(EMBEDDING, 64),
    "a misshapen text encoder": reshape(EMBEDDING.replace("token", "position"), 20, 63),
    "a lost tensor": drop(CONV),
    "a lost bias": drop(CONV.replace("weight", "bias")),
    "a lost tensor of the autoencoder": drop(VAE + "decoder.up.0.block.0.conv1.weight"),
    "a lost tensor that tells of the autoencoder": drop(VAE + "quant_conv.weight"),
    "a lost tensor of the text encoder": drop("cond_stage_model.transformer.text_model.final_layer_norm.bias"),
    "whole numbers": as_dtype(CONV, torch.int8),
    "whole numbers in the autoencoder": as_dtype(VAE + "decoder.conv_in.weight", torch.int8),
    "whole numbers in the text encoder": as_dtype(EMBEDDING, torch.int32),
    "truths": as_dtype(VAE + "decoder.conv_in.weight", torch.bool),
    "complex numbers": as_dtype(VAE + "decoder.conv_in.weight", torch.complex64),
    "an attention twice": with_tensors(
        lambda tensors: tensors.update(
            {VAE + "encoder.mid.attn_1.to_q.weight": tensors[VAE + "encoder.mid.attn_1.q.weight"].clone()}
        )
    ),
}
ODD_FILES: dict[str, Damage] = {
    "as it is": lambda path: None,
    **{
        f"resolution {said!r}": say(resolution=said)
        for said in ("0x0", "", "x", "1e9x1", "-512x512", "512", "7x7", "9" * 6000 + "x1", "99999x99999", "٨x٨x")
    },
    "predicts nothing": say(prediction_type=""),
    "no metadata": with_header(lambda header: header.pop("__metadata__") and None),
    "metadata of nothing": with_header(lambda header: header.update(__metadata__=None)),
    "attention by its newer names": with_tensors(lambda t: rename_attention(t, False, ("attn_1",), ATTENTION)),
    "attention by its newer names, as matrices": with_tensors(
        lambda t: rename_attention(t, True, ("attn_1",), ATTENTION)
    ),
    "attention by its older names": with_tensors(
        lambda t: rename_attention(t, True, ("attn_1",), ["query", "key", "value", "proj_attn"])
    ),
    "attention as matrices": with_tensors(
        lambda t: rename_attention(t, True, ("attn_1",), ["q", "k", "v", "proj_out"])
    ),
    "another tensor": add("betas", 1000),
    "a tensor more in the denoiser": add(DENOISER + "input_blocks.1.0.more.weight", 3),
    "a tensor more in the autoencoder": add(VAE + "encoder.down.0.more.weight", 3),
    "a critic": add(VAE + "loss.discriminator.down.0.weight", 3),
    "a tensor more in the text encoder": add("cond_stage_model.transformer.more", 3),
    "an empty mark": add("v_pred", 0),
    "double precision": as_dtype(CONV, torch.float64),
    "half precision": as_dtype(CONV, torch.float16),
    "brain floats": as_dtype(EMBEDDING, torch.bfloat16),
    "eight bits": as_dtype(CONV, torch.float8_e4m3fn),
    "eight bits of the other kind": as_dtype(VAE + "decoder.conv_in.weight", torch.float8_e5m2),
}


def weights(part: str, damage: Damage) -> Damage:
    """The same to the weights of one part of a folder."""
    name = "model.safetensors" if part.startswith("text_encoder") else WEIGHTS
    return lambda folder: damage(folder / part / name)


def config(file: str, **values: Any) -> Damage:
    """Say something else in one of a folder's files; ... takes it out."""

    def change(folder: Path) -> None:
        data = json.loads((folder / file).read_text(encoding="utf-8"))
        data.update(values)
        (folder / file).write_text(
            json.dumps({key: value for key, value in data.items() if value is not ...}), encoding="utf-8"
        )

    return change


def text(file: str, content: str) -> Damage:
    return lambda folder: (folder / file).write_text(content, encoding="utf-8")


def replaced(file: str, damage: Damage) -> Damage:
    return lambda folder: damage(folder / file)


MID = "mid_block.resnets.0.conv2.weight"
CONFIGS = (
    "model_index.json",
    "unet/config.json",
    "vae/config.json",
    "text_encoder/config.json",
    "scheduler/scheduler_config.json",
    "tokenizer/vocab.json",
    "tokenizer/tokenizer_config.json",
)
UNET, AUTOENCODER, TEXTS, STEPS = CONFIGS[1:5]

# Of a folder that tiny_pipeline.write_pipeline wrote.
BROKEN_FOLDERS: dict[str, Damage] = {
    **{f"unet: {name}": weights("unet", damage) for name, damage in NO_FILE.items()},
    **{
        f"{file}: {content[:12]}": text(file, content)
        for file in CONFIGS
        for content in ("", "[]", "null", "3", '"x"', "{", "[" * 100_000, "\x00")
    },
    **{f"{file}: a link to itself": replaced(file, loop) for file in CONFIGS},
    **{f"{file}: a folder": replaced(file, a_folder) for file in CONFIGS},
    **{
        f"unet: {name} {value!r}": config(UNET, **{name: value})
        for name, value in {
            "in_channels": [4],
            "block_out_channels": [8, 17],
            "layers_per_block": 0,
            "attention_head_dim": 3,
            "norm_num_groups": 3,
            "cross_attention_dim": "12",
            "sample_size": 0,
            "down_block_types": ["DownBlock2D"],
        }.items()
    },
    "unet: sample_size true": config(UNET, sample_size=True),
    "unet: sample_size without bounds": config(UNET, sample_size=10**9),
    "unet: layers without bounds": config(UNET, layers_per_block=10**9),
    "unet: another depth": config(UNET, layers_per_block=2),
    "unet: no widths": config(UNET, block_out_channels=None),
    "vae: latent channels of text": config(AUTOENCODER, latent_channels="4"),
    "vae: no scale": config(AUTOENCODER, scaling_factor=0.0),
    "vae: a scale of text": config(AUTOENCODER, scaling_factor="0.2"),
    "vae: means of another number": config(AUTOENCODER, latents_mean=[0.0], latents_std=[1.0]),
    "vae: widths of text": config(AUTOENCODER, block_out_channels="88"),
    "vae: another depth": config(AUTOENCODER, layers_per_block=2),
    "texts: another width": config(TEXTS, hidden_size=16),
    "texts: no width": config(TEXTS, hidden_size=None),
    "texts: another depth": config(TEXTS, num_hidden_layers=2),
    "texts: heads that do not divide": config(TEXTS, num_attention_heads=5),
    "texts: fewer words": config(TEXTS, vocab_size=20),
    "steps: none": config(STEPS, num_train_timesteps=0),
    "steps: text": config(STEPS, num_train_timesteps="1000"),
    "betas: text": config(STEPS, beta_start="small"),
    "betas: above one": config(STEPS, beta_end=1.5),
    "betas: negative": config(STEPS, beta_start=-0.1),
    "betas: unknown": config(STEPS, beta_schedule="cubic"),
    "betas: none": config(STEPS, beta_schedule=None),
    "betas: trained, text": config(STEPS, trained_betas=["a", "b"]),
    "betas: trained, one": config(STEPS, trained_betas=[0.1]),
    "index: a part that is a number": config("model_index.json", unet=3),
    "index: a pipeline that is a list": config("model_index.json", _class_name=["StableDiffusionPipeline"]),
    "vocabulary: words beyond the table": config("tokenizer/vocab.json", zebra=10_000),
    "vocabulary: a number of text": config("tokenizer/vocab.json", zebra="1"),
    "merges: no text": lambda folder: (folder / "tokenizer/merges.txt").write_bytes(b"\xff\xfe\xff"),
    "shards: a list": text(f"unet/{WEIGHTS}.index.json", '{"weight_map": [1]}'),
    "shards: none": text(f"unet/{WEIGHTS}.index.json", '{"weight_map": {}}'),
    "shards: numbers": text(f"unet/{WEIGHTS}.index.json", '{"weight_map": {"a": 1}}'),
    "shards: elsewhere": text(f"unet/{WEIGHTS}.index.json", f'{{"weight_map": {{"a": "../vae/{WEIGHTS}"}}}}'),
    "a misshapen tensor": weights("unet", reshape(MID, 16, 16, 1, 1)),
    "a misshapen autoencoder": weights("vae", reshape("decoder.conv_out.weight", 4, 8, 3, 3)),
    "a misshapen text encoder": weights(
        "text_encoder", with_tensors(lambda t: t.update({name: torch.zeros(1) for name in t if "fc1.weight" in name}))
    ),
    "a lost tensor": weights("unet", drop(MID)),
    "a lost tensor of the autoencoder": weights("vae", drop("quant_conv.bias")),
    "a lost tensor of the text encoder": weights(
        "text_encoder", with_tensors(lambda t: t.pop(next(name for name in t if "q_proj.bias" in name)))
    ),
    "whole numbers": weights("unet", as_dtype(MID, torch.int8)),
    "the weights of another part": lambda folder: shutil.copyfile(folder / "vae" / WEIGHTS, folder / "unet" / WEIGHTS),
    "an attention twice": weights(
        "vae",
        with_tensors(
            lambda t: t.update(
                {"encoder.mid_block.attentions.0.query.weight": t["encoder.mid_block.attentions.0.to_q.weight"].clone()}
            )
        ),
    ),
}
ATTENTIONS = ("attentions.0",)
ODD_FOLDERS: dict[str, Damage] = {
    "as it is": lambda folder: None,
    "attention by its older names": weights(
        "vae", with_tensors(lambda t: rename_attention(t, True, ATTENTIONS, ["query", "key", "value", "proj_attn"]))
    ),
    "attention by its original names": weights(
        "vae", with_tensors(lambda t: rename_attention(t, True, ATTENTIONS, ["q", "k", "v", "proj_out"]))
    ),
    "a tensor more": weights("unet", add("more.weight", 3)),
    "a tensor more in the text encoder": weights("text_encoder", add("text_model.embeddings.position_ids", 1, 20)),
    "half precision": weights("unet", as_dtype(MID, torch.float16)),
    "eight bits": weights("unet", as_dtype(MID, torch.float8_e4m3fn)),
    "metadata of nothing": weights("unet", with_header(lambda header: header.update(__metadata__=None))),
    "trained betas": config(STEPS, trained_betas=[0.001 * (1 + number / 100) for number in range(1000)]),
    "texts without the beginning of their names": weights(
        "text_encoder", with_tensors(lambda t: rename(t, "text_model.", ""))
    ),
}


def unreadable(path: Path) -> None:
    os.chmod(path, 0)
