"""A few of the kills of `make chaos`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.jobs.chaos.kills import plan, run

FEW = 10


def test_whoever_is_killed_whenever_every_job_is_done_by_itself_as_if_nobody_had_been(tmp_path: Path) -> None:
    survived = list(run(plan(FEW), tmp_path))
    assert len(survived) == FEW


@pytest.mark.parametrize("whom", ["server", "worker"])
def test_all_kills_together_meet_every_phase_with_every_signal(whom: str) -> None:
    met = {(kill.by, kill.phase, kill.kind) for kill in plan(600) if kill.whom == whom}
    assert len({(phase, kind) for _, phase, kind in met}) == 12
    assert {by for by, _, _ in met} == {"KILL", "TERM", "STOP"}
