"""Training pictures, made on the fly: layers of objects and windows onto surfaces are rendered once and kept in a cache
folder; colours, light and background are new in every batch."""

from __future__ import annotations

import ast
import hashlib
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from server.files import replaced
from server.training.captions_table import PARTS, PHRASINGS, CaptionTable
from server.world import bank, distances, gbuffers, lamp, patterns, shading, shapes
from server.world.camera_law import CameraLaw
from server.world.cameras import law_views
from server.world.captions import KINDS, PATTERNS
from server.world.views import Views, draw_backgrounds

AMBIENT = (0.5, 0.6)  # share of ambient light, uniform
NO_VIEW_NAME = 0.7  # share of the captions that do not name the side they show

Watch = Callable[[Iterable[str], str], Iterable[str]]
"""watch(things, what is done with them) -> the same things, one by one, which a progress bar may count."""


def unwatched(things: Iterable[str], what: str) -> Iterable[str]:
    return things


@dataclass(frozen=True)
class Batch:
    """B pictures with what was asked for.

    Attributes:
        pictures: [B, 3, S, S] in [0, 1].
        tokens: [B, L].
        views: their cameras and backgrounds; meaningless for surfaces.
        row: [B] of the object table, or of the surface table.
    """

    pictures: Tensor
    tokens: Tensor
    views: Views
    row: Tensor


class PictureBank:
    """Layers of every kind from the same `views` views, and `windows` windows onto every pattern.

    Two banks share no view when they have different `start`s and the views of the first end before the second's start;
    they share no window when they have different starts.
    """

    def __init__(
        self,
        cache: Path,
        size: int,
        views: int,
        windows: int,
        device: torch.device,
        start: int = 0,
        watch: Watch = unwatched,
    ) -> None:
        self.views = bank.spread_views(CameraLaw(), views, start)
        self.size = size
        self._device = device
        cache.mkdir(parents=True, exist_ok=True)
        self.version = _version()
        ending = f"{self.version}-{start}.npy" if start else f"{self.version}.npy"
        objects = cached(cache / f"objects-{size}-{views}-{ending}", lambda: self._render_objects(watch))
        surfaces = cached(
            cache / f"surfaces-{size}-{windows}-{ending}", lambda: _cut_windows(size, windows, start, watch)
        )
        self.layers = torch.from_numpy(objects)  # uint8 [kinds, views, 2, PARTS, S, S]
        self.windows = torch.from_numpy(surfaces)  # uint8 [patterns, windows, S, S]
        if device.type != "cpu":
            self.layers, self.windows = self.layers.to(device), self.windows.to(device)
        self.sides = torch.stack(
            [bank.in_view(self.views, side) for side in ("front", "side", "back", "overhead")]
        ).int()
        self.views = self.views.to(device)
        self.sides = self.sides.argmax(0).to(device)

    def _render_objects(self, watch: Watch) -> np.ndarray:
        views = self.views.to(self._device)
        found = np.zeros((len(KINDS), len(views), 2, PARTS, self.size, self.size), np.uint8)
        for k, kind in enumerate(watch(KINDS, "Rendering objects")):
            layers = bank.render_layers(kind, views, self.size)
            parts = len(layers.materials)
            found[k, :, 0, :parts] = layers.cover.cpu().numpy()
            found[k, :, 1, :parts] = layers.lit.cpu().numpy()
        return found

    def draw_objects(self, table: CaptionTable, count: int, generator: torch.Generator) -> Batch:
        """`count` pictures of objects in random colours, from random views of the bank, on random backgrounds."""
        device = self._device
        row = torch.multinomial(table.weight, count, replacement=True, generator=generator)
        view = torch.randint(len(self.views), (count,), device=device, generator=generator)
        named = torch.rand(count, device=device, generator=generator) >= NO_VIEW_NAME
        phrasing = torch.randint(PHRASINGS, (count,), device=device, generator=generator)
        tokens = table.tokens[row, phrasing, torch.where(named, self.sides[view] + 1, 0)]
        background = draw_backgrounds(count, generator)
        picked = self.views.pick(view)
        views = replace(picked, background=background)
        ambient = AMBIENT[0] + (AMBIENT[1] - AMBIENT[0]) * torch.rand(count, device=device, generator=generator)
        home = self.layers.device
        layers = self.layers[table.subject[row].to(home), view.to(home)].to(device).float() / 255
        cover, lit = layers.unbind(1)
        share = ambient[:, None, None, None]
        lighted = share * cover + (1 - share) * lit
        pictures = torch.einsum("bphw,bpc->bchw", lighted, table.colours[row])
        pictures = pictures + (1 - cover.sum(1, keepdim=True)).clamp_min(0) * background[:, :, None, None]
        return Batch(pictures, tokens, views, row)

    def draw_surfaces(self, table: CaptionTable, count: int, generator: torch.Generator) -> Batch:
        """`count` windows onto surfaces in random colours."""
        device = self._device
        row = torch.multinomial(table.weight, count, replacement=True, generator=generator)
        window = torch.randint(self.windows.shape[1], (count,), device=device, generator=generator)
        phrasing = torch.randint(PHRASINGS, (count,), device=device, generator=generator)
        home = self.windows.device
        fields = self.windows[table.subject[row].to(home), window.to(home)].to(device).float() / 255
        nowhere = torch.zeros(count, device=device)
        views = Views(nowhere, nowhere, nowhere + 3, nowhere + 0.7, None)
        pictures = patterns.paint(fields, table.colours[row])
        return Batch(pictures, table.tokens[row, phrasing, 0], views, row)


def _cut_windows(size: int, windows: int, start: int, watch: Watch) -> np.ndarray:
    found = np.zeros((len(PATTERNS), windows, size, size), np.uint8)
    for k, name in enumerate(watch(PATTERNS, "Rendering surfaces")):
        fields = patterns.random_fields(name, windows, torch.Generator().manual_seed(k + 1000 * start), size)
        found[k] = (fields * 255).round().clamp(0, 255).byte().numpy()
    return found


def cached(path: Path, make: Callable[[], np.ndarray]) -> np.ndarray:
    """The array in `path`, made and written first if it is not there."""
    if not path.exists():
        made = make()
        with replaced(path) as file:
            np.save(file, made)
    # Copy on write: torch wants memory that could be written, and nobody writes.
    return np.load(path, mmap_mode="c")


def _version() -> str:
    return fingerprint(distances, shapes, gbuffers, lamp, shading, patterns, bank.spread_views, law_views)


def fingerprint(*code: Any) -> str:
    """Ten characters that change with what modules, classes and functions say, but not with their formatting, nor with
    the places that they import from."""
    meaning = "".join(ast.dump(_Unimported().visit(ast.parse(inspect.getsource(thing)))) for thing in code)
    return hashlib.sha256(meaning.encode()).hexdigest()[:10]


class _Unimported(ast.NodeTransformer):
    def visit_Import(self, node: ast.Import) -> None:
        return None

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        return None
