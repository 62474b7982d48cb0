"""The procedural world shown as photographs are: lamps, lenses and backgrounds of all sorts, and a caption that seldom
says from where.

Layers of every object are rendered once and kept in a cache folder; colours, lamp and background are new in every
picture. People photograph things from the front more often than from behind, and these pictures do so, too: that is
where the two-headed shapes of text-to-image distillation come from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from server.priors.pretrained.view_prompts import view_weights
from server.priors.pretrained.wording import VIEW_WORDS
from server.training.captions_table import PARTS
from server.training.pictures import Watch, cached, fingerprint, unwatched
from server.world import gbuffers, shapes
from server.world.camera_law import CameraLaw
from server.world.cameras import law_views
from server.world.captions import COLOURS, KINDS, Caption
from server.world.shading import palette
from server.world.shapes import materials_of
from server.world.views import Views, draw_backgrounds

# As PHOTOGRAPHS of the pretrained models, and from above, so that "overhead view" means something.
CAMERAS = CameraLaw(fov=45.0, fov_spread=15.0, elevation=(-10.0, 80.0), low_elevation=(-10.0, 45.0))
FRONT_BIAS = 0.6  # 1.6 from the front for every 0.4 from behind
AMBIENT = (0.35, 0.7)
TINT = 0.04
PLAIN = 0.6  # share of plain backgrounds
HORIZON = 0.5  # share of the others that have a floor
# Objects that show where they face are drawn so much more often than the others.
MORE_OFTEN = ("snowman", "chair", "car", "house", "duck", "mug", "hammer")
MORE = 2.0


@dataclass(frozen=True)
class Photographs:
    """B pictures and their captions.

    Attributes:
        pictures: [B, 3, S, S] in [0, 1].
        subject: [B] number in KINDS; colour: [B] number in COLOURS.
        word: [B] 1 + the number in VIEW_WORDS of the one that fits best.
        views: their cameras; the background is not among them.
    """

    pictures: Tensor
    subject: Tensor
    colour: Tensor
    word: Tensor
    views: Views


def captions() -> list[str]:
    """The texts of all photographs, [kinds, colours, 1 + len(VIEW_WORDS)] flattened."""
    return [
        Caption("mesh", kind, colour).text() + ending
        for kind in KINDS
        for colour in COLOURS
        for ending in ("", *VIEW_WORDS)
    ]


def caption_numbers(photographs: Photographs) -> Tensor:
    """Places in `captions()`, [B]."""
    texts = 1 + len(VIEW_WORDS)
    return (photographs.subject * len(COLOURS) + photographs.colour) * texts + photographs.word


def caption_parts(numbers: Tensor) -> Tensor:
    """Numbers [B, 3] of kind, colour and word (0 is none) of the captions at `numbers` of `captions()`."""
    texts = 1 + len(VIEW_WORDS)
    things = numbers // texts
    return torch.stack([things // len(COLOURS), things % len(COLOURS), numbers % texts], -1)


def without_view(numbers: Tensor) -> Tensor:
    """The captions at `numbers` of `captions()` without the side that they show."""
    return numbers - numbers % (1 + len(VIEW_WORDS))


class PhotographBank:
    """Layers of objects from the same `views` views.

    Two banks share no view when the views of the first end before the second's `start`.

    Args:
        cache: folder where the layers are kept.
        kinds: keys of KINDS.
        front_bias: an azimuth is seen as often as 1 + front_bias cos(azimuth).
        watch: see pictures.py; the layers may have to be rendered first.
    """

    def __init__(
        self,
        cache: Path,
        size: int,
        views: int,
        start: int = 0,
        kinds: Sequence[str] = tuple(KINDS),
        front_bias: float = FRONT_BIAS,
        watch: Watch = unwatched,
    ) -> None:
        self.size = size
        self.views = photographers(views, start)
        cache.mkdir(parents=True, exist_ok=True)
        version = fingerprint(shapes, gbuffers, law_views, photographers, render_photographs)
        # uint8 [K, views, PARTS + 3, S, S]
        self.layers = torch.stack(
            [
                torch.from_numpy(cached(cache / f"photographs-{kind}-{size}-{views}-{version}-{start}.npy", render))
                for kind in watch(kinds, "Rendering photographs")
                for render in [partial(render_photographs, kind, self.views, size)]
            ]
        )
        self._often = 1 + front_bias * torch.cos(self.views.azimuth)
        self._words = 1 + view_weights(self.views).argmax(1)
        self._palettes = torch.zeros(len(kinds), len(COLOURS), PARTS, 3)
        for k, kind in enumerate(kinds):
            for c, colour in enumerate(COLOURS):
                own = palette(Caption("mesh", kind, colour), materials_of(kind))
                self._palettes[k, c, : len(own)] = own
        self._often_kind = torch.tensor([MORE if kind in MORE_OFTEN else 1.0 for kind in kinds])
        self._subject = torch.tensor([list(KINDS).index(kind) for kind in kinds])

    def draw(self, count: int, generator: torch.Generator) -> Photographs:
        """`count` photographs of objects in random colours, by the laws of this module."""
        kind = torch.multinomial(self._often_kind, count, replacement=True, generator=generator)
        colour = torch.randint(len(COLOURS), (count,), generator=generator)
        view = torch.multinomial(self._often, count, replacement=True, generator=generator)
        layers = self.layers[kind, view].float()
        cover = layers[:, :PARTS] / 255
        normal = (layers[:, PARTS:] - 128) / 127
        flat = torch.einsum("bphw,bpc->bchw", cover, self._palettes[kind, colour])
        solid = cover.sum(1, keepdim=True).clamp(max=1)
        towards = torch.einsum("bchw,bc->bhw", normal, _lamps(count, generator))[:, None]
        diffuse = 0.5 + 0.5 * towards / solid.clamp_min(1e-3)
        low, high = AMBIENT
        ambient = low + (high - low) * torch.rand(count, 1, 1, 1, generator=generator)
        tint = 1 + TINT * torch.randn(count, 3, 1, 1, generator=generator)
        lighted = flat * (ambient + (1 - ambient) * diffuse) * tint
        pictures = lighted + (1 - solid) * _surroundings(count, self.size, generator)
        views = self.views.pick(view)
        return Photographs(pictures.clamp(0, 1), self._subject[kind], colour, self._words[view], views)


def photographers(count: int, start: int = 0) -> Views:
    """Where the pictures are taken from: evenly from all of CAMERAS, by the Sobol sequence from its `start`-th on."""
    sequence = torch.quasirandom.SobolEngine(6, scramble=True, seed=0).fast_forward(start)
    return law_views(CAMERAS, *sequence.draw(count).unbind(1))


def render_photographs(kind: str, views: Views, size: int) -> np.ndarray:
    """uint8 [V, PARTS + 3, S, S]: 255 times the share of a pixel that each material covers, then 128 plus 127 times the
    pixel's mean normal."""
    found = np.zeros((len(views), PARTS + 3, size, size), np.uint8)
    materials = materials_of(kind)
    for chosen in torch.arange(len(views)).split(64):
        seen = gbuffers.render_gbuffer(kind, views.pick(chosen), size)
        share = torch.stack([(seen.material == m).float() for m in materials], 1)
        cover = functional.avg_pool2d(share, 2) * 255
        normal = functional.avg_pool2d(seen.normal.float().movedim(-1, 1), 2) + 128
        found[chosen, : len(materials)] = cover.round().clamp(0, 255).numpy()
        found[chosen, PARTS:] = normal.round().clamp(0, 255).numpy()
    return found


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
