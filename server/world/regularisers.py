"""What keeps a radiance field in order while a prior shapes it, as weights that a prior's card names. Free of torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Ramp:
    """A weight that goes from `start` to `end` in a straight line over the first `until` of a run, and stays there.

    Attributes:
        start, end: >= 0.
        until: share of the steps, in (0, 1].
    """

    start: float = 0.0
    end: float = 0.0
    until: float = 1.0

    def __call__(self, progress: float) -> float:
        """The weight at a share of the steps done, in [0, 1]."""
        return self.start + (self.end - self.start) * min(1.0, progress / self.until)

    @property
    def is_nothing(self) -> bool:
        return self.start == self.end == 0

    @staticmethod
    def always(weight: float) -> Ramp:
        return Ramp(weight, weight)


@dataclass(frozen=True)
class Regularisers:
    """Weights against half the mean squared latent error.

    The first four are those of painted fields, which form in some hundred steps: what takes matter away is ramped in,
    as an object would evaporate before it has formed.

    Attributes:
        opacity: of the mean opacity; without it haze stays at the rim of the ball.
        entropy: of the binary entropy of the opacity, which makes matter solid or nothing ("opaque" in threestudio).
        distortion: of the spread of matter along each ray (Barron et al. 2022, Eq. 15).
        depth: of how far matter lies behind the place where its ray enters the ball.
        sparsity: of the mean of sqrt(opacity^2 + 0.01), which pulls less at what is nearly empty.
        orientation: of normals that face away from the camera (Verbin et al. 2022, Eq. 11); lit views alone have
            normals.
        z_variance: of the variance of depth along the rays that meet something (Zhu et al. 2023, "HiFA").
        bending: of the changes of slope that views show; see server/generators/radiance_field/bending.py.
    """

    opacity: Ramp = Ramp(0.0, 0.007, 0.5)
    entropy: Ramp = Ramp(0.0, 0.02)
    distortion: Ramp = Ramp()
    depth: Ramp = Ramp()
    sparsity: Ramp = Ramp()
    orientation: Ramp = Ramp()
    z_variance: Ramp = Ramp()
    bending: Ramp = Ramp()
