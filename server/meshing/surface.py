"""From a density field to the triangles of its surface."""

from __future__ import annotations

from dataclasses import dataclass

import mcubes
import numpy as np
from scipy import ndimage

from server.errors import JobFailed
from server.meshing.arrays import Bools, Floats, Triangles
from server.meshing.fields import Density
from server.meshing.hidden import hidden_cells
from server.meshing.overview import SIDE, Overview, log_density, nothing_solid, survey

# Log-density relative to the level is cut to this range before interpolation. Cut, because the empty outside (logarithm
# -inf) would pull every vertex inward; to a range that saturated insides reach, too, so that steep fields are cut alike
# on both sides and their vertices settle in the middle of the step.
LOG_RANGE = 2.5

# How fast log-density falls per unit length beyond the unit ball: clips the field by a smooth sphere, not by voxels.
BALL_SLOPE = 100.0

# The level was chosen by what cameras see. What they cannot see is solid from an eighth of it on: an underside is only
# as dense as it must be to look solid from the side.
HIDDEN_LIFT = np.log(8.0)

# Pictures say little about dents and bumps that are as small as a cell of the hash grid, so training leaves them there.
GRAIN_BLUR = 0.5

# More than a smooth object has at the finest resolution (512), and what 4 GB and a minute can hold.
MOST_SAMPLES = 48_000_000
MOST_FACES = 3_000_000
SAMPLES_AT_ONCE = 1 << 21


@dataclass(frozen=True)
class Grid:
    """Samples of log(density / level) within [-LOG_RANGE, LOG_RANGE]: positive inside.

    Attributes:
        values: float32 [X, Y, Z].
        origin: [3], position of values[0, 0, 0].
        spacing: between neighbouring samples, the same along every axis.
    """

    values: Floats
    origin: Floats
    spacing: float


def extract_surface(
    density: Density, resolution: int, level: float, occupied: Bools | None = None
) -> tuple[Floats, Triangles]:
    """Triangles of {density = level} inside the unit ball, with enclosed hollows filled.

    Args:
        density: see fields.py. It is only asked where a coarse survey finds the surface near; what light cannot reach
            is solid.
        resolution: cells along the object's longest side.
        occupied: see `survey`.

    Returns:
        Vertices float32 [V, 3] in field axes and triangles int32 [F, 3], anticlockwise seen from outside. Closed, since
        the field is zero outside the unit ball.

    Raises:
        JobFailed: "nothing-solid" when the density is nowhere above the level; "field-broken" when it is not a number;
            "surface-too-noisy" when there would be more of it than memory and patience allow.
    """
    return triangulate(fill_hollows(sample_grid(density, survey(density, occupied), resolution, level)))


def sample_grid(density: Density, overview: Overview, resolution: int, level: float, half_light: bool = False) -> Grid:
    """Sample the box around the object with `resolution` cells along its longest side, skipping what the overview knows
    to be empty or deep inside. Other arguments and errors as `extract_surface`.

    Args:
        half_light: see `hidden_cells`.
    """
    relative = overview.log_density - np.log(level)
    block = np.ones((3, 3, 3), bool)
    inside = relative > 0
    cells = np.argwhere(ndimage.binary_dilation(inside, block))
    if len(cells) == 0:
        raise nothing_solid()
    # A part thinner than a coarse cell shows at the cell's centre only as a faint density, hence the tenth.
    near = ndimage.binary_dilation(relative > np.log(0.1), block) & ~ndimage.binary_erosion(inside, block)
    hidden = hidden_cells(overview, half_light)
    # In cells. Half-lit ones end at the surface itself, and a wide blur would lift what is outside of it, too.
    lift = ndimage.gaussian_filter(HIDDEN_LIFT * hidden.astype(np.float32), 0.5 if half_light else 1.0)
    # Solid, but not where it borders on the outside: cells are coarse, and an underside is hidden from above.
    hidden &= ~ndimage.binary_dilation(~inside & ~hidden, block, border_value=1)
    inside, near = inside | hidden, near & ~hidden

    low = np.maximum(cells.min(0) * (2 / SIDE) - 1, -1.0)
    high = np.minimum((cells.max(0) + 1) * (2 / SIDE) - 1, 1.0)
    spacing = float((high - low).max() / resolution)
    # The outermost samples are outside by construction, so that every surface closes.
    counts = np.ceil((high - low) / spacing).astype(int) + 5
    origin = (low - 2 * spacing).astype(np.float32)

    axes = [origin[i] + spacing * np.arange(counts[i], dtype=np.float32) for i in range(3)]
    cell_of = [np.clip(((axis + 1) * (SIDE / 2)).astype(int), 0, SIDE - 1) for axis in axes]
    rim = np.ones(counts, bool)
    rim[1:-1, 1:-1, 1:-1] = False
    wanted = near[np.ix_(*cell_of)] & ~rim
    surely_inside = inside[np.ix_(*cell_of)] & ~wanted & ~rim
    values = np.where(surely_inside, np.float32(LOG_RANGE), np.float32(-LOG_RANGE))
    asked = np.flatnonzero(wanted)
    if len(asked) > MOST_SAMPLES:
        raise too_noisy(f"a surface in {len(asked) // 10**6} million samples")
    for start in range(0, len(asked), SAMPLES_AT_ONCE):
        part = asked[start : start + SAMPLES_AT_ONCE]
        index = np.unravel_index(part, wanted.shape)
        points = np.stack([axis[i] for axis, i in zip(axes, index, strict=True)], -1)
        lifted = ndimage.map_coordinates(lift, ((points + 1) * (SIDE / 2) - 0.5).T, order=1, mode="nearest")
        values.flat[part] = relative_log_density(density, points, level, lifted)
    return Grid(values, origin, spacing)


