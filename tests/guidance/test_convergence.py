"""When an optimisation may stop."""

import torch

from server.guidance.convergence import Convergence, scaled_shift_norm


def test_q_is_the_shift_in_bandwidths_per_dimension() -> None:
    assert abs(scaled_shift_norm(torch.full((3, 4, 2, 2), 0.2), 0.4) - 0.5) < 1e-6


def test_it_stops_after_enough_small_shifts_in_a_row() -> None:
    convergence = Convergence(threshold=0.1, checks=3, momentum=0.0)
    shifts = [0.5, 0.01, 0.01, 0.5, 0.01, 0.01, 0.01]
    answers = [convergence.update(torch.full((1, 4), shift), 1.0) for shift in shifts]
    assert answers == [False] * 6 + [True]


def test_a_shrinking_bandwidth_alone_is_no_convergence() -> None:
    convergence = Convergence(threshold=0.1)
    assert not any(convergence.update(torch.full((1, 4), 0.5 * 0.9**i), 0.9**i) for i in range(60))


def test_noise_of_a_sampling_estimator_is_averaged_away() -> None:
    generator = torch.Generator().manual_seed(0)
    convergence = Convergence(threshold=0.3, checks=5)
    answers = [convergence.update(torch.randn((1, 64), generator=generator), 1.0) for _ in range(60)]
    assert answers[-1]
    assert convergence.q < 0.3


def test_shifts_of_changing_views_do_not_cancel() -> None:
    generator = torch.Generator().manual_seed(0)
    convergence = Convergence(threshold=0.3, average="norm")
    assert not any(convergence.update(torch.randn((1, 64), generator=generator), 1.0) for _ in range(60))


def test_a_threshold_of_zero_never_stops() -> None:
    convergence = Convergence(threshold=0.0)
    assert not any(convergence.update(torch.zeros((1, 4)), 1.0) for _ in range(20))


def test_it_goes_on_from_what_it_remembered() -> None:
    whole, rest = Convergence(threshold=0.3, average="norm"), Convergence(threshold=0.3, average="norm")
    for number in range(8):
        if number == 4:
            rest.restore(whole.state())
        shift = torch.full((1, 8), 1 / (number + 1))
        whole.update(shift, 1.0)
        if number >= 4:
            rest.update(shift, 1.0)
    assert rest.q == whole.q
