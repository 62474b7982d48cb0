"""q over a run, and where the criterion stops it."""

from pathlib import Path

import pytest

from server.lab.stopping import stopped_at, stopping
from server.lab.stopping_figure import draw_stopping


def test_the_criterion_waits_until_q_has_stayed_below_its_threshold() -> None:
    assert stopped_at([0.5, 0.05, 0.2, 0.05, 0.05, 0.05], checks=3) == 6
    assert stopped_at([0.5, 0.05, 0.05, 0.2], checks=3) is None
    assert stopped_at([]) is None


def test_mean_shift_without_noise_is_stopped_near_its_end_and_sds_where_there_are_no_data(tmp_path: Path) -> None:
    rows = {row["method"]: row for row in stopping(["pinwheel"], ("sds", "tweedie"))["rows"]}
    shift = rows["tweedie"]
    assert shift["stopped"] is not None
    assert shift["q_first"] > 0.3 > 0.1 > shift["q_end"]
    assert shift["nll_stopped"] == shift["nll"][shift["stopped"] - 1]
    assert shift["nll_end"] < -1
    assert len(shift["course"]) == len(shift["nll"]) == shift["steps"]
    # Its shift never vanishes where the data are.
    assert rows["sds"]["nll_end"] > shift["nll_end"] + 2
    draw_stopping(list(rows.values()), tmp_path / "stopping.png")
    assert (tmp_path / "stopping.png").stat().st_size > 10_000


def test_the_course_is_the_runs_own() -> None:
    (row,) = stopping(["spiral"], ("mean-shift",))["rows"]
    assert row["steps"] == 20
    assert row["q_end"] == pytest.approx(sum(row["course"][-5:]) / 5)
