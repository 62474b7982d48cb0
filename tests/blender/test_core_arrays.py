"""Nothing reaches Blender that could crash it: arrays from the server are checked down to the last index."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from fake_server import cube_arrays, npz, png

from blender_msd.core import arrays
from blender_msd.core.errors import Problem


def refusal(data: bytes) -> str:
    with pytest.raises(Problem) as caught:
        arrays.read_mesh(data)
    assert caught.value.code == "mesh-damaged"
    return caught.value.message


def changed(**changes: np.ndarray) -> bytes:
    return npz(**(cube_arrays() | changes))


def test_a_good_mesh_arrives_unchanged():
    mesh = arrays.read_mesh(npz(**cube_arrays()))
    for name, expected in cube_arrays().items():
        assert np.array_equal(getattr(mesh, name), expected)
        assert getattr(mesh, name).flags.c_contiguous


@pytest.mark.parametrize("index", [8, -1, 2**31 - 1])
def test_a_face_with_an_index_out_of_range_is_refused(index):
    triangle = cube_arrays()["triangle"]
    triangle[3, 1] = index
    assert "there are 8" in refusal(changed(triangle=triangle))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_position_that_is_not_finite_is_refused(value):
    position = cube_arrays()["position"]
    position[2, 0] = value
    assert "finite" in refusal(changed(position=position))


def test_wrong_types_and_shapes_are_refused():
    assert "'position' is float64" in refusal(changed(position=cube_arrays()["position"].astype(float)))
    assert "'triangle' is int32 [36]" in refusal(changed(triangle=cube_arrays()["triangle"].ravel()))
    assert "'colour' is uint8 [8, 3]" in refusal(changed(colour=cube_arrays()["colour"][:, :3]))
    assert "7 colours" in refusal(changed(colour=cube_arrays()["colour"][:7]))


def test_a_mesh_without_faces_is_refused():
    assert "0 faces" in refusal(changed(triangle=np.zeros((0, 3), np.int32)))


def test_faces_without_area_are_left_out():
    triangle = cube_arrays()["triangle"]
    triangle[0] = (1, 1, 2)
    assert len(arrays.read_mesh(changed(triangle=triangle)).triangle) == 11


def test_a_missing_array_is_named():
    given = cube_arrays()
    del given["colour"]
    assert "'colour' is missing" in refusal(npz(**given))


def test_a_torn_file_is_refused():
    whole = npz(**cube_arrays())
    for data in (b"", b"no zip at all", whole[: len(whole) // 2], whole.replace(b"\x93NUMPY", b"\x93NUMPX")):
        assert "cannot be read" in refusal(data)


def test_pickled_objects_are_never_unpacked():
    assert "cannot be read" in refusal(npz(position=np.array([{"harm": "done"}], dtype=object)))


def test_a_file_that_unpacks_to_more_than_any_result_is_refused(monkeypatch):
    monkeypatch.setattr(arrays, "MAX_DOWNLOAD", 10_000)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("position.npy", bytes(20_000))
    assert len(buffer.getvalue()) < 1000
    assert "larger than any result" in refusal(buffer.getvalue())


def test_live_pixels_arrive_bottom_row_first_as_numbers_up_to_one():
    pixels = np.zeros((2, 3, 4), np.uint8)
    pixels[0] = 255
    read = arrays.read_pixels(npz(pixels=pixels))
    assert (read.width, read.height) == (3, 2)
    assert read.values.dtype == np.float32
    assert read.values.tolist() == [0.0] * 12 + [1.0] * 12


@pytest.mark.parametrize("pixels", [np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2, 4), np.float32)])
def test_live_pixels_of_another_kind_are_refused(pixels):
    with pytest.raises(Problem) as caught:
        arrays.read_pixels(npz(pixels=pixels))
    assert caught.value.code == "image-damaged"


def test_a_png_tells_its_size_and_a_torn_one_is_refused():
    data = png(64, 32)
    assert (arrays.read_png(data).width, arrays.read_png(data).height) == (64, 32)
    for bad in (b"", data[:-20], b"GIF89a" + data, png(30_000, 1)):
        with pytest.raises(Problem) as caught:
            arrays.read_png(bad)
        assert caught.value.code == "image-damaged"
