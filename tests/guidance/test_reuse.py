"""Targets that pay for more than one step."""

import pytest
import torch

from server.guidance.reuse import TargetBuffer


def _steps(buffer: TargetBuffer[int], count: int) -> tuple[int, list[int]]:
    generator = torch.Generator().manual_seed(0)
    fresh, drawn = 0, []
    for step in range(count):
        if buffer.wants_fresh():
            fresh += 1
            buffer.add(step, torch.full((2,), float(step)))
        else:
            view, target = buffer.draw(generator)
            assert float(target[0]) == view
            drawn.append(view)
    return fresh, drawn


@pytest.mark.parametrize("uses", [1, 4])
def test_every_target_serves_the_given_number_of_steps(uses: int) -> None:
    fresh, drawn = _steps(TargetBuffer(size=24, uses=uses), 40)
    assert fresh == 40 // uses
    assert len(drawn) == 40 - fresh


def test_only_the_newest_targets_are_kept() -> None:
    buffer: TargetBuffer[int] = TargetBuffer(size=2, uses=4)
    _steps(buffer, 40)
    generator = torch.Generator().manual_seed(1)
    assert {buffer.draw(generator)[0] for _ in range(50)} == {32, 36}


def test_drawing_from_an_empty_buffer_is_refused() -> None:
    with pytest.raises(IndexError, match="empty"):
        TargetBuffer(size=2, uses=2).draw(torch.Generator())
