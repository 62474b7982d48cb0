"""From nothing to a test job, and whatever may come between. Real processes, real pip, a small engine."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from stand_in import StandIn, wheel

from blender_msd.core.setup.locks import read_lock
from blender_msd.core.setup.state import SetupState, setup_state
from blender_msd.core.setup.survey import packages_in, survey


def state_of(made: StandIn, version: str = "1.0.0") -> SetupState:
    return setup_state(version, [read_lock(made.lock).digest], survey(made.root))


def packages_of(state: SetupState) -> Path:
    assert state.python is not None
    version = subprocess.check_output(
        [state.python, "-c", "import sys; print(*sys.version_info[:2])"], encoding="utf-8"
    )
    major, minor = map(int, version.split())
    return packages_in(state.python.parents[1], (major, minor))


def test_from_nothing_to_a_done_test_job_in_a_folder_with_blanks_and_other_alphabets(stand_in: StandIn) -> None:
    assert state_of(stand_in).kind == "not-set-up"
    assert stand_in.run()["event"] == "done"
    state = state_of(stand_in)
    assert state.kind == "ready"
    assert state.times["mesh"]["sketch"] == 1.5
    answer = subprocess.check_output(
        [state.python, "-c", "import engine_core; print(engine_core.answer)"], encoding="utf-8"
    )
    assert answer.strip() == "42"
    kept = {path.name for path in stand_in.root.iterdir()}
    assert kept == {".lock", state.python.parents[1].name}, "neither downloads nor scratch files are left"


def test_killed_in_every_stage_it_goes_on_and_is_never_used_before_its_end(stand_in: StandIn) -> None:
    reached = 0.0
    for stage in (1, 2, 3, 4, 5):

        def is_there(event: dict[str, Any], stage: int = stage) -> bool:
            return event["event"] == "progress" and event["stage"] == stage

        stand_in.kill_when(is_there)
        state = state_of(stand_in)
        assert state.kind == "part-done"
        assert state.python is None
        assert state.fraction >= reached
        reached = state.fraction
    assert reached > 0.8
    assert stand_in.run()["event"] == "done"
    assert state_of(stand_in).kind == "ready"
    assert stand_in.run("verify") == {"event": "verified", "damaged": {}}


def test_what_a_killed_pip_left_half_installed_is_installed_anew(ready: StandIn) -> None:
    packages = packages_of(state_of(ready))
    # As it is while pip unpacks: the list of files comes last.
    (packages / "engine_core-1.0.dist-info" / "RECORD").unlink()
    (packages / "engine_core.py").write_bytes(b"answ")
    assert "engine-core" in ready.run("verify")["damaged"]
    assert ready.run()["event"] == "done"
    assert (packages / "engine_core.py").read_bytes() == b"answer = 42\n"


def test_too_little_disk_is_refused_with_numbers_before_anything_is_made(stand_in: StandIn) -> None:
    stand_in.write_lock(installed=10**15)
    said = stand_in.run()
    assert said["code"] == "set-up-no-space"
    assert "1050000.0 GB are needed" in said["message"]
    assert " free" in said["message"]
    assert not survey(stand_in.root)


def test_a_disk_that_fills_up_is_named_and_what_is_done_is_kept(stand_in: StandIn) -> None:
    limit = (3_000_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1])

    def fill() -> None:
        # The system refuses to let a file grow any further, as a full disk does.
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)

    said = stand_in.run(preexec_fn=fill)
    assert said["code"] == "disk-full"
    state = state_of(stand_in)
    assert (state.kind, state.python) == ("failed", None)
    assert "disk is full" in state.reason
    assert stand_in.run()["event"] == "done"


@pytest.mark.parametrize("damage", ["another file", "cut short"])
def test_a_broken_wheel_is_named_and_a_good_one_mends_it(stand_in: StandIn, damage: str) -> None:
    path = next(stand_in.wheels.glob("engine_parts*"))
    good = path.read_bytes()
    if damage == "another file":
        wheel(stand_in.wheels, "Engine.Parts", "2.5", {"engine_parts/deep.py": b"import evil\n"})
    else:
        path.write_bytes(good[: len(good) // 2])
        stand_in.write_lock()  # the hash fits: it was damaged before it was listed
    said = stand_in.run()
    assert said["code"] == "package-damaged"
    assert "engine" in said["message"].lower()
    assert state_of(stand_in).python is None
    if damage == "another file":
        path.write_bytes(good)
        assert stand_in.run()["event"] == "done"


def test_verify_finds_what_was_deleted_or_changed_and_repair_restores_it(ready: StandIn) -> None:
    packages = packages_of(state_of(ready))
    (packages / "engine_parts" / "deep.py").unlink()
    (packages / "engine_core.py").write_bytes(b"answer = 41\n")
    damaged = ready.run("verify")["damaged"]
    assert damaged == {"engine-core": "engine_core.py was changed", "engine-parts": "engine_parts/deep.py is missing"}
    assert state_of(ready).kind == "ready", "to look changes nothing"
    assert ready.run("repair")["event"] == "done"
    assert ready.run("verify")["damaged"] == {}
    assert (packages / "engine_parts" / "deep.py").is_file()


def test_an_upgrade_whose_test_fails_leaves_the_old_one_in_use_until_one_passes(ready: StandIn) -> None:
    old = state_of(ready).python
    (ready.home / "server" / "fails").touch()
    said = ready.run(version="1.1.0")
    assert (said["code"], said["message"]) == ("set-up-test-failed", "Memory ran out.")
    state = state_of(ready, "1.1.0")
    assert (state.kind, state.python, state.have, state.want) == ("update-needed", old, "1.0.0", "1.1.0")
    assert "Memory ran out" in state.reason
    (ready.home / "server" / "fails").unlink()
    assert ready.run(version="1.1.0")["event"] == "done"
    state = state_of(ready, "1.1.0")
    assert state.kind == "ready"
    assert state.python != old
    assert old is not None
    assert old.exists(), "a server may still run from it"


def test_closing_blender_pauses_and_the_next_start_knows_how_far_it_was(stand_in: StandIn) -> None:
    process = stand_in.start()
    assert process.stdin is not None
    assert process.stdout is not None
    for line in process.stdout:
        if '"stage": 2' in line:
            process.stdin.close()
            break
    last = process.stdout.readlines()[-1]
    assert '"paused"' in last
    assert process.wait() == 0
    state = state_of(stand_in)
    assert state.kind == "part-done"
    assert state.text.startswith("Set-up ")
    assert state.text.endswith("% done")


def test_cancel_removes_what_is_unfinished(stand_in: StandIn) -> None:
    process = stand_in.start()
    assert process.stdin is not None
    assert process.stdout is not None
    for line in process.stdout:
        if '"stage": 2' in line:
            process.stdin.write("cancel\n")
            process.stdin.close()
            break
    assert '"cancelled"' in process.stdout.readlines()[-1]
    process.wait()
    assert not survey(stand_in.root)


def test_two_at_once_do_not_get_into_each_others_way(stand_in: StandIn) -> None:
    first = stand_in.start()
    assert first.stdin is not None
    assert first.stdout is not None
    first.stdout.readline()
    # Held on: it must not be done before the other one has lost its patience, however fast the machine is.
    os.kill(first.pid, signal.SIGSTOP)
    try:
        assert stand_in.run()["code"] == "set-up-running"
    finally:
        os.kill(first.pid, signal.SIGCONT)
    first.stdin.close()
    first.stdout.read()
    first.wait()


def test_a_python_that_is_gone_is_named_and_nothing_is_installed_again(ready: StandIn) -> None:
    state = state_of(ready)
    assert state.python is not None
    packages = packages_of(state)
    before = (packages / "engine.bin").stat().st_mtime_ns
    for name in ("python", "python3"):
        (state.python.parent / name).unlink()
    state = state_of(ready)
    assert (state.kind, state.python) == ("failed", None)
    assert "moved or updated" in state.reason
    assert ready.run()["event"] == "done"
    assert (packages / "engine.bin").stat().st_mtime_ns == before
