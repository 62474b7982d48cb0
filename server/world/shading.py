"""From G-buffers to pictures: one light that is fixed in the world, so that the shading is the same from every side.

A picture is linear in the colours, in the background and in the share of ambient light, so a view is kept as its
layers: for every material the share of the pixel it covers, and that share times its diffuse light.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from server.world.captions import COLOURS, RGB, Caption
from server.world.gbuffers import GBuffer
from server.world.lamp import AMBIENT, diffuse
from server.world.shapes import Material

_FIXED: dict[Material, RGB] = {
    Material.DARK: (0.10, 0.10, 0.12),
    Material.LIGHT: (0.97, 0.96, 0.90),
    Material.GLASS: (0.62, 0.80, 0.93),
    Material.ORANGE: (0.96, 0.50, 0.06),
    Material.WOOD: (0.42, 0.27, 0.14),
    Material.RED: (0.72, 0.16, 0.12),
}
_USUAL_SECOND: dict[str, RGB] = {
    "mushroom": (0.96, 0.92, 0.80),
    "snowman": (0.10, 0.10, 0.12),
    "table": (0.42, 0.27, 0.14),
    "chair": (0.42, 0.27, 0.14),
    "car": (0.10, 0.10, 0.12),
    "tree": (0.42, 0.27, 0.14),
    "house": (0.62, 0.27, 0.18),
    "duck": (0.96, 0.50, 0.06),
    "hammer": (0.62, 0.42, 0.22),
}


@dataclass(frozen=True)
class Layers:
    """Views of one object before colours.

    Attributes:
        materials: which materials the P layers are, in order.
        cover: uint8 [V, P, S, S], 255 times the share of a pixel that a material covers.
        lit: uint8 [V, P, S, S], 255 times that share times its diffuse light in [0, 1].
    """

    materials: tuple[Material, ...]
    cover: Tensor
    lit: Tensor

    def pick(self, views: Tensor) -> Layers:
        """The layers of some of the views."""
        return Layers(self.materials, self.cover[views], self.lit[views])


def to_layers(gbuffer: GBuffer, materials: tuple[Material, ...], chunk: int = 64) -> Layers:
    """Light the sub-pixels and average them two by two."""
    covers, lits = [], []
    for start in range(0, len(gbuffer.material), chunk):
        normal, material = gbuffer.normal[start : start + chunk], gbuffer.material[start : start + chunk]
        lit = diffuse(normal.float() / 127)
        share = torch.stack([(material == m).float() for m in materials], 1)
        covers.append(_to_bytes(functional.avg_pool2d(share, 2)))
        lits.append(_to_bytes(functional.avg_pool2d(share * lit[:, None], 2)))
    return Layers(materials, torch.cat(covers), torch.cat(lits))


def _to_bytes(x: Tensor) -> Tensor:
    return (x * 255).round().clamp(0, 255).to(torch.uint8)


def palette(caption: Caption, materials: tuple[Material, ...]) -> Tensor:
    """The colours [P, 3] in [0, 1] of an object's materials under a caption."""
    main = COLOURS[caption.colour]
    second = COLOURS[caption.second] if caption.second else _USUAL_SECOND.get(caption.name, main)
    colours = {**_FIXED, Material.MAIN: main, Material.SECOND: second}
    return torch.tensor([colours[material] for material in materials])


def colour_layers(layers: Layers, colours: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The three pictures that every picture of these views is made of.

    Args:
        colours: [P, 3], from `palette`.

    Returns:
        flat [V, 3, S, S] under ambient light alone, lit [V, 3, S, S] under the lamp alone, both black where there is no
        object, and the object's coverage [V, 1, S, S]. A picture is `ambient * flat + (1 - ambient) * lit +
        (1 - coverage) * background`.
    """
    cover = layers.cover.float() / 255
    flat = torch.einsum("vphw,pc->vchw", cover, colours)
    lit = torch.einsum("vphw,pc->vchw", layers.lit.float() / 255, colours)
    return flat, lit, cover.sum(1, keepdim=True).clamp(max=1)


def shade(layers: Layers, colours: Tensor, background: Tensor, ambient: Tensor | float = AMBIENT) -> Tensor:
    """Pictures [V, 3, S, S] in [0, 1].

    Args:
        colours: [P, 3]; background: [V, 3] or [3]; ambient: [V] or one number in [0, 1].
    """
    flat, lit, coverage = colour_layers(layers, colours)
    share = torch.as_tensor(ambient, device=flat.device).reshape(-1, 1, 1, 1)
    return share * flat + (1 - share) * lit + (1 - coverage) * background.reshape(-1, 3, 1, 1)
