"""From where the world is looked at, as numbers. Free of torch, so that a card may hold them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CameraLaw:
    """The law of the views a prior was made for; the generator draws its cameras from the same law.

    Angles in degrees; distances in units of the object's bounding-ball radius, at the middle of the fields of view: a
    wider one comes nearer, so that the object fills as much of the picture.
    """

    fov: float = 40.0
    # Fields of view are uniform over fov +- fov_spread.
    fov_spread: float = 0.0
    distance: tuple[float, float] = (2.8, 3.2)
    elevation: tuple[float, float] = (-10.0, 85.0)
    # Half of the elevations are uniform by solid angle over `elevation`, half are uniform over this lower band.
    low_elevation: tuple[float, float] = (-10.0, 60.0)
