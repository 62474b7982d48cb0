"""Photographs of the procedural world: what is seen, from where, and what their captions say."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from server.priors.pretrained.wording import VIEW_WORDS
from server.training.photographs import CAMERAS, PhotographBank, caption_numbers, captions, without_view
from server.world.captions import KINDS


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> PhotographBank:
    return PhotographBank(tmp_path_factory.mktemp("photographs"), 16, 40, kinds=("duck", "ball"))


def test_every_photograph_shows_something_before_something_else(bank: PhotographBank) -> None:
    drawn = bank.draw(64, torch.Generator().manual_seed(0))
    assert drawn.pictures.shape == (64, 3, 16, 16)
    assert float(drawn.pictures.min()) >= 0
    assert float(drawn.pictures.max()) <= 1
    assert float(drawn.pictures.std((2, 3)).amax(1).min()) > 0.01
    assert {list(KINDS)[int(number)] for number in drawn.subject} == {"duck", "ball"}


def test_the_front_is_seen_more_often_than_the_back_and_words_follow_the_views(bank: PhotographBank) -> None:
    drawn = bank.draw(4000, torch.Generator().manual_seed(1))
    towards = torch.cos(drawn.views.azimuth)
    assert float((towards > 0).float().mean()) > 0.6
    for suffix, sign in ((", front view", 1), (", back view", -1)):
        named = drawn.word == 1 + VIEW_WORDS.index(suffix)
        assert bool(named.any())
        assert bool((sign * towards[named] > 0.7).all())
    above = drawn.views.elevation[drawn.word == 1 + VIEW_WORDS.index(", overhead view")]
    assert float(above.min()) > math.radians(50)


def test_lenses_differ_and_wide_ones_come_near(bank: PhotographBank) -> None:
    fov = torch.rad2deg(bank.views.fov)
    low, high = CAMERAS.fov - CAMERAS.fov_spread, CAMERAS.fov + CAMERAS.fov_spread
    assert low <= float(fov.min()) < low + 5
    assert high - 5 < float(fov.max()) <= high
    assert float(bank.views.distance[fov.argmax()]) < float(bank.views.distance[fov.argmin()])


def test_a_caption_names_what_is_seen(bank: PhotographBank) -> None:
    drawn = bank.draw(32, torch.Generator().manual_seed(2))
    for number, subject, word in zip(caption_numbers(drawn), drawn.subject, drawn.word, strict=True):
        text, plain = captions()[int(number)], captions()[int(without_view(number))]
        assert plain.endswith(list(KINDS)[int(subject)])
        assert text == plain + VIEW_WORDS[int(word) - 1]


def test_layers_are_kept_kind_by_kind_and_rendered_once(tmp_path: Path) -> None:
    first = PhotographBank(tmp_path, 16, 4, kinds=("duck",))
    files = sorted(tmp_path.iterdir())
    times = [file.stat().st_mtime_ns for file in files]
    both = PhotographBank(tmp_path, 16, 4, kinds=("ball", "duck"))
    assert [file.stat().st_mtime_ns for file in files] == times
    assert len(list(tmp_path.iterdir())) == len(files) + 1
    assert torch.equal(both.layers[1], first.layers[0])
    elsewhere = PhotographBank(tmp_path, 16, 4, start=4, kinds=("duck",))
    assert not torch.equal(elsewhere.views.azimuth, first.views.azimuth)
