"""What a prior says about itself. Free of torch, so that the API process and the command line can read it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from server.world.camera_law import CameraLaw


@dataclass(frozen=True)
class Leg:
    """One stretch of a run.

    Attributes:
        noise: "fresh" climbs to a mode; "attached" follows the path of one of the prior's own samples
            (server/guidance/README.md); "view" is for comparison.
        bandwidth_start, bandwidth_end: in latent units.
        share: of the run's steps; those of a course are to add up to 1.
    """

    noise: str
    bandwidth_start: float
    bandwidth_end: float
    share: float = 1.0


# From where nothing but the mean is to be seen.
ONE_PATH = (Leg("attached", 10.0, 0.1),)


@dataclass(frozen=True)
class PriorCard:
    """Name, licence, abilities and the settings that belong to one prior.

    Attributes:
        image_size: side in pixels of the square images it believes in.
        latent_shape: (channels, height, width) of `encode`'s result.
        takes_camera: whether `condition` uses the views it is given.
        takes_background: whether `condition` uses the background colour of the views.
        fixed_light: whether everything is lit by one lamp fixed in the world, so that light can be baked in as paint.
        view_prompts: whether `condition` makes a prompt depend on the view by words ("…, back view").
        guidance_scale: default classifier-free guidance scale; 1 means no guidance.
        estimator: default estimator of the mean shift, a name of the recipe's. Trained networks are asked about inputs
            as noisy as they were trained on ("noised"); the closed form is right about clean ones, too ("tweedie").
        bandwidth_start, bandwidth_end: default kernel bandwidths of objects, in latent units.
        picture: course of flat pictures, whose patterns may begin anywhere.
        words: every word it knows, or None when it has a tokenizer of its own.
    """

    name: str
    description: str
    licence: str
    image_size: int
    latent_shape: tuple[int, int, int]
    makes: tuple[str, ...] = ("mesh", "texture")
    takes_camera: bool = False
    takes_background: bool = False
    fixed_light: bool = False
    view_prompts: bool = False
    guidance_scale: float = 7.5
    estimator: str = "noised"
    bandwidth_start: float = 1.2
    bandwidth_end: float = 0.15
    picture: tuple[Leg, ...] = ONE_PATH
    cameras: CameraLaw = CameraLaw()
    words: tuple[str, ...] | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)
