"""What a prior says about itself. Free of torch, so that the API process and the command line can read it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from server.world.camera_law import CameraLaw
from server.world.regularisers import Ramp, Regularisers


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


@dataclass(frozen=True)
class Effort:
    """What a preset asks for: steps, and views, or windows, looked at in each."""

    steps: int
    views_per_step: int = 1


@dataclass(frozen=True)
class Efforts:
    """The presets of one kind."""

    sketch: Effort
    standard: Effort
    fine: Effort


# Measured with the prior that ships (docs/measurements.md).
OBJECTS = Efforts(Effort(300), Effort(800), Effort(2000))
TEXTURES = Efforts(Effort(50, 3), Effort(100, 4), Effort(250, 4))

# From where nothing but the mean is to be seen.
ONE_PATH = (Leg("attached", 10.0, 0.1),)


@dataclass(frozen=True)
class PriorCard:
    """Name, licence, abilities and the settings that belong to one prior.

    Attributes:
        image_size: side in pixels of the square images it believes in.
        latent_shape: (channels, height, width) of `encode`'s result.
        takes_camera: whether `condition` uses the views it is given.
        fixed_light: whether everything is lit by one lamp fixed in the world, so that light can be baked in as paint.
        view_prompts: whether `condition` makes a prompt depend on the view by words ("…, back view").
        guidance_scale: default classifier-free guidance scale; 1 means no guidance.
        estimator, picture_estimator: default estimators of the mean shift, of objects and of flat pictures, by their
            names in recipes. Trained networks are asked about inputs as noisy as they were trained on ("noised"); the
            closed form is right about clean ones, too ("tweedie").
        centre, kernel_time, interval, inversion_scale, sampler_steps: of the paper's estimator, as
            server.guidance.mean_shift.Paper has them; the last is of every sampler.
        perp_neg: whether the prompts of other views are kept out of each view (opposing_views.py); matters where
            `view_prompts` is.
        bandwidth_start, bandwidth_end: default kernel bandwidths of objects, in latent units.
        bandwidth_schedule: a name of server.guidance.schedules, of every leg.
        picture: course of flat pictures, whose patterns may begin anywhere.
        detail_from: pixels along the shorter side from which a tile is gone over a second time, through narrower
            windows.
        tone_bandwidth: at which an object's colours are compared with the unguided prior's (server/studio/toning.py); 0
            leaves them as guidance made them.
        objects, textures: what the presets cost.
        render_size: most pixels per side of what it is shown, unless a recipe says more.
        learning_rate, picture_learning_rate: peaks of a radiance field's and of a flat picture's.
        regularisers: of a radiance field.
        words: every word it knows, or None when it has a tokenizer of its own.
    """

    name: str
    description: str
    licence: str
    image_size: int
    latent_shape: tuple[int, int, int]
    makes: tuple[str, ...] = ("mesh", "texture")
    takes_camera: bool = False
    fixed_light: bool = False
    view_prompts: bool = False
    guidance_scale: float = 7.5
    estimator: str = "noised"
    picture_estimator: str = "noised"
    # Random centres: image networks do not know what to do with a clean image at a high noise level, and starting two
    # bandwidths out is enough when the chain starts around x.
    centre: str = "random"
    kernel_time: str = "half_var"
    interval: tuple[float, float] = (0.1, 2.0)
    inversion_scale: float = 0.0
    sampler_steps: int = 12
    perp_neg: bool = False
    bandwidth_start: float = 1.2
    bandwidth_end: float = 0.15
    bandwidth_schedule: str = "geometric"
    picture: tuple[Leg, ...] = ONE_PATH
    detail_from: int = 2048
    tone_bandwidth: float = 0.0
    objects: Efforts = OBJECTS
    textures: Efforts = TEXTURES
    render_size: int = 512
    learning_rate: float = 0.02
    picture_learning_rate: float = 0.02
    # Matter is drawn towards the camera to the end, or walls have pits: a sketched house, seed 1, has a volume IoU of
    # .81 so, .77 with one weight throughout, and .73 where it falls to 0. A chair's plates would be thinner then.
    # Bending: at .015 a white house at the standard preset gains .015 of volume IoU and a snowman loses .003.
    regularisers: Regularisers = Regularisers(depth=Ramp(0.0, 0.01), bending=Ramp(0.0, 0.01))
    cameras: CameraLaw = CameraLaw()
    words: tuple[str, ...] | None = None

    def effort(self, kind: str, preset: str) -> Effort:
        """What a preset of a kind of recipes asks for."""
        found: Effort = getattr(self.textures if kind == "texture" else self.objects, preset)
        return found

    def as_json(self) -> dict[str, Any]:
        return asdict(self)
