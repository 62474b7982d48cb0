"""The plan of a night: the simulation against what can be said in closed form, and the plan against the simulation."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from server.commands.main import build_parser, main
from server.errors import BadRequest
from server.evaluation.farm import Farm, Night, simulate
from server.evaluation.farm_plan import MEASURED, Wish, plan, predict, seconds_of_report


def night(objects: list[float], farm: Farm, seed: int = 0) -> Night:
    return simulate(objects, farm, np.random.default_rng(seed))


@pytest.mark.parametrize(("objects", "machines"), [(1, 1), (7, 3), (9, 3), (100, 7), (3, 10)])
def test_equal_objects_take_as_many_rounds_as_are_needed(objects: int, machines: int) -> None:
    made = night([50.0] * objects, Farm(machines, start_s=10.0))
    assert made.seconds == pytest.approx(math.ceil(objects / machines) * 60)
    assert made.busy_s == pytest.approx(objects * 60)
    assert (made.lost_s, made.failures) == (0, 0)


def test_one_machine_takes_the_sum_of_all() -> None:
    objects = np.random.default_rng(3).uniform(1, 100, 200).tolist()
    assert night(objects, Farm(1, start_s=2.0)).seconds == pytest.approx(sum(objects) + 400)


def test_no_order_of_the_queue_is_worse_than_grahams_bound() -> None:
    rng = np.random.default_rng(5)
    for machines in (2, 5, 20):
        objects = rng.exponential(30, 60).tolist()
        best = max(sum(objects) / machines, max(objects))
        assert best <= night(objects, Farm(machines)).seconds <= (2 - 1 / machines) * best + 1e-9


def test_a_straggler_at_the_end_is_the_tail() -> None:
    made = night([10.0, 10.0, 10.0, 100.0], Farm(2))
    assert (made.seconds, made.tail_s) == (110.0, 90.0)


def test_without_work_between_checkpoints_failures_cost_nothing_but_repairs() -> None:
    made = night([1000.0] * 20, Farm(1, failures_per_hour=5.0, repair_s=60.0, checkpoint_s=1e-6))
    assert made.failures > 5
    assert made.seconds == pytest.approx(20_000 + 60 * made.failures, rel=1e-6)


def test_without_checkpoints_a_failure_costs_all_as_the_closed_form_has_it() -> None:
    """A machine with failures at a rate r needs (exp(r w) - 1) / r on average for work w that it begins anew."""
    rate, work, nights = 4.0, 900.0, 4000
    took = [night([work], Farm(1, failures_per_hour=rate), seed).seconds for seed in range(nights)]
    expected = math.expm1(rate * work / 3600) * 3600 / rate
    assert abs(np.mean(took) - expected) < 5 * np.std(took) / math.sqrt(nights)


def test_a_failure_loses_at_most_what_is_between_two_checkpoints() -> None:
    made = night([600.0] * 50, Farm(4, 5.0, failures_per_hour=6.0, repair_s=30.0, checkpoint_s=20.0))
    assert made.failures > 10
    assert made.lost_s <= 20.0 * made.failures
    assert made.busy_s <= 600 * 50 + made.lost_s + 5.0 * (50 + made.failures)


def test_another_machine_goes_on_while_the_one_that_failed_is_mended() -> None:
    farm = Farm(2, failures_per_hour=1.0, repair_s=1e9, checkpoint_s=0.001)
    made = next(made for seed in range(100) if (made := night([3600.0], farm, seed)).failures == 1)
    assert made.seconds == pytest.approx(3600, abs=1)


def wish(**changes: object) -> Wish:
    usual = {"objects": 120, "hours": 1.0, "seconds": [60.0], "farm": Farm(1), "price": 2.0, "bytes_each": 1000}
    return Wish(**{**usual, **changes})  # type: ignore[arg-type]


def test_the_plan_asks_for_the_fewest_machines_that_are_in_time() -> None:
    """120 minutes of work in an hour: two machines, to the second."""
    made = plan(wish())
    assert (made["machines"], made["stored_bytes"]) == (2, 120_000)
    assert [(row["machines"], row["hours"], row["in_time"]) for row in made["rows"]] == [
        (1, 2.0, False),
        (2, 1.0, True),
        (4, 0.5, True),
    ]
    assert {row["cost"] for row in made["rows"]} == {4.0}


def test_one_machine_fewer_is_late_when_objects_differ_and_machines_fail() -> None:
    asked = wish(objects=500, seconds=[20.0, 40.0, 200.0], farm=Farm(1, 8.0, 0.5, 600.0, 5.0))
    needed = plan(asked)["machines"]
    for machines, in_time in ((needed - 1, False), (needed, True)):
        farm = Farm(machines, 8.0, 0.5, 600.0, 5.0)
        hours = sorted(one.seconds / 3600 for one in predict(asked.seconds, 500, farm))
        assert (hours[math.ceil(0.95 * len(hours)) - 1] <= 1.0) is in_time


def test_a_night_that_no_farm_could_keep_is_refused() -> None:
    with pytest.raises(BadRequest, match="Even with a machine for each object"):
        plan(wish(seconds=[4000.0]))


def test_times_come_from_the_rows_that_a_batch_has_done(tmp_path: Path) -> None:
    rows = [{"state": "done", "seconds": 3.5}, {"state": "failed", "seconds": 0.0}, {"state": "done", "seconds": 4}]
    (tmp_path / "report.json").write_text(json.dumps({"rows": rows}), encoding="utf-8")
    assert seconds_of_report(tmp_path / "report.json") == [3.5, 4.0]
    for text in ("", "{}", '{"rows": []}', '{"rows": [{"state": "failed"}]}'):
        (tmp_path / "report.json").write_text(text, encoding="utf-8")
        with pytest.raises(BadRequest, match="cannot be used"):
            seconds_of_report(tmp_path / "report.json")


def test_the_command_says_the_same_as_a_table_and_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["evaluate", "farm", "--objects", "100", "--hours", "1", "--failures", "0", "--start", "0"]
    assert main([*arguments, "--measured", "mesh standard", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["machines"] == 2
    assert main([*arguments, "--measured", "mesh standard"]) == 0
    said = capsys.readouterr().out
    assert "need 2 machines" in said
    assert all(str(row["machines"]) in said for row in made["rows"])


def test_every_measured_figure_can_be_chosen_and_no_other() -> None:
    for name in MEASURED:
        assert build_parser(["evaluate"]).parse_args(["evaluate", "farm", "--measured", name]).measured == name
    with pytest.raises(BadRequest, match="invalid choice"):
        build_parser(["evaluate"]).parse_args(["evaluate", "farm", "--measured", "none such"])
