"""Volume rendering (Max 1995; Mildenhall et al. 2020, Eq. 3) of a field inside the unit ball."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from server.generators.radiance_field.field import RadianceField
from server.generators.radiance_field.occupancy import OccupancyGrid
from server.generators.radiance_field.shading import Lamps, lambert, normals
from server.world.views import Views

# exp(-7): less than a thousandth of the light comes from behind.
OPAQUE = 7.0
# Occupied samples of a ray, counted from the front, are evaluated in these batches; solid things end in the first.
BATCHES = ((0, 6), (6, 14), (14, 10**6))
# Points on rays at a time. A larger rendering is made in parts that keep no graph and are made again on the way back:
# a third more time, and memory that does not grow with the number of pixels.
MOST_POINTS = 2**21
# Matter that shows less than this needs no normal, and has no depth.
LEAST_SHOWN = 1e-3
# A ray with more than this opacity meets something.
COVERED = 0.5


@dataclass(frozen=True)
class Rendering:
    """What B views show.

    Attributes:
        image: [B, 3, S, S] in [0, 1] over the views' background.
        opacity: [B, S, S] in [0, 1].
        distortion: scalar, spread of the matter along rays (Barron et al. 2022, Eq. 15, in units of the ball's radius),
            mean over rays.
        orientation: scalar, how much visible matter has normals that face away from the camera (Verbin et al. 2022,
            Eq. 11), mean over rays; 0 without lamps.
        depth: scalar, how far visible matter lies behind the place where its ray enters the ball, mean over rays,
            weighed by opacity. Its gradient moves matter along rays and leaves the opacity alone.
        z_variance: scalar, variance of the depth of visible matter along a ray, mean over the rays that are more than
            half covered; 0 where there are none.
        distance: [B, S, S] from the camera to the mean place of visible matter along each ray, whose gradient moves
            matter along the rays; 0 where a ray misses the ball.
    """

    image: Tensor
    opacity: Tensor
    distortion: Tensor
    orientation: Tensor
    depth: Tensor
    z_variance: Tensor
    distance: Tensor


def render(
    field: RadianceField,
    occupancy: OccupancyGrid,
    views: Views,
    size: int,
    samples: int,
    generator: torch.Generator | None = None,
    lamps: Lamps | None = None,
    spread: bool = True,
) -> Rendering:
    """Render square images by stratified ray marching; differentiable in the field.

    Args:
        views: B cameras; their background [B, 3] is composited behind the field (black when None).
        size: S, pixels per side.
        samples: steps along the longest chord of the ball; shorter chords take the same number, closer together.
        generator: jitters the samples; None puts them at the middle of their steps.
        lamps: shade the views that are lit; None shows albedo.
        spread: whether distortion and z_variance are worked out, a tenth of a rendering's time; else they are 0.
    """
    device = views.azimuth.device
    eye, directions = views.rays(size)
    count = len(views) * size * size
    direction = directions.reshape(count, 3)
    origin = eye[:, None].expand(-1, size * size, -1).reshape(count, 3)

    # |o + t d| = 1: entry and exit of the unit ball; rays that miss get an interval of length zero.
    along = (origin * direction).sum(-1)
    half_chord = (along.square() - origin.square().sum(-1) + 1).clamp(min=0).sqrt()
    hits = (half_chord > 0).nonzero(as_tuple=True)[0]
    origin, direction = origin[hits], direction[hits]
    near, step = (-along - half_chord)[hits], (2 * half_chord / samples)[hits]
    view = torch.div(hits, size * size, rounding_mode="floor")

    rays = max(1, MOST_POINTS // samples)
    parts = []
    for first in range(0, len(hits), rays):
        mine = slice(first, first + rays)
        some = _Rays(origin[mine], direction[mine], near[mine], step[mine], view[mine])
        # Drawn here: a part that is made again must see the same points.
        if generator is None:
            jitter = torch.full((len(some.near), samples), 0.5, device=device)
        else:
            jitter = torch.rand(len(some.near), samples, generator=generator).to(device)
        if len(hits) <= rays:
            parts.append(_march(field, occupancy, some, jitter, lamps, spread))
        else:
            parts.append(checkpoint(_march, field, occupancy, some, jitter, lamps, spread, use_reentrant=False))
    none = (origin, near, near, near, near, near)
    seen, absorbed, uneven, averted, deep, varied = (
        (torch.cat(part) for part in zip(*parts, strict=True)) if parts else none
    )

    opacity = torch.zeros(count, device=device).index_put((hits,), absorbed)
    found = near + deep / absorbed.detach().clamp(min=LEAST_SHOWN)
    distance = torch.zeros(count, device=device).index_put((hits,), found)
    image = torch.zeros(count, 3, device=device).index_put((hits,), seen)
    if views.background is not None:
        behind = views.background[:, None].expand(-1, size * size, -1).reshape(count, 3)
        image = image + (1 - opacity)[:, None] * behind
    shape = (len(views), size, size)
    picture = image.view(*shape, 3).permute(0, 3, 1, 2)
    scattered, turned, behind_entry = (part.sum() / count for part in (uneven, averted, deep))
    covered = absorbed > COVERED
    variance = (varied * covered).sum() / covered.sum().clamp(min=1)
    return Rendering(picture, opacity.view(shape), scattered, turned, behind_entry, variance, distance.view(shape))


@dataclass(frozen=True)
class _Rays:
    """R rays: origin and direction [R, 3]; where each enters the ball, the length of its steps and its view's number,
    [R] each."""

    origin: Tensor
    direction: Tensor
    near: Tensor
    step: Tensor
    view: Tensor


@dataclass(frozen=True)
class _Points:
    """Samples of R rays, axis by axis: x, y and z [R, samples] each. Most are never looked at, and numbers that lie in
    threes are worked on several times slower than long rows of them."""

    axes: tuple[Tensor, Tensor, Tensor]

    @staticmethod
    def along(rays: _Rays, depth: Tensor) -> _Points:
        x, y, z = (
            (depth * direction[:, None]).add_(origin[:, None])
            for origin, direction in zip(rays.origin.unbind(1), rays.direction.unbind(1), strict=True)
        )
        return _Points((x, y, z))

    def pick(self, numbers: Tensor) -> Tensor:
        """[M, 3], by their numbers [M] ray after ray."""
        return torch.stack([axis.view(-1).index_select(0, numbers) for axis in self.axes], -1)


def _march(
    field: RadianceField, occupancy: OccupancyGrid, rays: _Rays, jitter: Tensor, lamps: Lamps | None, spread: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Light [R, 3], opacity, distortion, averted matter, depth and its variance [R] gathered along rays.

    Args:
        jitter: [R, samples] in [0, 1), place of the sample in each step.
    """
    device, samples, step = jitter.device, jitter.shape[1], rays.step
    depth = rays.near[:, None] + (torch.arange(samples, device=device) + jitter) * step[:, None]
    points = _Points.along(rays, depth)
    keep, density, colour = _visible(field, points, occupancy.occupied(*points.axes), step)
    optical = torch.zeros(depth.numel(), device=device).index_put((keep,), density).view(-1, samples) * step[:, None]
    # Transmittance before each sample: exp of minus what lies in front of it.
    before = torch.exp(-(optical.cumsum(-1) - optical))
    weight = before * (1 - torch.exp(-optical))
    ray_of = torch.div(keep, samples, rounding_mode="floor")
    shown = weight.view(-1)[keep]
    averted = uneven = varied = torch.zeros_like(step)
    if lamps is not None and lamps.any:
        lit = ((shown > LEAST_SHOWN) & (lamps.lit[rays.view[ray_of]] > 0)).nonzero(as_tuple=True)[0]
        its_ray, at = ray_of[lit], points.pick(keep[lit])
        view, normal = rays.view[its_ray], normals(field, at)
        towards = functional.normalize(lamps.position[view] - at, dim=-1)
        shaded = lambert(colour[lit], normal, towards, lamps.lit[view], lamps.textureless[view])
        colour = colour.index_put((lit,), shaded)
        away = (normal * rays.direction[its_ray]).sum(-1).clamp(min=0)
        # Matter must not hide from the penalty by becoming thinner.
        averted = averted.index_add(0, its_ray, shown[lit].detach() * away.square())
    light = torch.zeros_like(rays.origin).index_add(0, ray_of, shown[:, None] * colour)
    opacity = weight.sum(-1)
    behind = (weight * (depth - rays.near[:, None])).sum(-1) / opacity.clamp(min=LEAST_SHOWN)
    if spread:
        uneven, varied = distortion(weight, depth, step), depth_variance(weight, depth)
    return light, opacity, uneven, averted, opacity.detach() * behind, varied


def depth_variance(weight: Tensor, depth: Tensor) -> Tensor:
    """sum_i w_i (t_i - mean t)^2 along each ray, [R], in units of the ball's radius (Zhu et al. 2023, Eq. 8).

    Args:
        weight, depth: [R, samples], as of `distortion`.
    """
    mean = (weight * depth).sum(-1) / weight.sum(-1).clamp(min=LEAST_SHOWN)
    return (weight * (depth - mean[:, None]).square()).sum(-1)


def distortion(weight: Tensor, depth: Tensor, step: Tensor) -> Tensor:
    """Spread of the matter along rays, [R] (Barron et al. 2022, Eq. 15).

    Args:
        weight, depth: [R, samples] share of the light that each sample gives, and its distance, growing along the ray.
        step: [R] length of a sample.
    """
    # sum_ij w_i w_j |t_i - t_j|, by what lies in front of each sample.
    weight_before = weight.cumsum(-1) - weight
    moment_before = (weight * depth).cumsum(-1) - weight * depth
    between = 2 * (weight * (depth * weight_before - moment_before)).sum(-1)
    return between + weight.square().sum(-1) * step / 3


def _visible(field: RadianceField, points: _Points, occupied: Tensor, step: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Evaluate the occupied samples that light can reach, from the front in batches along each ray.

    Args:
        points: R * samples; occupied: bool [R, samples]; step: [R] length of a step.

    Returns:
        Which samples [M] were evaluated, their density [M] and colour [M, 3]. Skipped ones are empty, or hidden behind
        an optical depth of OPAQUE.
    """
    samples = occupied.shape[1]
    candidates = occupied.view(-1).nonzero(as_tuple=True)[0]
    ray = torch.div(candidates, samples, rounding_mode="floor")
    of_ray = occupied.sum(-1)
    rank = torch.arange(len(ray), device=ray.device) - (of_ray.cumsum(0) - of_ray)[ray]
    depth = torch.zeros_like(step)
    parts = []
    for first, last in BATCHES:
        wanted = ((rank >= first) & (rank < last) & (depth < OPAQUE)[ray]).nonzero(as_tuple=True)[0]
        index, its_ray = candidates.index_select(0, wanted), ray.index_select(0, wanted)
        density, colour = field(points.pick(index))
        depth = depth.index_add(0, its_ray, density.detach() * step[its_ray])
        parts.append((index, density, colour))
    index, density, colour = (torch.cat(part) for part in zip(*parts, strict=True))
    return index, density, colour
