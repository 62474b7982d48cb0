"""Surfaces as functions on the plane, seen through square windows.

A pattern is a field M over the plane: 1 where the first colour is, 0 where the second one is, and between as the tone
varies from brick to brick. A window is about one unit wide; its place and scale are random, and nothing is periodic at
its border.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from server.world.captions import COLOURS, Caption, usual_second

Field = Callable[[Tensor, Tensor, Tensor], Tensor]
"""field(u, v, salt): coordinates, v downwards, and a number that tells one plane from another; returns M."""

CLAY, LIME = (0.52, 0.36, 0.28), (0.90, 0.88, 0.84)
SCALE_JITTER = 0.06
SCALES = 5
SAMPLES = 4  # per pixel and direction
SHEET = 6.0  # units, the side of the piece of the plane that windows are cut from


def _fraction(x: Tensor) -> Tensor:
    return x - torch.floor(x)


def _hash(a: Tensor, b: Tensor, salt: Tensor) -> Tensor:
    """A number in [0, 1) for every pair of whole numbers."""
    return _fraction(torch.sin(a * 12.9898 + b * 78.233 + salt * 37.719) * 43758.5453)


def _bricks(u: Tensor, v: Tensor, salt: Tensor) -> Tensor:
    row = torch.floor(v * 6.4)
    along = u * 3.2 + 0.5 * (row % 2)
    brick = torch.floor(along)
    dx = torch.minimum(_fraction(along), 1 - _fraction(along)) / 3.2
    dy = torch.minimum(_fraction(v * 6.4), 1 - _fraction(v * 6.4)) / 6.4
    return torch.where(torch.minimum(dx, dy) < 0.0135, 0.0, 0.76 + 0.24 * _hash(row, brick, salt))


def _dots(u: Tensor, v: Tensor, salt: Tensor) -> Tensor:
    row = torch.floor(v * 5)
    x, y = _fraction(u * 5 + 0.5 * (row % 2)) - 0.5, _fraction(v * 5) - 0.5
    return (x * x + y * y < 0.3**2).float()


def _stripes(u: Tensor, v: Tensor, salt: Tensor) -> Tensor:
    return (_fraction(u * 5) < 0.5).float()


def _checks(u: Tensor, v: Tensor, salt: Tensor) -> Tensor:
    return ((torch.floor(u * 6) + torch.floor(v * 6)) % 2 == 0).float()


def _planks(u: Tensor, v: Tensor, salt: Tensor) -> Tensor:
    board = torch.floor(v * 4.2)
    along = u * 0.9 + _hash(board, board * 0, salt)
    piece = torch.floor(along)
    dx = torch.minimum(_fraction(along), 1 - _fraction(along)) / 0.9
    dy = torch.minimum(_fraction(v * 4.2), 1 - _fraction(v * 4.2)) / 4.2
    tone = _hash(board, piece + 7, salt)
    bend = 0.35 * torch.sin(u * 5 + 6 * tone) + 0.2 * torch.sin(u * 11 + 17 * tone)
    grain = torch.sin(2 * math.pi * (v * 4.2 * (2.6 + tone) + bend)) * 0.5 + torch.sin(v * 140 + 9 * bend) * 0.25
    return torch.where(torch.minimum(dx, dy) < 0.011, 0.0, 0.68 + 0.22 * tone + 0.12 * grain)


def _waves(u: Tensor, v: Tensor, salt: Tensor) -> Tensor:
    return (_fraction(v * 5 + 0.32 * torch.sin(2 * math.pi * u * 3)) < 0.5).float()


def _tiles(u: Tensor, v: Tensor, salt: Tensor) -> Tensor:
    column, row = torch.floor(u * 4.3), torch.floor(v * 4.3)
    x, y = _fraction(u * 4.3), _fraction(v * 4.3)
    edge = torch.minimum(torch.minimum(x, 1 - x), torch.minimum(y, 1 - y))
    glaze = 0.07 * torch.sin(3 * (x + y) + 6 * _hash(row, column, salt + 1))
    return torch.where(edge < 0.055, 0.0, 0.82 + 0.11 * _hash(row, column, salt) + glaze)


def _cobblestone(u: Tensor, v: Tensor, salt: Tensor) -> Tensor:
    """Cells of a jittered grid of points (Worley 1996), each rounded off towards its border."""
    x, y = u * 4.6, v * 4.6
    cell_x, cell_y = torch.floor(x), torch.floor(y)
    first = torch.full_like(x, 9.0)
    second = torch.full_like(x, 9.0)
    tone = torch.zeros_like(x)
    for i in (-1, 0, 1):
        for j in (-1, 0, 1):
            a, b = cell_x + i, cell_y + j
            away_x = a + 0.5 + 0.7 * (_hash(a, b, salt) - 0.5) - x
            away_y = b + 0.5 + 0.7 * (_hash(a, b, salt + 1) - 0.5) - y
            distance = torch.sqrt(away_x * away_x + away_y * away_y)
            nearer = distance < first
            second = torch.where(nearer, first, torch.minimum(second, distance))
            tone = torch.where(nearer, _hash(a, b, salt + 2), tone)
            first = torch.where(nearer, distance, first)
    rise = ((second - first - 0.05) / 0.28).clamp(0, 1)
    return torch.where(rise > 0, 0.32 + 0.38 * torch.sqrt(rise) + 0.28 * tone * torch.sqrt(rise), 0.0)


def _weave(u: Tensor, v: Tensor, salt: Tensor) -> Tensor:
    """Plain weave: level and upright threads, over and under in turn, the upright ones a little darker."""
    x, y = u * 7, v * 7
    level = (torch.floor(x) + torch.floor(y)) % 2 == 0
    across = (torch.where(level, _fraction(y), _fraction(x)) * 2 - 1) / 0.84
    along = torch.where(level, _fraction(x), _fraction(y)) * 2 - 1
    inside = across.abs() ** 2.5 + along.abs() ** 8 < 1
    strands = 0.06 * torch.sin(across * 11)
    shade = torch.where(level, 0.95, 0.72) * (1 - 0.3 * across * across) * (1 - 0.35 * along * along) + strands
    return torch.where(inside, shade.clamp(0, 1), 0.0)


def _smooth_noise(x: Tensor, y: Tensor, salt: Tensor) -> Tensor:
    """Value noise in [0, 1): random numbers on a lattice, smoothly interpolated."""
    i, j = torch.floor(x), torch.floor(y)
    fx, fy = x - i, y - j
    fx, fy = fx * fx * (3 - 2 * fx), fy * fy * (3 - 2 * fy)
    top = _hash(i, j, salt) * (1 - fx) + _hash(i + 1, j, salt) * fx
    bottom = _hash(i, j + 1, salt) * (1 - fx) + _hash(i + 1, j + 1, salt) * fx
    return top * (1 - fy) + bottom * fy


def _marble(u: Tensor, v: Tensor, salt: Tensor) -> Tensor:
    cloud = sum(_smooth_noise(u * 2**k * 2, v * 2**k * 2, salt + k) / 2 ** (k + 1) for k in range(4))
    fold = torch.sin(2 * math.pi * (u * 0.9 + v * 0.6 + 1.5 * cloud)).abs()
    fine = torch.sin(2 * math.pi * (u * 0.7 - v * 1.3 + 2.1 * cloud + 0.3)).abs()
    return (1 - 0.85 * torch.exp(-fold / 0.11) - 0.4 * torch.exp(-fine / 0.07) - 0.3 * (cloud - 0.4)).clamp(0, 1)


def _grass(u: Tensor, v: Tensor, salt: Tensor) -> Tensor:
    """Three layers of blades that lean different ways, the upper ones brighter."""
    field = torch.zeros_like(u)
    for layer, lean in enumerate((0.25, -0.3, 0.05)):
        x = u * 15 + lean * v * 15 + 1.2 * _smooth_noise(u * 4, v * 4, salt + 7 * layer)
        column = torch.floor(x)
        y = v * 3.4 + 5 * _hash(column, column * 0, salt + layer)
        blade = _hash(column, torch.floor(y), salt + 3 * layer)
        tip = _fraction(y)
        width = 0.46 * tip.clamp(0.02, 0.8) / 0.8
        shown = ((_fraction(x) - 0.5).abs() < width) & (blade > 0.2)
        shade = (0.3 + 0.2 * layer) + 0.3 * (1 - tip) + 0.12 * blade
        field = torch.where(shown, shade, field)
    return field.clamp(0, 1)


def _scales(u: Tensor, v: Tensor, salt: Tensor) -> Tensor:
    """Rows of discs, each row lying over the one below it."""
    x, y = u * 5, v * 8
    field = torch.zeros_like(u)
    found = torch.zeros_like(u, dtype=torch.bool)
    for above in (2, 1, 0):
        row = torch.floor(y) - above
        shifted = x + 0.5 * (row % 2)
        dx, dy = _fraction(shifted) - 0.5, (y - row) * 0.625 / 1.72
        reach = torch.sqrt(dx * dx + dy * dy) / 0.58
        here = ~found & (reach < 1)
        tone = 0.12 * _hash(row, torch.floor(shifted), salt)
        shade = torch.where(reach > 0.86, 0.05, 0.92 - 0.42 * dy / 0.58 - tone)
        field = torch.where(here, shade, field)
        found = found | here
    return field.clamp(0, 1)


FIELDS: dict[str, Field] = {
    "bricks": _bricks,
    "dots": _dots,
    "stripes": _stripes,
    "checks": _checks,
    "planks": _planks,
    "waves": _waves,
    "tiles": _tiles,
    "cobblestone": _cobblestone,
    "weave": _weave,
    "marble": _marble,
    "grass": _grass,
    "scales": _scales,
}


def render_sheet(name: str, units: float, per_unit: int, salt: float = 0.0) -> Tensor:
    """M on a square of the plane, unfiltered: [n, n] point samples, `per_unit` of them to a unit."""
    line = (torch.arange(round(units * per_unit)) + 0.5) / per_unit
    rows = [
        FIELDS[name](line[None, :].expand(len(part), -1), part[:, None].expand(-1, len(line)), torch.tensor(salt))
        for part in line.split(128)
    ]
    return torch.cat(rows)


def random_fields(name: str, count: int, generator: torch.Generator, size: int = 64) -> Tensor:
    """`count` anti-aliased windows at random places and in SCALES slightly different scales, M [count, size, size].

    Windows are cut from large sheets, at whole samples, of which there are SAMPLES to a pixel.
    """
    side = size * SAMPLES
    windows = torch.empty(count, size, size)
    for k in range(SCALES):
        if k >= count:
            break
        scale = 1 + SCALE_JITTER * (2 * k / (SCALES - 1) - 1)
        sheet = render_sheet(name, SHEET * scale, round(side / scale), salt=float(k))
        mine = range(k, count, SCALES)
        room = sheet.shape[0] - side + 1
        corners = (torch.rand(len(mine), 2, generator=generator) * room).long().tolist()
        for i, (row, column) in zip(mine, corners, strict=True):
            windows[i] = functional.avg_pool2d(sheet[None, row : row + side, column : column + side], SAMPLES)[0]
    return windows


def two_colours(caption: Caption) -> Tensor:
    """The caption's first and second colour, [2, 3], as the material takes them."""
    colours = torch.tensor([COLOURS[caption.colour], COLOURS[caption.second or usual_second(caption)]])
    if caption.name == "bricks":
        # Fired clay is never as pure as paint, and lime makes any mortar pale.
        colours = 0.5 * (colours + torch.tensor([CLAY, LIME]))
    return colours


def paint(fields: Tensor, colours: Tensor) -> Tensor:
    """Pictures [N, 3, S, S] in [0, 1] from fields [N, S, S] and two colours [2, 3] or [N, 2, 3]."""
    first, second = colours[..., 0, :, None, None], colours[..., 1, :, None, None]
    return second + (first - second) * fields[:, None]
