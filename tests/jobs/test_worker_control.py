"""What the optimisation hears when it asks whether to stop, and how crashes are told."""

from __future__ import annotations

import threading

import pytest

from server.errors import Cancelled
from server.jobs.process import exit_in_words
from server.jobs.worker import Control


def test_nothing_asked_means_go_on() -> None:
    assert Control().should_stop() is None


def test_finish_is_heard_again_and_again() -> None:
    control = Control()
    control.obey("finish")
    assert [control.should_stop(), control.should_stop()] == ["finish", "finish"]


def test_cancel_raises_even_after_finish() -> None:
    control = Control()
    control.obey("finish")
    control.obey("cancel")
    with pytest.raises(Cancelled):
        control.should_stop()


@pytest.mark.parametrize(("order", "outcome"), [("resume", None), ("finish", "finish"), ("cancel", "cancelled")])
def test_a_paused_job_waits_until_it_is_resumed_finished_or_cancelled(order: str, outcome: str | None) -> None:
    control = Control()
    control.obey("pause")
    heard: list[str | None] = []

    def ask() -> None:
        try:
            heard.append(control.should_stop())
        except Cancelled:
            heard.append("cancelled")

    asking = threading.Thread(target=ask)
    asking.start()
    asking.join(0.05)
    assert asking.is_alive()
    control.obey(order)
    asking.join(5)
    assert heard == [outcome]


def test_exit_codes_are_told_in_words() -> None:
    assert exit_in_words(3) == "ended with exit code 3"
    assert exit_in_words(-11) == "was stopped by signal 11 (SIGSEGV)"
    assert "memory runs out" in exit_in_words(-9)
