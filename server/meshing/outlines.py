"""The surface moved to where its field's outlines are.

One density for the whole surface is a compromise. What is round and thin lies inside of the outlines that cameras see,
since its matter is thinner and every blur draws it in. What is flat lies outside of where it belongs: no outline but
that of its edges holds it back while matter is drawn towards the cameras.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from server.meshing.arrays import Floats, Triangles
from server.meshing.distances import squared_distances
from server.meshing.fields import Density
from server.meshing.overview import Overview, along_rays
from server.meshing.rasterise import Hits, rasterise
from server.meshing.tangents import smooth_normals
from server.world.views import Views

# Each height from between the azimuths of the one below.
LOOKS = [
    Views.orbit([turn + 60.0 * i for i in range(6)], height) for turn, height in ((0, 0.0), (15, 25.0), (30, 55.0))
]
RAYS = 96
# A ray that is absorbed by so much is inside of an outline.
SOLID = 0.58
# How far from the mesh's own outline the field's is looked for, and in which steps; in rays.
SEARCH, STEP = 4.0, 0.25
# And how far away it may be to count for so much, in units of the ball's radius.
FARTHEST = 0.03
# Outlines that are listened to, and points of the surface.
MOST_OUTLINES, MOST_POINTS = 2000, 2000
# A vertex hears of outlines this near, in units of the ball's radius and as a difference of unit normals. NOTHING is
# how much it counts that none is seen.
NEAR, ALIKE, NOTHING = 0.25, 0.35, 0.5
# Within ROUND the normals are compared that are at most 60 degrees apart, as half the square of their differences; a
# mean of BENT is round. What has a flat place within FLAT belongs to a flat side.
ROUND, FACING, BENT, FLAT = 0.08, 0.5, 0.003, 0.25
# Vertices worked on at once.
CHUNK = 1 << 11


@dataclass(frozen=True)
class Outlines:
    """Where views see a field end.

    Attributes:
        place: [N, 3] on the mesh's own outlines.
        outward: [N, 3], of unit length, in the plane of the picture.
        offset: [N], how far out from there the field's outline lies, in units of the ball's radius.
    """

    place: Floats
    outward: Floats
    offset: Floats


def fit_outlines(
    density: Density,
    overview: Overview,
    vertices: Floats,
    triangles: Triangles,
    lift: float = 0.0,
    should_stop: Callable[[], object] = lambda: None,
) -> Floats:
    """The vertices of a mesh, moved along their normals: where it is round to the field's outlines, where it is flat
    inwards by `lift`.

    Args:
        density, overview: see fields.py and overview.py.
        lift: how far flat sides lie outside of where they belong.
        should_stop: asked before every view and between blocks of vertices; may raise.
    """
    if not len(triangles):
        return vertices
    outward = smooth_normals(vertices, triangles)
    seen = see_outlines(density, overview, vertices, triangles, should_stop)
    roundness = _roundness(vertices, outward, should_stop)
    offset = roundness * _mean_offset(seen, vertices, outward, should_stop) - (1 - roundness) * lift
    moved: Floats = (vertices + offset[:, None] * outward).astype(np.float32)
    return moved


def see_outlines(
    density: Density,
    overview: Overview,
    vertices: Floats,
    triangles: Triangles,
    should_stop: Callable[[], object] = lambda: None,
) -> Outlines:
    """Those of a field that lie near the outlines of its mesh."""
    found = []
    for looks in LOOKS:
        for number, hits in enumerate(rasterise(vertices, triangles, looks, RAYS)):
            should_stop()
            found.append(_seen(density, overview, looks.pick(slice(number, number + 1)), hits, vertices, triangles))
    return Outlines(*(np.concatenate(part) for part in zip(*found, strict=True)))


def _seen(
    density: Density, overview: Overview, view: Views, hits: Hits, vertices: Floats, triangles: Triangles
) -> tuple[Floats, Floats, Floats]:
    """Places [N, 3], directions [N, 3] and offsets [N] of one view's outlines."""
    inside = hits.mask
    outside = ndimage.distance_transform_edt(~inside) - ndimage.distance_transform_edt(inside)
    rim = inside & ~ndimage.binary_erosion(inside)
    eye, right, up, _ = (axis[0].numpy() for axis in view.frames())
    near = np.abs(outside) <= SEARCH + 2
    depth = along_rays(density, overview, eye, view.rays(RAYS)[1][0].numpy()[near])[0]
    absorbed = inside.astype(np.float32)
    absorbed[near] = 1 - np.exp(-depth)

    down, across = np.gradient(ndimage.gaussian_filter(outside, 1.0))
    row, column = np.nonzero(rim)
    out = np.stack([down[rim], across[rim]], 1)
    out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-6)
    steps = np.arange(-SEARCH, SEARCH + STEP / 2, STEP)
    along = [row[:, None] + out[:, :1] * steps, column[:, None] + out[:, 1:] * steps]
    values = ndimage.map_coordinates(absorbed, along, order=1)
    ends = (values[:, :-1] > SOLID) & (values[:, 1:] <= SOLID)
    # The mesh's own outline lies half a pixel outside of its outermost pixel's centre.
    nearest = np.where(ends, np.abs(steps[:-1] + STEP / 2 - 0.5), np.inf)
    best = nearest.argmin(1)
    met = np.isfinite(nearest.min(1))
    each = np.flatnonzero(met)
    last, first = values[each, best[met]], values[each, best[met] + 1]
    rays = steps[best[met]] + STEP * (last - SOLID) / (last - first) - 0.5

    place = hits.interpolate(triangles, vertices)[rim[inside]][met]
    pixel = 2 * np.tan(float(view.fov[0]) / 2) / RAYS * np.linalg.norm(place - eye, axis=1)
    direction = out[met, 1:] * right - out[met, :1] * up
    return place, direction.astype(np.float32), (rays * pixel).astype(np.float32)


