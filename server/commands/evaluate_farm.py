"""`python -m server evaluate farm` from the command line."""

from __future__ import annotations

import argparse
from typing import Any

from server.arguments import amount, real, whole
from server.commands.shared import add_json, add_seed
from server.paths import path_argument


def add_farm(subjects: Any) -> None:
    """Add it to the sub-parsers of `evaluate`; `args.run(args)` runs it."""
    parser = subjects.add_parser("farm", help="plan a night: machines, storage, stragglers and cost, by simulation")
    parser.add_argument("--objects", type=whole(1, 10**6), default=10_000, help="in one night (default 10000)")
    parser.add_argument("--hours", type=real(0.01, 1000), default=10.0, help="of the night (default 10)")
    parser.add_argument(
        "--report", type=path_argument, metavar="FILE", help="report.json of a batch whose rows stand for all objects"
    )
    parser.add_argument(
        "--measured",
        choices=("mesh sketch", "mesh standard", "texture sketch"),
        default="mesh standard",
        help="without a report: a figure of docs/measurements.md, on two cores (default: mesh standard)",
    )
    parser.add_argument("--start", type=real(0, 3600), metavar="SECONDS", help="of each task, before its object begins")
    parser.add_argument("--price", type=real(0, 10**4), default=0.0, help="of a machine for an hour (default 0)")
    parser.add_argument(
        "--failures", type=real(0, 1000), default=0.01, metavar="X", help="of a machine in an hour (default .01)"
    )
    parser.add_argument(
        "--repair", type=real(0, 10**4), default=10.0, metavar="MINUTES", help="until it is back (default 10)"
    )
    parser.add_argument(
        "--checkpoint", type=real(0.1, 10**5), default=5.0, metavar="SECONDS", help="between two (default 5)"
    )
    parser.add_argument("--bytes", type=amount, metavar="N", help="that are kept of each object (default 4M)")
    add_seed(parser)
    add_json(parser)
    parser.set_defaults(run=_farm)


def _farm(args: argparse.Namespace) -> dict[str, Any] | None:
    from server.evaluation.farm import Farm
    from server.evaluation.farm_plan import BYTES_AN_OBJECT, MEASURED, START_S, Wish, plan, seconds_of_report
    from server.lab.report import as_text, show

    seconds = [MEASURED[args.measured]] if args.report is None else seconds_of_report(args.report)
    start = START_S if args.start is None else args.start
    farm = Farm(1, start, args.failures, args.repair * 60, args.checkpoint)
    wish = Wish(args.objects, args.hours, seconds, farm, args.price, args.bytes or BYTES_AN_OBJECT)
    source = args.measured if args.report is None else str(args.report)
    result = {**plan(wish, args.seed), "measured": source}
    if args.json:
        return result
    columns = {
        "machines": 0,
        "in_time": 0,
        "hours": 2,
        "hours_when_late": 2,
        "tail_minutes": 1,
        "failures": 0,
        "lost_hours": 2,
        "machine_hours": 1,
        "cost": 2,
        "cost_each": 4,
    }
    print(as_text(result["rows"], [(name.replace("_", " "), show(name, digits)) for name, digits in columns.items()]))
    spread = result["assumed"]["seconds"]
    print(
        f"{args.objects} objects in {args.hours:g} hours need {result['machines']} machines and "
        f"{result['stored_bytes'] / 1e9:.0f} GB. Measured: {source}, {spread['mean']} s on average, "
        f"{spread['longest']} at most, of {spread['of']}; {start:g} s to start."
    )
    return None
