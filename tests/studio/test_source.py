"""A texture begins as a picture: how much of it is made anew, what is kept of it, and that edges go on fitting."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from server.errors import BadRequest
from server.images import PICTURES
from server.png import png_bytes
from server.priors.card import Leg
from server.priors.embedded.card import EMBEDDED_CARD
from server.recipe import read_recipe
from server.studio.events import Event, Log
from server.studio.plan import plan_of
from server.studio.production import produce
from server.studio.source import feathered, fits_together
from tests.studio.swatch import MODE, OneColour

pytestmark = pytest.mark.usefixtures("one_thread")

SIDE = 64
NEW = (MODE.flatten().numpy() * 255).round()


class Following(OneColour):
    """Follows the path of a sample, which goes no farther than the noise hides."""

    card = replace(OneColour.card, picture=(Leg("attached", 5.0, 0.02),))


def waves(side: int = SIDE) -> NDArray[np.uint8]:
    """A picture whose edges fit together, uint8 [side, side, 3]."""
    line = np.arange(side) / side * 2 * np.pi
    field = 0.5 + 0.2 * np.sin(line)[None] + 0.15 * np.cos(2 * line)[:, None]
    return np.rint(np.stack([field, 0.3 * field, 0.2 + 0.3 * field], -1) * 255).astype(np.uint8)


def make(
    folder: Path, picture: NDArray[np.uint8], mask: NDArray[np.uint8] | None = None, **source: Any
) -> tuple[NDArray[np.uint8], list[str]]:
    """The texture that it becomes, and what is warned of."""
    given = folder / "given"
    named = {"image": PICTURES.put(given, png_bytes(picture)), **source}
    if mask is not None:
        named["mask"] = PICTURES.put(given, png_bytes(mask))
    texture = {"width": SIDE, "height": SIDE, "source": named}
    recipe = read_recipe({"kind": "texture", "prompt": "anything", "steps": 30, "texture": texture})
    said: list[Event] = []
    produce(recipe, Following(), folder / "made", said.append, lambda: None, given=given)
    with Image.open(folder / "made" / "texture.png") as made:
        found = np.asarray(made).copy()
    return found, [event.message for event in said if isinstance(event, Log) and event.level == "warning"]


def off(one: NDArray[np.uint8], other: NDArray[Any]) -> float:
    return float(np.abs(one.astype(float) - other).mean())


def test_the_more_is_reimagined_the_farther_the_texture_goes_from_the_picture(tmp_path: Path) -> None:
    picture = waves()
    made = [make(tmp_path / str(share), picture, reimagine=share)[0] for share in (0.0, 0.4, 1.0)]
    away = [off(each, picture) for each in made]
    assert away[0] < away[1] < away[2]
    assert away[0] == 0
    assert off(made[2], NEW) < 20


def test_outside_the_mask_every_bit_of_the_picture_stays_whatever_its_grain(tmp_path: Path) -> None:
    noisy = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[16:48, 16:48] = 255
    made, _ = make(tmp_path, noisy, mask, reimagine=1.0, feather=4)
    assert np.array_equal(made[mask == 0], noisy[mask == 0])
    assert np.abs(made[24:40, 24:40].mean((0, 1)) - NEW).max() < 0.3 * np.abs(noisy.mean((0, 1)) - NEW).max()


def test_inside_the_mask_is_what_all_of_the_picture_would_have_become(tmp_path: Path) -> None:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[16:48, 16:48] = 255
    whole, _ = make(tmp_path / "whole", waves(), reimagine=0.6)
    part, _ = make(tmp_path / "part", waves(), mask, reimagine=0.6, feather=0)
    assert np.array_equal(part[mask == 255], whole[mask == 255])


def test_the_feather_lies_inside_the_mask_and_goes_on_round_edges_that_repeat() -> None:
    mask = np.zeros((32, 32), np.float32)
    mask[:, :10] = mask[:, -6:] = 1
    share = feathered(mask, 4, (True, True))
    assert not share[mask == 0].any()
    assert share[0, 0] == share[0, -1] == 1
    inwards = share[0, [9, 8, 7, 6, 5]]
    assert (np.diff(inwards) > 0).all()
    assert 0 < inwards[0] < 0.2
    cut = feathered(mask, 4, (False, True))
    assert cut[0, 0] == cut[0, -1] == 1
    assert np.array_equal(feathered(mask, 0, (True, True)), mask)


def test_a_picture_whose_edges_fit_together_becomes_a_texture_whose_edges_do(tmp_path: Path) -> None:
    made, warnings = make(tmp_path, waves(), reimagine=0.5)
    assert warnings == []
    assert all(fits_together(made, axis) for axis in (0, 1))


def test_a_picture_whose_edges_do_not_fit_together_is_warned_of_by_their_names(tmp_path: Path) -> None:
    slope = np.tile(np.linspace(20, 220, SIDE).astype(np.uint8)[None, :, None], (SIDE, 1, 3))
    _, warnings = make(tmp_path, slope, reimagine=0.5)
    assert any("do not fit together (left and right)" in warning for warning in warnings)


def test_a_picture_of_another_size_is_given_that_of_the_texture(tmp_path: Path) -> None:
    made, _ = make(tmp_path, waves(200), reimagine=0.0)
    assert off(made, waves()) < 20


def test_a_picture_that_is_not_there_is_refused(tmp_path: Path) -> None:
    texture = {"source": {"image": "0" * 64}}
    recipe = read_recipe({"kind": "texture", "prompt": "anything", "steps": 3, "texture": texture})
    with pytest.raises(BadRequest, match="is not there"):
        produce(recipe, Following(), tmp_path / "made", lambda event: None, lambda: None, given=tmp_path)


def test_a_mask_without_a_picture_is_refused_in_words() -> None:
    with pytest.raises(BadRequest, match=r"texture\.source must have an image when it has a mask"):
        read_recipe({"kind": "texture", "prompt": "bricks", "texture": {"source": {"mask": "0" * 64}}})


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 1.0])
def test_a_course_begins_where_it_hides_as_much_as_is_reimagined(share: float) -> None:
    source = {"image": "0" * 64, "reimagine": share}
    recipe = read_recipe({"kind": "texture", "prompt": "bricks", "texture": {"source": source}})
    legs = plan_of(recipe, EMBEDDED_CARD).course.legs
    whole = EMBEDDED_CARD.picture
    first, last = whole[0].bandwidth_start, whole[-1].bandwidth_end
    assert legs[0].bandwidth_start == pytest.approx(last ** (1 - share) * first**share)
    assert legs[-1].bandwidth_end == last
    assert sum(leg.share for leg in legs) == pytest.approx(1)
    assert all(leg.bandwidth_end <= leg.bandwidth_start <= first for leg in legs)
    assert len(legs) == (3 if share > 0.57 else 1)


def test_detail_that_grids_cannot_hold_is_recoloured_with_the_pattern(tmp_path: Path) -> None:
    fine = waves()
    fine[::2] = np.minimum(fine[::2] + 24, 255)
    made, _ = make(tmp_path, fine, reimagine=0.0)
    rows = made[::2].astype(float).mean() - made[1::2].astype(float).mean()
    assert 12 < rows < 36
