"""A worker that hangs is told apart from one that only gets too little of a busy machine."""

from __future__ import annotations

import os
import subprocess
import sys

from server.jobs.silence import Silence, processor_seconds


class Machine:
    """A clock, and a process that was heard of when it began."""

    def __init__(self) -> None:
        self.clock = self.worked = 0.0
        self.silence = Silence(lambda: self.worked, lambda: self.clock)

    def pass_by(self, seconds: float, share: float) -> bool:
        """So many seconds with such a share of a processor; whether it hangs by then, or did before."""
        hung = False
        for _ in range(round(seconds)):
            self.clock += 1.0
            self.worked += share
            hung = hung or self.silence.is_hanging(60.0)
        return hung


def test_who_does_nothing_and_says_nothing_hangs() -> None:
    machine = Machine()
    assert not machine.pass_by(60, 0.0)
    assert machine.pass_by(1, 0.0)


def test_who_works_without_end_and_says_nothing_hangs() -> None:
    machine = Machine()
    assert not machine.pass_by(60, 1.0)
    assert machine.pass_by(2, 1.0)


def test_who_works_for_a_while_and_then_stands_still_hangs() -> None:
    machine = Machine()
    assert not machine.pass_by(5, 1.0)
    assert not machine.pass_by(59, 0.0)
    assert machine.pass_by(2, 0.0)


def test_who_gets_a_twentieth_of_a_processor_is_given_twenty_times_as_long() -> None:
    machine = Machine()
    assert not machine.pass_by(1190, 0.05)
    assert machine.pass_by(30, 0.05)


def test_who_says_something_begins_anew() -> None:
    machine = Machine()
    for _ in range(10):
        assert not machine.pass_by(55, 1.0)
        machine.silence.heard()
        assert not machine.silence.is_hanging(60.0)


def test_what_a_process_had_of_the_processor_is_told_by_the_system() -> None:
    assert processor_seconds(os.getpid()) > 0.0
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert processor_seconds(gone.pid) == 0.0
