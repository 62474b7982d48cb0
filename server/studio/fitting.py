"""A mesh that is given, where the prior expects an object to be: in field axes, in the middle, as large as it knows it.

What a camera sees beside the object that the prior has in mind is background, and would become paint.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from server.meshing.arrays import Floats
from server.meshing.export import Placement
from server.meshing.given import GivenMesh
from server.priors.card import PriorCard
from server.world.captions import KINDS, read_known_words
from server.world.shapes import extent

# Of an object whose size the prior does not say: what its farthest corner has from the middle of the unit ball.
USUAL_RADIUS = 0.8
# A mesh is stretched to the proportions of the object that a prior knows, within these limits.
LEAST_STRETCH, MOST_STRETCH = 0.5, 2.0


@dataclass(frozen=True)
class Fitted:
    """Attributes:
    position: float32 [V, 3], in field axes, inside the unit ball.
    normal: float32 [F, 3, 3], unit vectors at the faces' corners.
    known: the object that the prior has in mind, one of server.world.shapes; empty when it does not say.
    """

    position: Floats
    normal: Floats
    known: str


def fit(mesh: GivenMesh, prompt: str, card: PriorCard) -> Fitted:
    """The mesh as cameras are to see it."""
    turned = Placement(1.0, (0.0, 0.0, 0.0))
    points = turned.invert(mesh.position).astype(np.float64)
    used = points[np.unique(mesh.triangle)]
    low, high = used.min(0), used.max(0)
    middle, size = (low + high) / 2, high - low
    radius = float(np.linalg.norm(used - middle, axis=1).max())
    known = _known_object(prompt, card)
    scale = np.full(3, USUAL_RADIUS / radius)
    centre = np.zeros(3)
    if known:
        box = np.array(extent(known))
        wanted, centre = box[1] - box[0], box.mean(0)
        own = wanted / np.maximum(size, 1e-9 * size.max())
        usual = float(np.median(own))
        scale = np.clip(own, usual * LEAST_STRETCH, usual * MOST_STRETCH)
        # Nothing may reach beyond the ball.
        reach = float(np.linalg.norm((used - middle) * scale + centre, axis=1).max())
        scale *= min(1.0, 1.0 / reach)
    normal = turned.invert(mesh.normal.reshape(-1, 3)).astype(np.float64) / scale
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    return Fitted(
        ((points - middle) * scale + centre).astype(np.float32),
        normal.astype(np.float32).reshape(mesh.normal.shape),
        known,
    )


def _known_object(prompt: str, card: PriorCard) -> str:
    """The object that the prompt names, of a prior that reads the procedural language; else empty."""
    if card.words is None:
        return ""
    name = read_known_words(prompt, "mesh").name
    return name if name in KINDS else ""