def relative_log_density(density: Density, points: Floats, level: float, lift: Floats | float = 0.0) -> Floats:
    """log(density / level) + lift at points [N, 3], within [-LOG_RANGE, LOG_RANGE]; below zero beyond the unit ball."""
    radius = np.linalg.norm(points, axis=-1)
    # Beyond the ball the field is asked on the sphere, and the slope makes the cut: a field that stops at the sphere
    # would leave a staircase there.
    asked = points * np.minimum(1, 0.999 / np.maximum(radius, 1e-6))[:, None]
    values = log_density(density, asked) - np.float32(np.log(level)) + lift
    return np.clip(np.minimum(values, (1 - radius) * np.float32(BALL_SLOPE)), -LOG_RANGE, LOG_RANGE)


def fill_hollows(grid: Grid) -> Grid:
    """Make enclosed hollows solid: a field trained from outside is dense only near its surface.

    A hollow that leaks through holes one sample wide counts as enclosed; open cavities (a mug, a bowl) stay.
    """
    solid = grid.values > 0
    # A morphological closing, padded because it eats from the border of the array inwards.
    closed = _over_neighbours(_over_neighbours(np.pad(solid, 2), np.logical_or), np.logical_and)[2:-2, 2:-2, 2:-2]
    enclosed = _fill_holes(closed) & ~closed
    filled = _fill_holes(solid | enclosed)
    return Grid(np.where(filled & ~solid, np.float32(LOG_RANGE), grid.values), grid.origin, grid.spacing)


def soften(grid: Grid, grain: float = 0.0) -> Grid:
    """Blur by a Gaussian: takes away the lumps that are as fine as the field's own grain, and as the samples.

    Flat and softly curved parts stay where they are, edges are rounded by about the blur's width, and what is thinner
    than 1.4 of it is lost.

    Args:
        grain: size of the smallest thing that the field can hold; the Gaussian is GRAIN_BLUR of it wide, or one sample
            where that is more.
    """
    width = max(1.0, GRAIN_BLUR * grain / grid.spacing)
    return Grid(ndimage.gaussian_filter(grid.values, width, mode="nearest"), grid.origin, grid.spacing)


def triangulate(grid: Grid) -> tuple[Floats, Triangles]:
    """Marching cubes (Lorensen and Cline 1987) at value 0; results and errors as `extract_surface`."""
    solid = grid.values > 0
    if not solid.any():
        raise nothing_solid()
    # A vertex for every edge of the grid that the surface crosses, and two faces a vertex.
    faces_ahead = 2 * sum(int(np.count_nonzero(np.diff(solid, axis=axis))) for axis in range(3))
    if faces_ahead > MOST_FACES:
        raise too_noisy(f"a surface of {faces_ahead / 1e6:.1f} million faces")
    # Values next to zero would put several vertices of a triangle on one grid point.
    tiny = np.float32(0.01 * LOG_RANGE)
    values = np.where(np.abs(grid.values) < tiny, np.where(grid.values > 0, tiny, -tiny), grid.values)
    vertices, triangles = mcubes.marching_cubes(values, 0.0)
    positions = (vertices * grid.spacing + grid.origin).astype(np.float32)
    faces = triangles.astype(np.int32)
    if signed_volume(positions, faces) < 0:
        faces = np.ascontiguousarray(faces[:, ::-1])
    return positions, faces


def too_noisy(what: str) -> JobFailed:
    return JobFailed(
        "surface-too-noisy",
        f"The field holds noise: {what} at this resolution.",
        "Use a lower resolution, or run the job with more steps or another seed.",
    )


def signed_volume(vertices: Floats, triangles: Triangles) -> float:
    """Volume of a closed mesh; positive when triangles are anticlockwise seen from outside."""
    a, b, c = vertices[triangles].astype(np.float64).transpose(1, 0, 2)
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def _fill_holes(solid: Bools) -> Bools:
    """Everything that the outside cannot reach; ndimage.binary_fill_holes gives the same, four times slower."""
    label, _ = ndimage.label(np.pad(~solid, 1, constant_values=True))
    reached = label == label[0, 0, 0]
    return ~reached[1:-1, 1:-1, 1:-1]


def _over_neighbours(mask: Bools, combine: np.ufunc) -> Bools:
    """Each sample combined with its 26 neighbours, axis by axis: dilation with logical_or, erosion with logical_and."""
    for axis in range(3):
        line = np.moveaxis(mask, axis, 0)
        combined = line.copy()
        combine(combined[:-1], line[1:], out=combined[:-1])
        combine(combined[1:], line[:-1], out=combined[1:])
        mask = np.moveaxis(combined, 0, axis)
    return mask
