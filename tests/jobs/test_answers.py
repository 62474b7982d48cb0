"""What a worker says of its job: no more than anybody can see."""

from __future__ import annotations

import io
import json
from pathlib import Path

from server.jobs.answers import Answers, Reporter
from server.studio.events import Progress


def test_fast_steps_are_told_together_and_the_last_of_a_phase_always(tmp_path: Path) -> None:
    said = io.StringIO()
    report = Reporter("a job", tmp_path, Answers(said))
    report(Progress("Loading", 0.0))
    for step in range(1, 10_001):
        report(Progress("Painting", step / 10_001, step, 10_000))
    report(Progress("Saving", 0.99))
    told = [json.loads(line)["data"] for line in said.getvalue().splitlines()]
    assert len(told) < 1000
    assert [told[0]["phase"], told[1]["step"], told[-2]["step"], told[-1]["phase"]] == ["Loading", 1, 10_000, "Saving"]


def test_what_came_too_soon_to_be_told_is_told_when_the_job_is_left(tmp_path: Path) -> None:
    said = io.StringIO()
    report = Reporter("a job", tmp_path, Answers(said))
    for step in range(1, 5):
        report(Progress("Painting", step / 10, step, 10))
    for _ in range(2):
        report.catch_up()
    told = [json.loads(line)["data"]["step"] for line in said.getvalue().splitlines()]
    assert (told[-1], told.count(4)) == (4, 1)
