"""Nothing reaches Blender that could crash it: arrays from the server are checked down to the last index."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib

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


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_position_that_is_not_finite_is_refused(value):
    position = cube_arrays()["position"]
    position[2, 0] = value
    assert "finite" in refusal(changed(position=position))


@pytest.mark.parametrize("value", [3e38, -1e30, 1000.0])
def test_a_position_beyond_all_reason_is_refused(value):
    position = cube_arrays()["position"]
    position[2, 0] = value
    assert "its longest side is 1" in refusal(changed(position=position))


@pytest.mark.parametrize("name", ["position", "triangle", "colour"])
@pytest.mark.parametrize(
    "wrong",
    [
        np.float32(1.0),
        np.zeros((0, 3), np.float16),
        np.zeros((8, 3), ">f4"),
        np.zeros((8, 3), np.int64),
        np.zeros((8, 3), complex),
        np.array(["text"]),
        np.zeros(3, [("x", np.float32)]),
        np.zeros((2, 3, 4, 5), np.uint8),
    ],
    ids=str,
)
def test_an_array_of_another_kind_is_refused_by_its_name(name, wrong):
    assert f"'{name}' is" in refusal(changed(**{name: wrong}))


@pytest.mark.parametrize("wrong", [np.zeros((12, 3), np.float32), np.zeros((12, 3, 2)), np.full((12, 3, 2), np.nan)])
def test_texture_coordinates_of_another_kind_are_refused(wrong):
    assert "'uv' is" in refusal(changed(uv=wrong))


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


def test_an_array_that_claims_to_be_larger_than_the_memory_is_refused():
    whole = npz(**cube_arrays())
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in ("position", "triangle", "colour"):
            data = zipfile.ZipFile(io.BytesIO(whole)).read(f"{name}.npy")
            archive.writestr(f"{name}.npy", data.replace(b"(8, 3)", b"(9" + b"9" * 14 + b", 3)", 1))
    refusal(buffer.getvalue())


@pytest.mark.parametrize("seed", range(300))
def test_whatever_byte_is_wrong_a_mesh_is_taken_or_refused(seed):
    chance = random.Random(seed)
    data = bytearray(npz(**cube_arrays()))
    for _ in range(chance.choice((1, 1, 3, 30))):
        data[chance.randrange(len(data))] = chance.randrange(256)
    try:
        mesh = arrays.read_mesh(bytes(data[: chance.choice((len(data), chance.randrange(len(data)))) or None]))
    except Problem:
        pass
    else:
        assert 0 <= mesh.triangle.min() <= mesh.triangle.max() < len(mesh.position)
        assert np.isfinite(mesh.position).all()


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
        assert png_refusal(bad)


def png_refusal(data: bytes) -> str:
    with pytest.raises(Problem) as caught:
        arrays.read_png(data)
    assert caught.value.code == "image-damaged"
    assert caught.value.hint
    return caught.value.message


@pytest.mark.parametrize("at", [9, 17, 30, 45, 50, -15, -6, -1])
def test_a_png_with_one_wrong_byte_is_refused(at):
    data = bytearray(png(64, 32))
    data[at] ^= 0x55
    assert "not a" in png_refusal(bytes(data))


@pytest.mark.parametrize("data", [b"GIF89a", b"<html>", b"\xff\xd8\xff\xe0" + bytes(100), bytes(1000)])
def test_a_picture_of_another_kind_is_no_png(data):
    assert "not a PNG" in png_refusal(data)


def test_a_png_without_all_its_pixels_is_refused():
    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    whole = png(64, 32)
    before, after = whole[:33], chunk(b"IEND", b"")
    assert "whole PNG" in png_refusal(whole[:8] + after)
    for content in (b"", b"noise" * 20, zlib.compress(bytes(100)), zlib.compress(bytes(64 * 32))[:-12]):
        assert "not all there" in png_refusal(before + chunk(b"IDAT", content) + after)
    assert arrays.read_png(before + chunk(b"tEXt", b"Title\0Duck") + whole[33:]).width == 64


@pytest.mark.parametrize("data", [b"", b"nothing", npz(other=np.zeros(3)), npz(pixels=np.uint8(3))])
def test_a_damaged_live_picture_is_refused(data):
    with pytest.raises(Problem) as caught:
        arrays.read_pixels(data)
    assert caught.value.code == "image-damaged"
