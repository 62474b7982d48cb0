"""A coarse look at the whole field: where the object is, and at which density its surface lies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage

from server.errors import JobFailed
from server.meshing.arrays import Bools, Floats
from server.meshing.fields import Density, in_chunks
from server.world.views import Views

# Cells along the edge of the cube [-1, 1]^3.
SIDE = 64
# Stands for the logarithm of no density at all.
LOG_EMPTY = -14.0

# Eight views of 48^2 rays with a sample every .02: enough to tell levels apart that differ by a fifth. Matter thinner
# than THIN absorbs at most a tenth along the whole diameter, and is not looked at.
LOOKS = Views.orbit([0, 45, 90, 135, 180, 225, 270, 315], elevation_deg=25.0)
RAYS = 48
STEP = 0.02
THIN = 0.05
CANDIDATES = np.geomspace(0.5, 128, 41)


@dataclass(frozen=True)
class Overview:
    """The field at the centres of SIDE^3 cells over the cube [-1, 1]^3.

    Attributes:
        log_density: float32 [SIDE, SIDE, SIDE], index order x, y, z; LOG_EMPTY where nothing is known to be.
    """

    log_density: Floats

    @cached_property
    def matter(self) -> Bools:
        """bool [SIDE, SIDE, SIDE]: cells that absorb light, and those next to them."""
        return ndimage.binary_dilation(self.log_density > np.log(THIN), np.ones((3, 3, 3), bool))


def survey(density: Density, occupied: Bools | None = None) -> Overview:
    """Sample the field coarsely.

    Args:
        density: see fields.py.
        occupied: bool [K, K, K] over the cube [-1, 1]^3, index order x, y, z: cells known empty, and not next to an
            occupied one, are never evaluated.

    Raises:
        JobFailed: "field-broken" when the density is not a number.
    """
    centres = ((np.arange(SIDE, dtype=np.float32) + 0.5) * (2 / SIDE)) - 1
    points = np.stack(np.meshgrid(centres, centres, centres, indexing="ij"), -1)
    wanted = np.linalg.norm(points, axis=-1) <= 1
    if occupied is not None:
        cell = ((centres + 1) / 2 * len(occupied)).astype(int)
        wanted &= ndimage.binary_dilation(occupied, np.ones((3, 3, 3), bool))[np.ix_(cell, cell, cell)]
    values = np.full(wanted.shape, LOG_EMPTY, np.float32)
    values[wanted] = log_density(density, points[wanted])
    return Overview(values)


def log_density(density: Density, points: Floats) -> Floats:
    """Logarithm of the density at points [N, 3], at least LOG_EMPTY."""
    return np.log(np.maximum(in_chunks(density, points), np.float32(np.exp(LOG_EMPTY))))


def choose_level(density: Density, overview: Overview) -> float:
    """The density of the surface: the level set whose outlines agree best with what cameras see.

    A camera sees a pixel as covered when its ray is at least half absorbed (1 - exp(-optical depth) > 1/2); the level
    set covers it when the density somewhere along the ray exceeds the level. Of equally good levels the middle one is
    taken.

    Raises:
        JobFailed: "nothing-solid" when no ray of any view is half absorbed.
    """
    eyes, directions = (values.numpy() for values in LOOKS.rays(RAYS))
    rays = zip(eyes, directions.reshape(len(eyes), -1, 3), strict=True)
    seen_by_each = [along_rays(density, overview, eye, towards) for eye, towards in rays]
    depth, peak = (np.concatenate(part) for part in zip(*seen_by_each, strict=True))
    seen = depth > np.log(2)
    if not seen.any():
        raise nothing_solid()
    outlines = [peak > level for level in np.log(CANDIDATES)]
    scores = np.array([np.count_nonzero(seen & outline) / np.count_nonzero(seen | outline) for outline in outlines])
    best = np.flatnonzero(scores >= scores.max() - 0.001)
    return float(np.exp(np.log(CANDIDATES[best]).mean()))


def nothing_solid() -> JobFailed:
    return JobFailed(
        "nothing-solid",
        "The field holds nothing solid: there is no surface to cut.",
        "Run the job with more steps or another seed.",
    )


def along_rays(density: Density, overview: Overview, eye: Floats, towards: Floats) -> tuple[Floats, Floats]:
    """Optical depth and largest log-density along rays from eye [3] in unit directions [N, 3], each [N]."""
    middle = np.linalg.norm(eye)
    distances = np.arange(middle - 1, middle + 1, STEP, dtype=np.float32)
    # Axis by axis: numbers that lie in threes are worked on several times slower than long rows of them.
    axes = [start + step[:, None] * distances for start, step in zip(eye, towards.T, strict=True)]
    cells = [np.floor((axis + 1) * (SIDE / 2)).astype(int) for axis in axes]
    met = np.logical_and.reduce([(cell >= 0) & (cell < SIDE) for cell in cells])
    met[met] = overview.matter[tuple(cell[met] for cell in cells)]
    along = np.full(met.shape, LOG_EMPTY, np.float32)
    along[met] = log_density(density, np.stack([axis[met] for axis in axes], -1))
    return np.exp(along).sum(1) * STEP, along.max(1)
