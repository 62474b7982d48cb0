"""The settings of models of photographs, which know no camera: published ones where there are any. Free of torch.

Published: mean-shift distillation has 7000 steps for objects and 400 for flat pictures, Adam at 0.01, noise scaling by
DDIM inversion and a kernel in a limited interval (Thamizharasan et al. 2025); score distillation via inversion has
noise from 13 to 0.7, linear in the timestep, its regularisers and 512 pixels (Lukoianov et al. 2024, threestudio's
sdi.yaml; its convexity term, which needs pictures of the normals, is left out). Guesses: the bandwidths, which are half
of that noise because a chain starts two bandwidths out, the number of sampler steps, and the other presets.
"""

from __future__ import annotations

from dataclasses import replace

from server.priors.card import Effort, Efforts, Leg, PriorCard
from server.world.camera_law import CameraLaw
from server.world.regularisers import Ramp, Regularisers

# What people photograph objects from: seldom from high above, with lenses of many lengths.
PHOTOGRAPHS = CameraLaw(fov=45.0, fov_spread=15.0, elevation=(-10.0, 60.0), low_elevation=(-10.0, 45.0))

OBJECTS = Efforts(Effort(1500), Effort(7000), Effort(10_000))
PICTURES = Efforts(Effort(150), Effort(400), Effort(1000))

REGULARISERS = Regularisers(
    opacity=Ramp(),
    sparsity=Ramp(0.15, 0.0, 0.3),
    entropy=Ramp.always(0.1),
    orientation=Ramp.always(0.1),
    z_variance=Ramp.always(1.0),
    # Not as published: without it surfaces are as rough as the grid (docs/your-own-model.md).
    bending=Ramp.always(2.0),
)


def photographic(card: PriorCard) -> PriorCard:
    """The card with everything that is the same for all such models."""
    return replace(
        card,
        view_prompts=True,
        # Objects: chosen by experiment, on a small model of photographs whose truth is known (docs/your-own-model.md).
        estimator="noised",
        picture_estimator="paper",
        centre="inversion",
        perp_neg=True,
        bandwidth_start=6.5,
        bandwidth_end=0.35,
        bandwidth_schedule="timestep",
        # Flat pictures may go on to finer noise: 13 to 0.14.
        picture=(Leg("fresh", 6.5, 0.07),),
        detail_from=max(2048, 4 * card.image_size),
        objects=OBJECTS,
        textures=PICTURES,
        learning_rate=0.01,
        picture_learning_rate=0.01,
        regularisers=REGULARISERS,
        cameras=PHOTOGRAPHS,
    )
