"""A mesh that somebody made elsewhere, with the UV layout that its maker gave it: read, checked, and never changed."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from server.errors import BadRequest
from server.meshing.arrays import Bools, Floats, Triangles, area_vectors

MOST_FACES = 2_000_000
# Of the arrays of one mesh, together with its old picture.
MOST_BYTES = 512 * 1024 * 1024
MOST_SIDE = 8192
# UVs may leave the square by this much: layouts touch its border, and numbers are rounded.
OUTSIDE = 0.01


@dataclass(frozen=True)
class GivenMesh:
    """Blender's axes: Z up, the front looks along -Y.

    Attributes:
        position: float32 [V, 3], finite.
        triangle: int32 [F, 3], in [0, V).
        uv: float32 [F, 3, 2] of the faces' corners, finite, v upward.
        normal: float32 [F, 3, 3], unit vectors at the corners.
        chosen: bool [F], the faces that are to be textured; one at least.
        before: uint8 [H, W, 3], sRGB, top row first: the picture that the other faces show and keep; None when there
            is none.
    """

    position: Floats
    triangle: Triangles
    uv: Floats
    normal: Floats
    chosen: Bools
    before: NDArray[np.uint8] | None = None


def read_given(source: Path | bytes) -> GivenMesh:
    """A mesh from an `.npz` with `position`, `triangle`, `uv`, and perhaps `normal`, `chosen` and `before`, as
    GivenMesh has them.

    Raises:
        BadRequest: "mesh-unreadable", or as `checked`.
    """
    try:
        opened: Any = source if isinstance(source, Path) else io.BytesIO(source)
        with zipfile.ZipFile(opened) as archive:
            # Before anything is unpacked: a small file can claim to hold a very large one.
            if sum(entry.file_size for entry in archive.infolist()) > MOST_BYTES:
                raise _too_large("its arrays have more than 512 MB")
        with np.load(source if isinstance(source, Path) else io.BytesIO(source), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except BadRequest:
        raise
    except Exception as error:  # zipfile, zlib and numpy have a dozen kinds for what a damaged file can provoke
        raise _unreadable(f"the file cannot be read ({error})") from None
    return checked(arrays)


def checked(arrays: dict[str, Any]) -> GivenMesh:
    """The mesh in these arrays.

    Raises:
        BadRequest: "mesh-unreadable", "mesh-too-large", "mesh-empty", "mesh-not-finite", "mesh-without-uvs",
            "uvs-outside", "uvs-empty".
    """
    position = _array(arrays, "position", np.float32, (None, 3))
    triangle = _array(arrays, "triangle", np.int32, (None, 3))
    count = len(triangle)
    if count > MOST_FACES:
        raise _too_large(f"it has {count:,} triangles, and {MOST_FACES:,} are the most")
    if not count or not len(position):
        raise BadRequest("mesh-empty", "The mesh has no faces.", "Choose an object with a surface.")
    if triangle.min() < 0 or triangle.max() >= len(position):
        raise _unreadable("its faces name vertices that are not there")
    if not np.isfinite(position).all():
        bad = int((~np.isfinite(position).all(1)).sum())
        raise _not_finite(f"{bad:,} of its {len(position):,} vertices are at no finite place")
    used = position[np.unique(triangle)]
    if not np.ptp(used.astype(np.float64), 0).max() > 0:
        raise BadRequest("mesh-empty", "The mesh has no size: all of it is in one point.", "Choose another object.")
    if arrays.get("uv") is None:
        hint = "Make a UV layer first (in Blender: U, Smart UV Project); it is where the texture goes."
        raise BadRequest("mesh-without-uvs", "The mesh has no UV layer.", hint)
    uv = _array(arrays, "uv", np.float32, (count, 3, 2))
    if not np.isfinite(uv).all():
        raise _not_finite("some of its UVs are no finite numbers")
    chosen = _array(arrays, "chosen", np.bool_, (count,)) if "chosen" in arrays else np.ones(count, bool)
    if not chosen.any():
        raise BadRequest("mesh-empty", "No face of the mesh is chosen.", "Choose one face at least.")
    _check_layout(uv[chosen])
    normal = _array(arrays, "normal", np.float32, (count, 3, 3)) if "normal" in arrays else None
    flat = _face_normals(position, triangle)
    if normal is None:
        normal = flat
    else:
        length = np.linalg.norm(normal, axis=-1, keepdims=True)
        sound = np.isfinite(length) & (length > 1e-6)
        normal = np.where(sound, normal / np.where(sound, length, 1), flat).astype(np.float32)
    before = _picture(arrays["before"]) if arrays.get("before") is not None else None
    return GivenMesh(position, triangle, uv, normal, chosen, before)


def given_bytes(mesh: GivenMesh) -> bytes:
    """What `read_given` reads."""
    file = io.BytesIO()
    arrays: dict[str, Any] = {name: value for name, value in vars(mesh).items() if value is not None}
    np.savez(file, **arrays)
    return file.getvalue()


def _check_layout(uv: Floats) -> None:
    outside = (uv < -OUTSIDE) | (uv > 1 + OUTSIDE)
    if outside.any():
        share = outside.any((1, 2)).mean()
        raise BadRequest(
            "uvs-outside",
            f"{share:.0%} of the faces lie outside of the square from 0 to 1 in the UV layer (UDIM tiles, or a layout "
            "that repeats).",
            "One picture shows that square alone: move the islands into it, or use another UV layer.",
        )
    edge_1, edge_2 = (uv[:, corner].astype(np.float64) - uv[:, 0] for corner in (1, 2))
    if not np.abs(edge_1[:, 0] * edge_2[:, 1] - edge_1[:, 1] * edge_2[:, 0]).max() > 0:
        raise BadRequest(
            "uvs-empty",
            "No face has an area in the UV layer.",
            "Unwrap the mesh (in Blender: U, Smart UV Project), or use another UV layer.",
        )


def _face_normals(position: Floats, triangle: Triangles) -> Floats:
    """[F, 3, 3]; (0, 0, 1) for faces without area."""
    normal = area_vectors(position[triangle].astype(np.float64))
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    unit = np.where(length > 0, normal / np.where(length > 0, length, 1), (0.0, 0.0, 1.0))
    return np.repeat(unit[:, None], 3, 1).astype(np.float32)


def _picture(values: Any) -> NDArray[np.uint8]:
    if values.dtype != np.uint8 or values.ndim != 3 or values.shape[2] not in (3, 4) or not values.size:
        raise _unreadable("its old picture is not of 8 bits and three colours")
    if max(values.shape[:2]) > MOST_SIDE:
        raise _too_large(f"its old picture has more than {MOST_SIDE} pixels a side")
    return np.ascontiguousarray(values[:, :, :3])


def _array(arrays: dict[str, Any], name: str, kind: type, shape: tuple[int | None, ...]) -> NDArray[Any]:
    found = arrays.get(name)
    if found is None:
        raise _unreadable(f"{name!r} is missing")
    fits = found.ndim == len(shape) and all(want in (None, have) for want, have in zip(shape, found.shape, strict=True))
    if found.dtype != kind or not fits:
        raise _unreadable(f"{name!r} is {found.dtype} {list(found.shape)}")
    return np.ascontiguousarray(found)


def _unreadable(why: str) -> BadRequest:
    return BadRequest("mesh-unreadable", f"The mesh cannot be read: {why}.", "Export it again, as .glb or .npz.")


def _too_large(why: str) -> BadRequest:
    return BadRequest("mesh-too-large", f"The mesh is too large: {why}.", "Use fewer faces (the Decimate modifier).")


def _not_finite(why: str) -> BadRequest:
    hint = "Find and delete them (in Blender: Mesh, Clean Up), or undo what broke the mesh."
    return BadRequest("mesh-not-finite", f"The mesh is broken: {why}.", hint)
