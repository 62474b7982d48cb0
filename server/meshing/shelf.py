"""Meshes that recipes name."""

from __future__ import annotations

from server.errors import BadRequest
from server.meshing.given import read_given
from server.shelf import Shelf


def _missing() -> BadRequest:
    hint = "Send it again, then the recipe. A server keeps the newest meshes alone."
    return BadRequest("mesh-missing", "The mesh that is to be textured is not there.", hint)


MESHES = Shelf(".npz", read_given, _missing)
