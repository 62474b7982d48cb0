"""The priors that methods are compared on: all that can be used, and two that nobody makes anything with.

"stand-in" is a very small Stable Diffusion that is kept with this program's tests, "exact-without-camera" the exact
prior that is told views in words only. Both behave as models of photographs do, and for both the truth is known.
"""

from __future__ import annotations

from pathlib import Path

from server.errors import BadRequest
from server.priors.catalogue import load_prior
from server.priors.denoiser import Prior
from server.priors.withheld import WITHHELD_CARD, ExactWithoutCamera

STAND_IN = "stand-in"
# Not among the files of the extension.
STAND_IN_FOLDER = Path(__file__).parent.parent.parent / "tests" / "stand_in" / "model"


def load_compared(name: str, device: str = "cpu") -> Prior:
    """A prior by its name, "stand-in" and "exact-without-camera" among them.

    Raises:
        BadRequest: as server.priors.catalogue.load_prior; "prior-unknown" when the stand-in is not there.
    """
    if name == WITHHELD_CARD.name:
        return ExactWithoutCamera()
    if name != STAND_IN:
        return load_prior(name, device)
    if not STAND_IN_FOLDER.is_dir():
        message = f"The stand-in is kept with the tests of this program, and {STAND_IN_FOLDER} is not there."
        hint = "Get the source code, or make one: python -m server train-stand-in, then export-stand-in."
        raise BadRequest("prior-unknown", message, hint)
    return load_prior(str(STAND_IN_FOLDER), device)
