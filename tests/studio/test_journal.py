"""A job's log in JSON lines: what is in it, how large it becomes, and that it never costs the job."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from server.commands.main import main
from server.studio import journal
from server.studio.events import Event, Log, Progress
from server.studio.journal import Journal

ARGUMENTS = ["--prior", "exact", "--steps", "3", "--render-size", "16", "--preset", "sketch"]


@pytest.fixture(autouse=True)
def every_event_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "PROGRESS_INTERVAL_S", 0.0)


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(
    "command",
    [
        ["texture", "red bricks", "--size", "32", "--out", "made.png"],
        ["mesh", "a red cube", "--resolution", "16", "--faces", "200", "--texture-size", "64", "--out", "made.glb"],
    ],
    ids=lambda command: command[0],
)
def test_the_log_of_a_command_tells_how_far_each_step_was_from_a_mode(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = [*command, *ARGUMENTS, "--log", "how.jsonl"]
    assert main(asked) == 0
    told = [line for line in lines_of(tmp_path / "how.jsonl") if line["event"] == "progress"]
    steps = [line for line in told if line["phase"] in ("Shaping", "Painting")]
    assert [line["step"] for line in steps] == [1, 2, 3]
    assert all(math.isfinite(line[name]) and line[name] > 0 for line in steps for name in ("q", "shell_ratio"))
    assert all(line["memory_mib"] > 0 and line["device_memory_mib"] is None for line in told)
    assert [line["elapsed_s"] for line in told] == sorted(line["elapsed_s"] for line in told)
    assert told[-1]["phase"] == "Done"
    before = (tmp_path / "how.jsonl").read_bytes()
    assert main(asked) == 0
    assert (tmp_path / "how.jsonl").read_bytes().startswith(before)


@pytest.mark.parametrize(("name", "says"), [("how.txt", ".jsonl"), ("/no/such/folder/how.jsonl", "how.jsonl")])
def test_a_log_that_could_not_be_written_is_refused_before_the_work(
    name: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "no").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    path = str(tmp_path) + name if name.startswith("/") else name
    assert main(["texture", "red bricks", *ARGUMENTS, "--out", "made.png", "--log", path]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "made.png").exists()


def test_whoever_goes_on_appends_and_half_a_line_that_a_kill_left_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    Journal(path, lambda event: None)(Log("info", "first"))
    with path.open("ab") as file:
        file.write(b'{"at": 1.0, "event": "prog')
    Journal(path, lambda event: None)(Log("info", "second"))
    assert [line["message"] for line in lines_of(path)] == ["first", "second"]


def test_a_long_job_thins_its_old_progress_out_and_keeps_words_and_the_newest(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    write = Journal(path, lambda event: None, most_bytes=20_000)
    write(Log("warning", "a word"))
    for step in range(1, 1001):
        write(Progress("Shaping", step / 1001, step, 10_000, q=0.5))
    assert path.stat().st_size <= 20_000
    told = lines_of(path)
    assert told[0]["message"] == "a word"
    steps = [line["step"] for line in told[1:]]
    assert steps == sorted(steps)
    assert steps[-1] == 1000
    assert steps[0] < 200


def test_words_alone_cannot_fill_the_disk_either(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    write = Journal(path, lambda event: None, most_bytes=20_000)
    for number in range(1000):
        write(Log("info", f"word {number}"))
    assert path.stat().st_size <= 20_000
    assert lines_of(path)[-1]["message"] == "word 999"


def test_numbers_that_are_none_leave_lines_that_every_reader_takes(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    Journal(path, lambda event: None)(Progress("Shaping", 0.1, 1, 10, seconds_left=math.inf, q=math.nan))
    (line,) = lines_of(path)
    assert (line["seconds_left"], line["q"]) == (None, None)


def test_a_log_that_cannot_be_written_is_said_once_and_the_job_goes_on(tmp_path: Path) -> None:
    heard: list[Event] = []
    write = Journal(tmp_path / "gone" / "log.jsonl", heard.append)
    events = [Progress("Loading", 0.0), Progress("Shaping", 0.5), Log("info", "a word"), Progress("Done", 1.0)]
    for event in events:
        write(event)
    warnings = [event for event in heard if event not in events]
    assert [event for event in heard if event in events] == events
    assert len(warnings) == 1
    assert isinstance(warnings[0], Log)
    assert "gaps" in warnings[0].message
