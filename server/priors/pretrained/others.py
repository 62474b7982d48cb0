"""What else is shared as a safetensors file, besides whole models, by the names and shapes of its tensors."""

from __future__ import annotations

from server.priors.pretrained.header import Header

# A piece of some tensor's name; the first that is found names the file.
_BY_NAME = (
    ("hada_w1", "a LyCORIS adapter"),
    ("lokr_w1", "a LyCORIS adapter"),
    ("lora_", "a LoRA"),
    (".lora", "a LoRA"),
    ("control_model.", "a ControlNet"),
    ("controlnet", "a ControlNet"),
    ("input_hint_block", "a ControlNet"),
    ("motion_modules", "an AnimateDiff motion module"),
    ("ip_adapter", "an IP-Adapter"),
    ("string_to_param", "a textual inversion"),
    ("emb_params", "a textual inversion"),
    ("double_blocks.", "a model of the Flux family"),
    ("patchify_proj", "a video model"),
    ("temporal", "a video model"),
    ("time_stack", "a video model"),
    ("joint_blocks.", "a denoiser of Stable Diffusion 3 alone"),
    ("down_blocks.", "one part of a diffusers folder"),
    ("transformer_blocks.", "one part of a diffusers folder"),
    ("first_stage_model.", "an autoencoder"),
    ("encoder.down.", "an autoencoder"),
    ("encoder.block.", "a text encoder"),
    ("text_model.", "a text encoder"),
)
# Of textual inversions: a vector or a few for each text encoder, under the encoder's name or the new word's.
_ENCODERS = {"clip_l", "clip_g", "t5xxl"}
_WIDTHS = (768, 1024, 1280, 4096)


def what_else(header: Header) -> str | None:
    """What the file holds, for people, where it is known."""
    shapes = header.shapes
    if shapes and (shapes.keys() <= _ENCODERS or (len(shapes) <= 2 and all(map(_is_new_word, shapes.values())))):
        return "a textual inversion"
    return next((what for piece, what in _BY_NAME if any(piece in name for name in shapes)), None)


def _is_new_word(shape: tuple[int, ...]) -> bool:
    return len(shape) in (1, 2) and shape[-1] in _WIDTHS and (len(shape) == 1 or shape[0] <= 128)
