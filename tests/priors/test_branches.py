"""Rules of guidance over the answers to several conditions."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from server.priors.branches import ClassifierFree, PerpendicularNegatives, Rule
from server.priors.denoiser import Guided, at_scale


class ThreeAnswers:
    """Every condition is the network's own answer."""

    def denoise(self, noisy: Tensor, sigma: Tensor, conditions: Sequence[Tensor]) -> list[Tensor]:
        return [condition.expand_as(noisy) for condition in conditions]


ONE = torch.ones(1)
COND, UNCOND, NEGATIVE = torch.tensor([1.0, 1.0]), torch.tensor([0.5, 0.0]), torch.tensor([0.0, 2.0])


def _guided(rule: Rule | None = None, scale: float = 1.0) -> Guided:
    return Guided(ThreeAnswers(), COND, UNCOND, scale, negatives=[NEGATIVE], rule=rule)


def _ask(guided: Guided, sigma: float = 1.0, noisy: Tensor | None = None) -> Tensor:
    noisy = torch.zeros((1, 2)) if noisy is None else noisy
    return guided(noisy, torch.full((len(noisy),), sigma))[0]


def test_one_convention_uncond_plus_scale_times_difference() -> None:
    torch.testing.assert_close(_ask(_guided(scale=4.0)), UNCOND + 4 * (COND - UNCOND))
    torch.testing.assert_close(_ask(_guided(scale=1.0)), COND)
    torch.testing.assert_close(_ask(_guided(scale=0.0)), UNCOND)


def test_guidance_costs_two_calls_and_its_absence_one() -> None:
    plain, guided = _guided(), _guided(scale=4.0)
    _ask(plain)
    _ask(guided)
    assert (plain.calls, guided.calls) == (1, 2)


def test_guidance_in_an_interval_leaves_other_levels_to_the_conditional_model() -> None:
    guided = _guided(ClassifierFree(4.0, interval=(0.5, 2.0)))
    torch.testing.assert_close(_ask(guided, 1.0), UNCOND + 4 * (COND - UNCOND))
    torch.testing.assert_close(_ask(guided, 3.0), COND)
    assert guided.calls == 3


def test_a_batch_may_straddle_the_interval() -> None:
    guided = _guided(ClassifierFree(4.0, interval=(0.5, 2.0)))
    both = guided(torch.zeros((2, 2)), torch.tensor([1.0, 3.0]))
    torch.testing.assert_close(both, torch.stack([UNCOND + 4 * (COND - UNCOND), COND]))


def test_a_perpendicular_negative_prompt_keeps_all_of_the_prompts_direction() -> None:
    answer = _ask(_guided(PerpendicularNegatives(3.0, torch.tensor([0.7]))))
    wanted = COND - UNCOND
    along = float((answer - UNCOND) @ wanted / (wanted @ wanted))
    assert along == pytest.approx(3.0)
    assert float((answer - UNCOND) @ (NEGATIVE - UNCOND)) < 3 * float(wanted @ (NEGATIVE - UNCOND))


def test_a_negative_prompt_along_the_prompt_removes_nothing() -> None:
    guided = Guided(
        ThreeAnswers(), COND, UNCOND, negatives=[UNCOND + 2 * (COND - UNCOND)], rule=PerpendicularNegatives(3.0, ONE)
    )
    torch.testing.assert_close(_ask(guided), UNCOND + 3 * (COND - UNCOND))


def test_another_scale_of_the_same_model_counts_with_it() -> None:
    guided = _guided(PerpendicularNegatives(3.0, ONE))
    answer = at_scale(guided, -6.5)(torch.zeros((1, 2)), torch.ones(1))[0]
    torch.testing.assert_close(answer, UNCOND - 6.5 * (COND - UNCOND))
    assert guided.calls == 2


def test_a_denoiser_without_guidance_is_itself_at_every_scale() -> None:
    def plain(noisy: Tensor, sigma: Tensor) -> Tensor:
        return noisy

    assert at_scale(plain, -6.5) is plain


def test_a_missing_condition_is_named() -> None:
    with pytest.raises(ValueError, match="negative"):
        _ask(Guided(ThreeAnswers(), COND, UNCOND, rule=PerpendicularNegatives(3.0, ONE)))
    with pytest.raises(ValueError, match="unconditional"):
        Guided(ThreeAnswers(), COND, scale=4.0)
