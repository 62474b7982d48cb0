"""Which noise, which bandwidth and how long a step, at every step of a run."""

import math

import pytest
import torch

from server.guidance.course import Course
from server.guidance.mean_shift import Exact, Noised, Paper
from server.guidance.noise import Attached, Fresh
from server.guidance.score_distillation import ScoreDistillation
from server.lab.densities import density
from server.priors.card import Leg, PriorCard
from server.priors.embedded.card import EMBEDDED_CARD
from server.priors.mixture import GaussianMixture
from server.recipe import read_recipe
from server.studio.plan import FITS, plan_of


def test_steps_of_a_path_add_up_to_the_fall_of_its_bandwidth() -> None:
    course = Course([Leg("attached", 5.0, 0.05)], "geometric", 40)
    points = [course.at(step) for step in range(40)]
    assert points[0].bandwidth == pytest.approx(5.0)
    left = math.prod(1 - point.pace for point in points[:-1])
    assert left == pytest.approx(points[-1].bandwidth / points[0].bandwidth)
    assert points[-1].pace == 1.0
    assert not any(point.is_final for point in points)


def test_a_climb_goes_all_the_way_and_may_end_where_it_is_narrow() -> None:
    course = Course([Leg("fresh", 1.5, 0.1)], "geometric", 50)
    points = [course.at(step) for step in range(50)]
    assert all(point.pace == 1.0 for point in points)
    assert [point.is_final for point in points] == [point.bandwidth <= 0.15 for point in points]


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 50])
def test_every_number_of_steps_is_shared_out_among_the_legs_in_order(steps: int) -> None:
    course = Course(EMBEDDED_CARD.picture, "geometric", steps)
    noises = [course.at(step).noise for step in range(steps)]
    assert len(noises) == steps
    assert noises[-1] == "attached"
    if steps >= 7:
        assert course.noise == "attached-fresh-attached"
        assert [noise for i, noise in enumerate(noises) if i == 0 or noises[i - 1] != noise] == course.noise.split("-")


def test_a_bandwidth_that_stays_is_gone_to_and_not_stood_still_at() -> None:
    course = Course([Leg("attached", 0.5, 0.5)], "constant", 3)
    assert [course.at(step).pace for step in range(3)] == [1.0, 1.0, 1.0]


def _recipe(kind: str, **guidance: object) -> object:
    return read_recipe({"kind": kind, "prompt": "red bricks", "guidance": guidance})


def test_the_card_decides_what_a_recipe_leaves_open_for_each_kind() -> None:
    picture = plan_of(_recipe("texture"), EMBEDDED_CARD)  # type: ignore[arg-type]
    assert picture.course.noise == "attached-fresh-attached"
    assert picture.fits == FITS
    thing = plan_of(_recipe("mesh"), EMBEDDED_CARD)  # type: ignore[arg-type]
    assert (thing.course.noise, thing.fits, thing.scale) == ("fresh", 1, EMBEDDED_CARD.guidance_scale)
    assert thing.course.at(0).bandwidth == pytest.approx(EMBEDDED_CARD.bandwidth_start)


def test_a_recipe_that_names_its_noise_or_a_bandwidth_has_one_leg() -> None:
    fresh = plan_of(_recipe("texture", noise="fresh", bandwidth_start=2.0), EMBEDDED_CARD)  # type: ignore[arg-type]
    assert fresh.course.legs == (Leg("fresh", 2.0, EMBEDDED_CARD.picture[-1].bandwidth_end),)
    narrow = plan_of(_recipe("texture", bandwidth_start=0.01), EMBEDDED_CARD)  # type: ignore[arg-type]
    assert narrow.course.legs[0].bandwidth_start >= narrow.course.legs[0].bandwidth_end > 0


def test_shares_of_every_course_add_up_to_one() -> None:
    for legs in (EMBEDDED_CARD.picture, PriorCard("", "", "", 64, (4, 8, 8)).picture):
        assert sum(leg.share for leg in legs) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "estimator", [Noised(), Exact(steps=4), Paper(steps=4, centre="random"), ScoreDistillation()], ids=repr
)
def test_every_sampling_estimator_takes_its_noise_from_the_value_it_is_given(estimator: object) -> None:
    x = torch.zeros((6, 2), dtype=torch.float64)
    own = Attached(lambda number, shape: torch.full(shape, 0.5 + number), torch.Generator().manual_seed(0))
    again = Attached(own.law, torch.Generator().manual_seed(0))
    first, second = (estimator(density("pinwheel"), x, 0.3, noise).target for noise in (own, again))  # type: ignore[operator]
    assert torch.equal(first, second)
    other = estimator(density("pinwheel"), x, 0.3, Fresh(torch.Generator().manual_seed(0))).target  # type: ignore[operator]
    assert not torch.equal(first, other)


def test_attached_noise_at_this_pace_draws_a_true_sample_and_at_full_pace_exaggerates_it() -> None:
    """A Gaussian of spread s: the path ends at x = s n, the fixed point at the last bandwidth is s^2 n / lambda."""
    spread, end = 0.3, 0.1
    one = torch.ones(1, dtype=torch.float64)
    covariance = spread**2 * torch.eye(2, dtype=torch.float64)
    gaussian = GaussianMixture(one, torch.zeros((1, 2), dtype=torch.float64), covariance[None])
    noise = torch.tensor([[1.0, -0.5]], dtype=torch.float64)
    course = Course([Leg("attached", 30.0, end)], "geometric", 2000)

    def run(paced: bool) -> torch.Tensor:
        x = torch.zeros((1, 2), dtype=torch.float64)
        for step in range(1999):
            now = course.at(step)
            target = Noised()(gaussian, x, now.bandwidth, Attached(lambda n, shape: noise, torch.Generator())).target
            for _ in range(1 if paced else 5):
                x = x + (now.pace if paced else 0.5) * (target - x)
                if not paced:
                    own = Attached(lambda n, shape: noise, torch.Generator())
                    target = Noised()(gaussian, x, now.bandwidth, own).target
        return x

    # On the path x + lambda n is the sample's state at noise level lambda: s n sqrt(1 + lambda^2 / s^2).
    on_path = noise * ((spread**2 + end**2) ** 0.5 - end)
    torch.testing.assert_close(run(paced=True), on_path, atol=0.02, rtol=0.02)
    torch.testing.assert_close(run(paced=False), noise * spread**2 / end, atol=0.05, rtol=0.05)
