"""The procedural world shown as photographs are: lamps, lenses and backgrounds of all sorts, and a caption that seldom
says from where.

Layers of every object are rendered once and kept in a cache folder; colours, lamp and background are new in every
picture. People photograph things from the front more often than from behind, and these pictures do so, too: that is
where the two-headed shapes of text-to-image distillation come from.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from server.generators.radiance_field.cameras import draw_views
from server.priors.captions import COLOURS, KINDS, Caption
from server.priors.card import CameraLaw
from server.priors.embedded.captions_table import PARTS
from server.priors.embedded.pictures import _cached, fingerprint
from server.priors.pretrained.view_prompts import SUFFIXES, view_weights
from server.priors.procedural import bank, gbuffers, shapes
from server.priors.procedural.shading import palette
from server.priors.procedural.shapes import materials_of
from server.priors.views import Views, draw_backgrounds

# As PHOTOGRAPHS of the pretrained models, and from above, so that "overhead view" means something.
CAMERAS = CameraLaw(fov=45.0, fov_spread=15.0, elevation=(-10.0, 80.0), low_elevation=(-10.0, 45.0))
FRONT_BIAS = 0.6  # how often an azimuth is seen: 1 + FRONT_BIAS cos(azimuth)
NAMED = 0.5  # share of the captions that name the side they show
AMBIENT = (0.35, 0.7)
TINT = 0.04
PLAIN = 0.6  # share of plain backgrounds
HORIZON = 0.5  # share of the others that have a floor
# Objects whose front is not their back, and the others: how often each is drawn.
FRONTED = ("snowman", "chair", "car", "house", "duck", "mug", "hammer")
MORE = 2.0


@dataclass(frozen=True)
class Photographs:
    """B pictures and their captions.

    Attributes:
        pictures: [B, 3, S, S] in [0, 1].
        subject: [B] number in KINDS; colour: [B] number in COLOURS.
        word: [B] 0 where the caption names no side, else 1 + the number in SUFFIXES.
        views: their cameras; the background is not among them.
    """

    pictures: Tensor
    subject: Tensor
    colour: Tensor
    word: Tensor
    views: Views


def captions() -> list[str]:
    """The texts of all photographs, [kinds, colours, 1 + len(SUFFIXES)] flattened."""
    return [
        Caption("mesh", kind, colour).text() + ending
        for kind in KINDS
        for colour in COLOURS
        for ending in ("", *SUFFIXES)
    ]


def caption_numbers(photographs: Photographs) -> Tensor:
    """Places in `captions()`, [B]."""
    texts = 1 + len(SUFFIXES)
    return (photographs.subject * len(COLOURS) + photographs.colour) * texts + photographs.word


class PhotographBank:
    """Layers of every kind from the same `views` views. Banks with different `start`s share no view."""

    def __init__(self, cache: Path, size: int, views: int, start: int = 0) -> None:
        self.size = size
        self.views = draw_views(CAMERAS, views, start, torch.Generator().manual_seed(start))
        cache.mkdir(parents=True, exist_ok=True)
        version = fingerprint(shapes, gbuffers, draw_views, PhotographBank)
        file = cache / f"photographs-{size}-{views}-{version}-{start}.npy"
        # uint8 [kinds, views, PARTS + 3, S, S]: covered shares of a pixel, then its mean normal.
        self.layers = torch.from_numpy(_cached(file, self._render))
        self._often = 1 + FRONT_BIAS * torch.cos(self.views.azimuth)
        self._words = view_weights(self.views)
        self._palettes = torch.zeros(len(KINDS), len(COLOURS), PARTS, 3)
        for k, kind in enumerate(KINDS):
            for c, colour in enumerate(COLOURS):
                own = palette(Caption("mesh", kind, colour), materials_of(kind))
                self._palettes[k, c, : len(own)] = own
        self._kinds = torch.tensor([MORE if kind in FRONTED else 1.0 for kind in KINDS])

    def _render(self) -> np.ndarray:
        found = np.zeros((len(KINDS), len(self.views), PARTS + 3, self.size, self.size), np.uint8)
        for k, kind in enumerate(tqdm(KINDS, desc="Rendering photographs")):
            for start in range(0, len(self.views), 64):
                chosen = torch.arange(start, min(start + 64, len(self.views)))
                layers = _layers(kind, bank.pick_views(self.views, chosen), self.size)
                found[k, start : start + len(chosen), : layers.shape[1] - 3] = layers[:, :-3].numpy()
                found[k, start : start + len(chosen), PARTS:] = layers[:, -3:].numpy()
        return found

    def draw(self, count: int, generator: torch.Generator) -> Photographs:
        """`count` photographs of objects in random colours, by the laws of this module."""
        subject = torch.multinomial(self._kinds, count, replacement=True, generator=generator)
        colour = torch.randint(len(COLOURS), (count,), generator=generator)
        view = torch.multinomial(self._often, count, replacement=True, generator=generator)
        side = torch.multinomial(self._words[view], 1, generator=generator).squeeze(1)
        named = torch.rand(count, generator=generator) < NAMED
        layers = self.layers[subject, view].float()
        cover = layers[:, :PARTS] / 255
        normal = (layers[:, PARTS:] - 128) / 127
        flat = torch.einsum("bphw,bpc->bchw", cover, self._palettes[subject, colour])
        solid = cover.sum(1, keepdim=True).clamp(max=1)
        towards = torch.einsum("bchw,bc->bhw", normal, _lamps(count, generator))[:, None]
        diffuse = 0.5 + 0.5 * towards / solid.clamp_min(1e-3)
        low, high = AMBIENT
        ambient = low + (high - low) * torch.rand(count, 1, 1, 1, generator=generator)
        tint = 1 + TINT * torch.randn(count, 3, 1, 1, generator=generator)
        lighted = flat * (ambient + (1 - ambient) * diffuse) * tint
        pictures = lighted + (1 - solid) * _surroundings(count, self.size, generator)
        views = bank.pick_views(self.views, view)
        return Photographs(pictures.clamp(0, 1), subject, colour, torch.where(named, 1 + side, 0), views)


def _layers(kind: str, views: Views, size: int) -> Tensor:
    """uint8 [V, parts + 3, S, S]."""
    seen = gbuffers.render_gbuffer(kind, views, size)
    share = torch.stack([(seen.material == m).float() for m in materials_of(kind)], 1)
    cover = functional.avg_pool2d(share, 2) * 255
    normal = functional.avg_pool2d(seen.normal.float().movedim(-1, 1), 2) + 128
    return torch.cat([cover, normal], 1).round().clamp(0, 255).to(torch.uint8)


def _lamps(count: int, generator: torch.Generator) -> Tensor:
    """Directions towards lamps, [count, 3], unit length: from anywhere above, or a little below."""
    azimuth = 2 * math.pi * torch.rand(count, generator=generator)
    height = 1.2 * torch.rand(count, generator=generator) - 0.2
    flat = (1 - height**2).sqrt()
    return torch.stack([flat * torch.cos(azimuth), flat * torch.sin(azimuth), height], 1)


def _surroundings(count: int, size: int, generator: torch.Generator) -> Tensor:
    """Backgrounds [count, 3, S, S]: plain ones, soft blobs of colour, some with a floor."""
    wall = draw_backgrounds(count, generator)[:, :, None, None]
    floor = draw_backgrounds(count, generator)[:, :, None, None]
    blobs = 0.12 * torch.randn(count, 3, 4, 4, generator=generator)
    blobs = functional.interpolate(blobs, (size, size), mode="bicubic", align_corners=False)
    row = torch.linspace(0, 1, size)[:, None]
    edge = 0.35 + 0.5 * torch.rand(count, 1, 1, 1, generator=generator)
    softness = 0.01 + 0.1 * torch.rand(count, 1, 1, 1, generator=generator)
    below = torch.sigmoid((row - edge) / softness)
    below = below * (torch.rand(count, 1, 1, 1, generator=generator) < HORIZON)
    furnished = wall + (floor - wall) * below + blobs
    plain = torch.rand(count, 1, 1, 1, generator=generator) < PLAIN
    return torch.where(plain, wall, furnished).clamp(0, 1)
