"""A prior is judged by what it draws and by its use of the camera."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from server.evaluation import camera_use as camera
from server.evaluation.prior import accuracies, judged, questions
from server.priors.embedded.card import trained_views
from server.priors.embedded.wording import build_tokenizer
from server.priors.exact import BANK, ExactPrior
from server.training.captions_table import object_table
from server.training.heldout import is_held_out
from server.training.judge import IGNORED, NAMES, Judge, answer_of, train_judge
from server.training.pictures import PictureBank
from server.world.bank import spread_views
from server.world.captions import COLOURS, KINDS, PATTERNS, Caption
from server.world.views import Views


def test_every_object_is_asked_for_in_every_colour_and_every_surface_in_twelve() -> None:
    asked = questions()
    for group in ("objects", "pictures"):
        assert {(q.caption.name, q.caption.colour) for q in asked[group]} == {(k, c) for k in KINDS for c in COLOURS}
    assert {q.caption.name for q in asked["surfaces"]} == set(PATTERNS)
    assert len(asked["surfaces"]) >= 12 * 12


def test_every_object_and_surface_is_also_asked_for_in_its_held_out_combination() -> None:
    for group, names in (("objects", KINDS), ("pictures", KINDS), ("surfaces", PATTERNS)):
        held_out = [question for question in questions()[group] if is_held_out(question.caption)]
        assert {question.caption.name for question in held_out} == set(names)
        assert all(question.count >= 4 for question in held_out)


def test_stripes_are_the_same_whichever_colour_is_named_first() -> None:
    assert answer_of(Caption("texture", "stripes", "red", "blue")) == answer_of(
        Caption("texture", "stripes", "blue", "red")
    )
    assert answer_of(Caption("texture", "dots", "red", "blue")) != answer_of(Caption("texture", "dots", "blue", "red"))


def test_the_judge_learns_what_renders_show(tmp_path: Path) -> None:
    bank = PictureBank(tmp_path, 64, views=2, windows=2, device=torch.device("cpu"))
    judge = train_judge(bank, steps=80).eval()
    generator = torch.Generator().manual_seed(5)
    table = object_table(build_tokenizer())
    batch = bank.draw_objects(table, 128, generator)
    names = torch.tensor([NAMES.index(table.captions[row].name) for row in batch.row])
    assert (judge.look(batch.pictures).name == names).float().mean() > 0.12  # chance is 1 in 28


def test_wrong_names_and_wrong_colours_are_counted_apart_and_held_out_ones_by_themselves() -> None:
    class SaysRedBall(Judge):
        def forward(self, pictures: torch.Tensor) -> list[torch.Tensor]:
            logits = [torch.zeros(len(pictures), n) for n in (len(NAMES), len(COLOURS), len(COLOURS))]
            logits[0][:, NAMES.index("ball")] = 1
            logits[1][:, list(COLOURS).index("red")] = 1
            return logits

    images = torch.zeros(1, 3, 64, 64)
    asked = [Caption("mesh", "ball", "red"), Caption("mesh", "ball", "blue"), Caption("mesh", "cube", "red")]
    hits = [hit for caption in asked for hit in judged(SaysRedBall(), images, caption)]
    assert accuracies(hits) == {
        "kind_accuracy": 1.0,
        "colour_accuracy": 0.5,
        "heldout_kind_accuracy": 0.0,
        "heldout_colour_accuracy": 1.0,
    }
    assert answer_of(asked[0])[2] == IGNORED


class Blindfolded(ExactPrior):
    """Looks from the front, whatever camera it is given."""

    def condition(self, prompt: str, views: Views | None = None):
        assert views is not None
        return super().condition(prompt, replace(views, azimuth=torch.zeros_like(views.azimuth)))


@pytest.fixture
def only_the_duck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera, "KINDS_THAT_TURN", {"duck": 180.0})
    monkeypatch.setattr(camera, "TIMES", (750,))


@pytest.mark.usefixtures("only_the_duck")
def test_the_exact_denoiser_uses_the_camera_fully() -> None:
    (row,) = camera.camera_use(ExactPrior(), trained_views=0, count=3)
    assert row["gain"] == pytest.approx(1.0, abs=0.15)
    assert row["right_over_exact"] <= 1.0
    assert row["wrong_over_right"] > 2


@pytest.mark.usefixtures("only_the_duck")
def test_a_prior_that_ignores_the_camera_gains_nothing_from_it() -> None:
    (row,) = camera.camera_use(Blindfolded(), trained_views=0, count=3)
    assert row["gain"] == pytest.approx(0.0, abs=1e-5)
    assert row["wrong_over_right"] == pytest.approx(1.0, abs=1e-5)
    assert row["right_over_exact"] > 2


def test_the_views_it_is_asked_about_lie_beyond_those_that_its_weights_were_trained_on() -> None:
    bank = spread_views(ExactPrior.card.cameras, BANK)
    for trained in (0, 1000, 1400):
        asked = camera._test_pictures("cube", 5, 32, 0, trained).views
        first = [int((bank.azimuth == azimuth).nonzero()[0]) for azimuth in asked.azimuth]
        assert min(first) >= trained
    assert trained_views() == 1000
