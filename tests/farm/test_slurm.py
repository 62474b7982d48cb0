"""`python -m server batch --slurm`: each row a task, whatever Slurm does with it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from server.commands import batch_slurm
from server.commands.batch_report import MAKING
from server.commands.main import main
from server.errors import BadRequest
from server.farm import slurm
from tests.farm.slurm_cluster import slurm_here, why_not
from tests.farm.slurm_rows import COLOURS, HEAD, make_both

WHY_NOT = why_not()
needs_slurm = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)


class Cluster:
    """Slurm as the command knows it, but every task is done when it is first asked after.

    Attributes:
        taken: arguments of the tasks, by their names.
        runs: whether tasks are made when it is asked which still live; else they stay.
        dies: tasks that end without a result.
    """

    def __init__(self) -> None:
        self.taken: dict[str, list[str]] = {}
        self.alive: set[str] = set()
        self.wishes: list[slurm.Wishes] = []
        self.runs = True
        self.dies: set[str] = set()

    def submit(self, commands: Sequence[Sequence[str]], logs: Path, wishes: slurm.Wishes) -> list[str]:
        self.wishes.append(wishes)
        names = [f"{len(self.wishes)}_{place}" for place in range(len(commands))]
        self.taken |= {name: list(command) for name, command in zip(names, commands, strict=True)}
        self.alive |= set(names)
        return names

    def tasks_alive(self) -> Mapping[str, bool]:
        if not self.runs:
            raise KeyboardInterrupt
        for name in self.alive - self.dies:
            main(self.taken[name])
        self.alive.clear()
        return {}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    made = Cluster()
    monkeypatch.setattr(slurm, "check_slurm", lambda: None)
    monkeypatch.setattr(slurm, "submit", made.submit)
    monkeypatch.setattr(slurm, "tasks_alive", made.tasks_alive)
    monkeypatch.setattr(batch_slurm, "POLL_S", 0.01)
    monkeypatch.setattr(batch_slurm, "LATE_S", 0.05)
    return made


@pytest.fixture
def table(tmp_path: Path) -> Path:
    file = tmp_path / "prompts.csv"
    rows = [f"texture,{colour} bricks,1,exact,3,16,32,32" for colour in COLOURS[:3]]
    file.write_text("\n".join([HEAD, *rows]), encoding="utf-8")
    return file


def states(table: Path) -> list[str]:
    rows = json.loads((table.with_suffix("") / "report.json").read_text(encoding="utf-8"))["rows"]
    return [row["state"] for row in rows]


def test_every_row_is_a_task_and_the_report_is_that_of_a_batch_here(
    table: Path, cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--slurm", "--gres", "gpu:1", "--partition", "night", "--time-limit", "30"]
    assert main(["batch", str(table), *asked]) == 0
    assert cluster.wishes == [slurm.Wishes("night", "gpu:1", 30)]
    assert [command[command.index("--part") + 1] for command in cluster.taken.values()] == ["1/3", "2/3", "3/3"]
    assert states(table) == ["done"] * 3
    assert "[3 of 3 done]" in capsys.readouterr().err
    assert not (table.with_suffix("") / MAKING).exists()
    before = dict(cluster.taken)
    assert main(["batch", str(table), "--slurm"]) == 0
    assert cluster.taken == before


def test_whoever_watches_may_leave_and_the_next_watches_the_same_tasks(
    table: Path, cluster: Cluster, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.runs = False
    assert main(["batch", str(table), "--slurm"]) == 130
    assert "The tasks go on in Slurm" in capsys.readouterr().err
    assert states(table) == ["waiting"] * 3
    cluster.runs = True
    answers = iter([dict.fromkeys(cluster.alive, True)])
    monkeypatch.setattr(slurm, "tasks_alive", lambda: next(answers, None) or cluster.tasks_alive())
    assert main(["batch", str(table), "--slurm"]) == 0
    assert len(cluster.wishes) == 1
    assert states(table) == ["done"] * 3


def test_a_task_that_ends_without_a_result_is_a_row_that_failed_and_can_be_tried_again(
    table: Path, cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.dies = {"1_1"}
    assert main(["batch", str(table), "--slurm"]) == 1
    assert states(table) == ["done", "failed", "done"]
    rows = json.loads((table.with_suffix("") / "report.json").read_text(encoding="utf-8"))["rows"]
    assert rows[1]["error"]["code"] == "task-ended"
    assert "1_1_0_log.out" in rows[1]["error"]["next"]
    assert main(["batch", str(table), "--slurm", "--failed"]) == 0
    assert list(cluster.taken) == ["1_0", "1_1", "1_2", "2_0"]
    assert states(table) == ["done"] * 3


def test_more_rows_than_an_array_may_have_are_several_arrays(
    table: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slurm, "MOST_AT_ONCE", 2)
    assert main(["batch", str(table), "--slurm"]) == 0
    assert list(cluster.taken) == ["1_0", "1_1", "2_0"]


def test_shares_are_together_all_rows_and_tried_again_by_whoever_gives_them_again(table: Path) -> None:
    out = table.with_suffix("")
    for part in ("1/2", "2/2", "3/9", "9/9"):
        assert main(["batch", str(table), "--part", part]) == 0
    assert not (out / "report.json").exists()
    assert main(["batch", str(table)]) == 0
    assert states(table) == ["done"] * 3
    assert not (out / MAKING).exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--part", "3/2"], "part 3 of 2"),
        (["--part", "0/2"], "--part"),
        (["--gres", "gpu:1"], "--slurm"),
        (["--time-limit", "5"], "--slurm"),
        (["--slurm", "--part", "1/2"], "--part"),
    ],
)
def test_wishes_that_do_not_go_together_are_refused(
    table: Path, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["batch", str(table), *arguments]) == 2
    assert says in capsys.readouterr().err
    assert not table.with_suffix("").exists()


def test_what_is_missing_is_named_with_its_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "submitit", None)
        with pytest.raises(BadRequest, match=r"pip install \"blender-msd\[farm\]\"") as caught:
            slurm.check_slurm()
    assert caught.value.code == "submitit-missing"
    pytest.importorskip("submitit")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BadRequest, match="sbatch, srun, squeue was not found") as caught:
        slurm.check_slurm()
    assert caught.value.code == "slurm-missing"


@needs_slurm
def test_a_row_that_slurm_queues_again_in_its_middle_goes_on_there_to_the_same_result(tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    with slurm_here():
        seen = make_both(tmp_path, rows=2)
    assert seen.codes == (0, 0)
    assert "Going on from step" in seen.logs[0]
    assert seen.files[0] == seen.files[1]
    assert len(seen.files[1]) == 6


@needs_slurm
def test_what_slurm_refuses_is_said_in_its_words(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("submitit")
    with slurm_here():
        assert main(["batch", str(table), "--slurm", "--partition", "none-such", "--json"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "slurm-refused"
    assert "invalid partition" in error["detail"].lower()
