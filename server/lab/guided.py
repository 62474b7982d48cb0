"""Guidance towards one class of a density, in closed form."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from server.errors import BadRequest
from server.lab.densities import CLASS_OF, density
from server.priors.denoiser import Denoiser, Guided
from server.priors.mixture import GaussianMixture


class ClassesOfMixtures:
    """A network whose conditions are mixtures: each answers with its own closed form."""

    def denoise(self, noisy: Tensor, sigma: Tensor, conditions: Sequence[GaussianMixture]) -> list[Tensor]:
        return [condition(noisy, sigma) for condition in conditions]


def guided(name: str, scale: float) -> Denoiser:
    """The class of a density under classifier-free guidance against the density without a class (CLASS_OF).

    Raises:
        BadRequest: code "density-unknown" when it has no classes.
    """
    if name not in CLASS_OF:
        hint = f"Choose one of: {', '.join(CLASS_OF)}."
        raise BadRequest("density-unknown", f"The density {name!r} has no classes to be guided to.", hint)
    one, all_of_them = CLASS_OF[name]
    return Guided(ClassesOfMixtures(), density(one), density(all_of_them), scale)
