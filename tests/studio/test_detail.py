"""A large tile is gone over a second time, through narrower windows: it gets detail and keeps its layout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from server.errors import Cancelled
from server.priors.card import PriorCard
from server.priors.cards import built_in_cards
from server.priors.photographic import photographic
from server.recipe import Recipe, read_recipe
from server.studio import assignment
from server.studio.events import Log, Progress
from server.studio.plan import DETAIL_ZOOM, calls_of, detail_of, plan_of
from server.studio.production import produce
from tests.studio.wiener import Wiener

pytestmark = pytest.mark.usefixtures("one_thread")

STEPS = 24
WINDOW, TILE = 32, 128
FREQUENCY = torch.fft.fftfreq(WINDOW, 1 / WINDOW).abs()
RADIUS = torch.maximum(FREQUENCY, FREQUENCY[:, None])
# Variance at each frequency: of a pattern with a little of everything finer, and of next to nothing.
PATTERN = 1.0 / (1 + RADIUS) ** 2 + 1e-4
FLAT = torch.full_like(RADIUS, 1e-7)


class Gaussian(Wiener):
    """Args:
    later: a call, and what it believes from there on.
    """

    def __init__(
        self, belief: Tensor = PATTERN, later: tuple[int, Tensor] | None = None, detail_from: int = TILE
    ) -> None:
        super().__init__(
            WINDOW,
            lambda asked: belief if later is None or asked < later[0] else later[1],
            detail_from=detail_from,
        )


def asked(side: int = TILE, **changes: Any) -> Recipe:
    texture = {"width": side, "height": side}
    return read_recipe({"kind": "texture", "prompt": "anything", "steps": STEPS, "texture": texture, **changes})


def make(prior: Gaussian, folder: Path, recipe: Recipe | None = None, **rest: Any) -> tuple[dict[str, Any], list[Any]]:
    events: list[Any] = []
    should_stop: Callable[[], Any] = rest.pop("should_stop", lambda: None)
    return produce(recipe or asked(), prior, folder, events.append, should_stop, **rest), events


def picture(folder: Path) -> Tensor:
    """[3, H, W] in [0, 1]."""
    pixels = torch.frombuffer(bytearray(Image.open(folder / "texture.png").convert("RGB").tobytes()), dtype=torch.uint8)
    return pixels.view(TILE, TILE, 3).permute(2, 0, 1).float() / 255


def spectrum(image: Tensor) -> tuple[float, float]:
    """Power of what the windows of the first pass could show, and of what is finer."""
    power = torch.fft.fft2(image - image.mean((1, 2), keepdim=True)).abs().square().sum(0)
    across = torch.fft.fftfreq(TILE, 1 / TILE).abs()
    fine = torch.maximum(across, across[:, None]) > WINDOW / 2
    return float(power[~fine].sum()), float(power[fine].sum())


def phases(events: list[Any]) -> list[str]:
    found = [event.phase for event in events if isinstance(event, Progress)]
    return [phase for number, phase in enumerate(found) if number == 0 or found[number - 1] != phase]


def warnings(events: list[Any]) -> list[str]:
    return [event.message for event in events if isinstance(event, Log) and event.level == "warning"]


def test_a_large_tile_has_detail_that_one_window_could_not_hold_and_keeps_its_layout(tmp_path: Path) -> None:
    report, events = make(Gaussian(), tmp_path / "fine")
    make(Gaussian(detail_from=2 * TILE), tmp_path / "plain")
    fine, plain = picture(tmp_path / "fine"), picture(tmp_path / "plain")
    assert spectrum(fine)[1] > 1.5 * spectrum(plain)[1]
    assert spectrum(fine)[0] == pytest.approx(spectrum(plain)[0], rel=0.2)
    layout = torch.stack([torch.nn.functional.avg_pool2d(image, TILE // 16) for image in (fine, plain)])
    # Either may be cut at another place.
    transforms = torch.fft.fft2(layout - layout.mean((2, 3), keepdim=True))
    together = torch.fft.ifft2(transforms[0] * transforms[1].conj()).real.sum(0)
    assert (
        float(together.max() / layout.sub(layout.mean((2, 3), keepdim=True)).square().sum((1, 2, 3)).prod().sqrt())
        > 0.9
    )
    assert phases(events) == ["Loading", "Painting", "Adding detail", "Saving", "Done"]
    assert report["detail_steps"] == STEPS / 2


def test_both_passes_count(tmp_path: Path) -> None:
    prior = Gaussian()
    report, events = make(prior, tmp_path)
    plan, detail = plan_of(asked(), prior.card), detail_of(asked(), prior.card)
    assert detail is not None
    assert report["denoiser_calls"] == plan.calls + detail.calls == calls_of(asked(), prior.card)
    assert report["detail_calls"] == detail.calls
    told = [event for event in events if isinstance(event, Progress)]
    assert [event.fraction for event in told] == sorted(event.fraction for event in told)
    assert [event.denoiser_calls for event in told] == sorted(event.denoiser_calls for event in told)


def test_the_second_pass_looks_through_narrower_windows_under_a_narrow_kernel_without_guidance() -> None:
    (card,) = (card for card in built_in_cards() if card.name == "embedded")
    recipe = asked(card.detail_from, preset="standard")
    first, second = plan_of(recipe, card), detail_of(recipe, card)
    assert second is not None
    assert second.images == first.images * DETAIL_ZOOM**2
    assert second.course.legs[0].bandwidth_start < 0.2 * first.course.legs[0].bandwidth_start
    assert second.course.legs[-1].bandwidth_end == first.course.legs[-1].bandwidth_end
    assert (first.scale, second.scale) == (card.guidance_scale, 1.0)
    assert (second.method, second.estimator) == (first.method, first.estimator)


def test_small_tiles_objects_and_what_begins_as_a_picture_have_one_pass() -> None:
    card = Gaussian().card
    assert detail_of(asked(TILE), card) is not None
    assert detail_of(asked(TILE - 1), card) is None
    texture = {"width": TILE, "height": TILE}
    assert detail_of(asked(texture=texture | {"height": TILE // 2}), card) is None
    assert detail_of(asked(texture=texture | {"source": {"image": "0" * 64}}), card) is None
    assert detail_of(read_recipe({"kind": "mesh", "prompt": "a duck"}), replace(card, detail_from=0)) is None


def test_published_models_add_detail_where_their_windows_are_much_smaller_than_the_tile() -> None:
    found = [
        photographic(PriorCard("", "", "", side, (4, side // 8, side // 8))).detail_from for side in (64, 512, 1024)
    ]
    assert found == [2048, 2048, 4096]


def test_a_run_that_is_stopped_while_it_adds_detail_goes_on_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assignment, "SAVE_INTERVAL_S", 0.0)
    kept = tmp_path / "kept"
    whole, _ = make(Gaussian(), tmp_path / "whole", unfinished=tmp_path / "other")
    seen: list[Any] = []

    def stop() -> None:
        told = [event for event in seen if isinstance(event, Progress)]
        if told and told[-1].phase == "Adding detail" and told[-1].step >= 4:
            raise Cancelled

    with pytest.raises(Cancelled):
        produce(asked(), Gaussian(), tmp_path / "rest", seen.append, stop, unfinished=kept)
    prior = Gaussian()
    report, events = make(prior, tmp_path / "rest", unfinished=kept)
    assert (tmp_path / "rest" / "texture.png").read_bytes() == (tmp_path / "whole" / "texture.png").read_bytes()
    assert {**report, "seconds": 0} == {**whole, "seconds": 0}
    said = [event.message for event in events if isinstance(event, Log)]
    assert any(message.startswith(f"Going on from step 4 of {STEPS // 2}") for message in said), said
    assert not list(kept.iterdir())


def test_who_wants_it_finished_gets_what_there_is_at_once(tmp_path: Path) -> None:
    seen: list[Any] = []

    def finish_in(phase: str) -> Callable[[], Any]:
        return lambda: "finish" if any(isinstance(event, Progress) and event.phase == phase for event in seen) else None

    report = produce(asked(), Gaussian(), tmp_path / "first", seen.append, finish_in("Painting"))
    assert "Adding detail" not in phases(seen)
    assert report["stopped_by"] == "finish"
    seen.clear()
    report = produce(asked(), Gaussian(), tmp_path / "second", seen.append, finish_in("Adding detail"))
    assert 0 < report["detail_steps"] < STEPS // 2


def test_detail_that_hides_the_pattern_is_left_out_and_said(tmp_path: Path) -> None:
    make(Gaussian(detail_from=2 * TILE), tmp_path / "plain")
    report, events = make(Gaussian(later=(STEPS, FLAT)), tmp_path / "fine")
    assert torch.equal(picture(tmp_path / "fine"), picture(tmp_path / "plain"))
    assert any("left out" in message for message in warnings(events))
    assert "warning" not in report


def test_numbers_that_break_cost_the_detail_alone(tmp_path: Path) -> None:
    make(Gaussian(detail_from=2 * TILE), tmp_path / "plain")
    broken = torch.full_like(PATTERN, float("nan"))
    _, events = make(Gaussian(later=(STEPS, broken)), tmp_path / "fine")
    assert torch.equal(picture(tmp_path / "fine"), picture(tmp_path / "plain"))
    assert any(message.startswith("No detail could be added") for message in warnings(events))
    shares = [event.fraction for event in events if isinstance(event, Progress)]
    assert shares == sorted(shares)
