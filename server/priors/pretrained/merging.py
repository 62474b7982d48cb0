"""LoRA files merged into a model's networks by the loader of the diffusers library, at no cost in every step after."""

from __future__ import annotations

from typing import Any

from server.errors import Problem
from server.priors.pretrained.families import FAMILIES, PretrainedModel
from server.priors.pretrained.loading import Networks
from server.priors.pretrained.loras import broken_lora

LOADERS = {
    "sd": "StableDiffusionLoraLoaderMixin",
    "sdxl": "StableDiffusionXLLoraLoaderMixin",
    "sd3": "SD3LoraLoaderMixin",
}


def merge_loras(model: PretrainedModel, networks: Networks) -> None:
    """Add each of the model's LoRA files, times its weight, to the networks, in place.

    Raises:
        BadRequest: "lora-broken" when one cannot be added to them.
    """
    from diffusers import loaders

    class Holder(getattr(loaders, LOADERS[model.family])):  # type: ignore[misc]
        """What the loader takes for a pipeline."""

        hf_device_map = None

    holder: Any = Holder()
    holder.components = {FAMILIES[model.family].denoiser: networks.denoiser, **networks.text_encoders}
    for name, network in holder.components.items():
        setattr(holder, name, network)
    for lora in model.loras:
        try:
            holder.load_lora_weights(str(lora.path), adapter_name="lora")
            changed = list(holder.get_list_adapters())
            if not changed:
                raise broken_lora(lora.path, "holds nothing for the networks of this model")
            holder.fuse_lora(components=changed, lora_scale=lora.weight)
            holder.unload_lora_weights()
        except (Problem, MemoryError):
            raise
        except Exception as error:
            # The loader has many ways to say that tensors do not fit; all of them are about the file.
            said = (str(error).splitlines() or [type(error).__name__])[0]
            raise broken_lora(lora.path, f"cannot be added to {model.path.name} ({said})") from error
