"""Posterior means in closed form: E[y | y + sigma n] when y is one of many pictures, each with a few free numbers.

Pictures here are in [-1, 1], flattened to P pixels a channel. Each mixture component also has isotropic variance
FLOOR^2, without which the mixture would be blind to anything between its pictures.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

FLOOR = 0.04
NEGLIGIBLE = 1e-7  # share of the largest weight below which a component is left out of the mean


@dataclass(frozen=True)
class ObjectMixture:
    """m views of an object, y = shape + background * clear + a * swing with a ~ N(0, 1).

    Attributes:
        shape: [m, 3, P] the object on a background of zero, at mean ambient light.
        swing: [m, 3, P] one standard deviation of ambient light.
        clear: [m, P] share of a pixel through which the background is seen.
        log_prior: [m] weights of the views, up to a constant, or [B, m] for each of B noisy pictures.
        background: [3] in [-1, 1] when known; None makes it Gaussian about 0 with deviation `background_spread`.
    """

    shape: Tensor
    swing: Tensor
    clear: Tensor
    log_prior: Tensor
    background: Tensor | None = None
    background_spread: float = 0.5

    def mean(self, noisy: Tensor, sigma: Tensor) -> Tensor:
        """E[y | noisy] for noisy [B, 3, P] and sigma [B].

        With U the k free directions of a component as rows, r the residual and s^2 = sigma^2 + FLOOR^2, Woodbury gives
        E[y] = z - (sigma / s)^2 (r - U^T c), c = (s^2 + U U^T)^-1 U r, and likewise the likelihood.
        """
        shape, swing, clear, spread = self.shape, self.swing, self.clear, self.background_spread
        known = self.background is not None
        centre = self._centre
        middle = centre.double()
        size, swing_rest, clear_shape, gram = self._products

        flat = noisy.flatten(1)
        on_shape = (flat @ shape.flatten(1).T).double()
        on_swing = (flat @ swing.flatten(1).T).double()
        on_clear = (noisy.flatten(0, 1) @ clear.T).double().view(len(noisy), 3, -1).transpose(1, 2)  # [B, m, 3]
        residual = (flat * flat).sum(1, dtype=torch.float64)[:, None] - 2 * (on_shape + on_clear @ middle) + size
        along = (on_swing - swing_rest)[..., None]
        if not known:
            along = torch.cat([spread * (on_clear - clear_shape), along], -1)

        variance = sigma.double() ** 2 + FLOOR**2
        rank = gram.shape[-1]
        unit = torch.eye(rank, dtype=torch.float64, device=shape.device)
        inner = gram + variance[:, None, None, None] * unit
        free = torch.linalg.solve(inner, along[..., None])[..., 0]  # [B, m, k]
        energy = (residual - (along * free).sum(-1)) / variance[:, None]
        weight = torch.softmax(self.log_prior.double() - 0.5 * energy - 0.5 * torch.logdet(inner), -1)

        keep = (weight > NEGLIGIBLE * weight.amax(-1, keepdim=True)).any(0).nonzero().squeeze(1)
        weight, free = weight[:, keep], free[:, keep]
        own = centre + spread * free[..., :3] if not known else centre.expand(*free.shape[:2], 3).double()
        mean = (weight.to(flat) @ shape[keep].flatten(1)) + ((weight * free[..., -1]).to(flat) @ swing[keep].flatten(1))
        through = (weight[..., None] * own).to(flat).transpose(1, 2).flatten(0, 1) @ clear[keep]
        mean = mean.view_as(noisy) + through.view_as(noisy)
        shrink = (sigma.double() ** 2 / variance).to(noisy)[:, None, None]
        return noisy - shrink * (noisy - mean)

    def weighted(self, log_prior: Tensor) -> ObjectMixture:
        """The same pictures with other weights."""
        twin = replace(self, log_prior=log_prior)
        # What needs no noisy picture needs no weights, either, and takes seconds for a thousand pictures.
        twin.__dict__["_products"] = self._products
        return twin

    @property
    def _centre(self) -> Tensor:
        return self.background if self.background is not None else self.shape.new_zeros(3)

    @cached_property
    def _products(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What needs no noisy picture: |mean|^2 [m], swing . mean [m], clear . shape [m, 3], U U^T [m, k, k].

        Doubles, because the exponents of the weights are small differences of large numbers.
        """
        shape, swing, clear, middle = self.shape, self.swing, self.clear, self._centre.double()
        clear_shape = torch.einsum("mcp,mp->mc", shape, clear).double()
        clear_swing = torch.einsum("mcp,mp->mc", swing, clear).double()
        clear_clear = torch.einsum("mp,mp->m", clear, clear).double()
        swing_swing = torch.einsum("mcp,mcp->m", swing, swing).double()
        size = torch.einsum("mcp,mcp->m", shape, shape).double() + 2 * clear_shape @ middle
        size = size + clear_clear * (middle @ middle)
        swing_rest = torch.einsum("mcp,mcp->m", shape, swing).double() + clear_swing @ middle
        if self.background is not None:
            return size, swing_rest, clear_shape, swing_swing[:, None, None]
        spread = self.background_spread
        gram = torch.zeros(len(shape), 4, 4, dtype=torch.float64, device=shape.device)
        for channel in range(3):
            gram[:, channel, channel] = spread**2 * clear_clear
        gram[:, :3, 3] = gram[:, 3, :3] = spread * clear_swing
        gram[:, 3, 3] = swing_swing
        return size, swing_rest, clear_shape, gram


@dataclass(frozen=True)
class SurfaceMixture:
    """n windows onto a surface in two colours, y = ground + ink * field.

    Attributes:
        fields: [n, P]; ground, ink: [3], in the units of a picture in [-1, 1].
    """

    fields: Tensor
    ground: Tensor
    ink: Tensor

    def mean(self, noisy: Tensor, sigma: Tensor) -> Tensor:
        """E[y | noisy] for noisy [B, 3, P] and sigma [B]."""
        above = noisy - self.ground[:, None]
        variance = sigma.double() ** 2 + FLOOR**2
        along = torch.einsum("bcp,c->bp", above, self.ink) @ self.fields.T
        weight = torch.softmax((along.double() - 0.5 * self._size) / variance[:, None], -1)
        keep = (weight > NEGLIGIBLE * weight.amax(-1, keepdim=True)).any(0).nonzero().squeeze(1)
        field = weight[:, keep].to(noisy) @ self.fields[keep]
        shrink = (sigma.double() ** 2 / variance).to(noisy)[:, None, None]
        return noisy - shrink * (above - self.ink[:, None] * field[:, None])

    @cached_property
    def _size(self) -> Tensor:
        return (self.ink @ self.ink).double() * torch.einsum("np,np->n", self.fields, self.fields).double()
