"""What the optimisation hears when it asks whether to stop, and how crashes are told."""

from __future__ import annotations

import pytest

from server.errors import Cancelled
from server.jobs.control import Control, LeftForLater
from server.jobs.process import exit_in_words


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


@pytest.mark.parametrize("order", ["pause", "stop"])
def test_a_job_that_is_to_leave_is_told_once_to_keep_what_it_has(order: str) -> None:
    control = Control()
    control.obey(order)
    assert control.should_stop() == "keep"
    for _ in range(2):
        with pytest.raises(LeftForLater) as left:
            control.should_stop()
        assert left.value.why == order


@pytest.mark.parametrize(("order", "outcome"), [("resume", None), ("finish", "finish")])
def test_a_job_that_has_not_left_yet_goes_on_when_told_to(order: str, outcome: str | None) -> None:
    control = Control()
    control.obey("pause")
    control.obey(order)
    assert control.should_stop() == outcome


def test_a_paused_job_is_given_up_when_it_is_cancelled() -> None:
    control = Control()
    control.obey("pause")
    control.obey("cancel")
    with pytest.raises(Cancelled):
        control.should_stop()


@pytest.mark.parametrize("order", ["resume", "finish", "pause"])
def test_nothing_keeps_a_job_when_the_server_ends(order: str) -> None:
    control = Control()
    control.obey("stop")
    control.obey(order)
    with pytest.raises(LeftForLater) as left:
        control.leave_if_asked()
    assert left.value.why == "stop"


def test_exit_codes_are_told_in_words() -> None:
    assert exit_in_words(3) == "ended with exit code 3"
    assert exit_in_words(-11) == "was stopped by signal 11 (SIGSEGV)"
    assert "memory runs out" in exit_in_words(-9)