def _mean_offset(seen: Outlines, vertices: Floats, outward: Floats, should_stop: Callable[[], object]) -> Floats:
    """[V]: of the outlines near each vertex that face its way; 0 where there are none."""
    some = np.random.default_rng(0).permutation(len(seen.offset))[:MOST_OUTLINES]
    offset = np.clip(seen.offset[some], -FARTHEST, FARTHEST)
    mean = np.zeros(len(vertices), np.float32)
    for start in range(0, len(vertices), CHUNK):
        should_stop()
        part = slice(start, start + CHUNK)
        apart = squared_distances(vertices[part], seen.place[some]) / NEAR**2
        unlike = squared_distances(outward[part], seen.outward[some]) / ALIKE**2
        weight = np.exp(-(apart + unlike) / 2)
        mean[part] = weight @ offset / (weight.sum(1) + NOTHING)
    return mean


def _roundness(vertices: Floats, outward: Floats, should_stop: Callable[[], object]) -> Floats:
    """[V]: 0 on flat sides, 1 where nothing near is flat."""
    some = np.random.default_rng(0).permutation(len(vertices))[:MOST_POINTS]
    bend = np.zeros(len(some), np.float32)
    for start in range(0, len(some), CHUNK):
        should_stop()
        these = some[start : start + CHUNK]
        apart = squared_distances(vertices[these], vertices[some])
        unlike = 1 - outward[these] @ outward[some].T
        weight = np.exp(-apart / (2 * ROUND**2)) * (unlike < 1 - FACING)
        bend[start : start + CHUNK] = (weight * unlike).sum(1) / weight.sum(1)
    roundness = np.zeros(len(vertices), np.float32)
    for start in range(0, len(vertices), CHUNK):
        should_stop()
        part = slice(start, start + CHUNK)
        near = squared_distances(vertices[part], vertices[some]) < FLAT**2
        flattest = np.where(near, bend, np.inf).min(1)
        roundness[part] = 1 - np.exp(-flattest / BENT)
    return roundness
