"""`python -m server jobs ...`: the jobs of the server that uses a data folder."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from server.commands.shared import ONE_DOCUMENT, add_json
from server.errors import JobFailed
from server.paths import path_argument

if TYPE_CHECKING:
    from server.commands.running_server import RunningServer, Told

Run = Callable[[argparse.Namespace], dict[str, Any] | None]

SHOWN = 50
ORDERS = {
    "pause": "keep what it has reached, and leave its device to others; it stays paused until it is resumed",
    "resume": "let a paused job go on",
    "finish": "stop shaping, and make the result from what there is",
    "cancel": "give it up",
    "retry": "let a job that failed or was cancelled go on from what was kept of it",
    "first": "make it the next of those that wait",
    "star": "keep its files, whatever the quota",
    "unstar": "let the quota have its files",
    "delete": "forget a job that is over, and its files",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help=f"the newest {SHOWN} jobs, newest first")
    listing.add_argument("--all", action="store_true", help="all of them")
    _add_common(listing, _list)
    following = actions.add_parser(
        "follow", help="see what happens to a job, to its end; leaving changes nothing for it"
    )
    following.add_argument("id", metavar="ID")
    _add_common(following, _follow, "print every event as one line of JSON on stdout and nothing else")
    for order, what in ORDERS.items():
        one = actions.add_parser(order, help=what)
        one.add_argument("id", metavar="ID")
        _add_common(one, _order)


def _add_common(
    parser: argparse.ArgumentParser,
    run: Callable[[argparse.Namespace], dict[str, Any] | None],
    json_help: str = ONE_DOCUMENT,
) -> None:
    parser.add_argument("--data-dir", type=path_argument, required=True, help="the server's folder")
    parser.add_argument("--tls-certificate", type=path_argument, metavar="FILE", help="of a server with TLS")
    add_json(parser, json_help)
    parser.set_defaults(run=run)


def _server(args: argparse.Namespace) -> RunningServer:
    from server.commands.running_server import RunningServer

    return RunningServer(args.data_dir, args.tls_certificate)


def _list(args: argparse.Namespace) -> dict[str, Any]:
    server = _server(args)
    page = server.get(f"jobs?limit={500 if args.all else SHOWN}")
    jobs, further = page["jobs"], page["next"]
    while args.all and further is not None:
        page = server.get(f"jobs?limit=500&cursor={further}")
        jobs, further = jobs + page["jobs"], page["next"]
    return {"jobs": jobs} if args.json else {"rows": [_row(job) for job in jobs]}


def _row(job: dict[str, Any]) -> dict[str, str]:
    progress = job["progress"] or {}
    share = f"{progress['fraction']:4.0%} {progress['phase']}" if progress and job["state"] != "done" else ""
    marks = [mark for mark, is_so in (("*", job["starred"]), ("pausing", job["pausing"])) if is_so]
    marks += [f"made before, as {job['reused']}"] if job["reused"] else []
    marks += [job["waits"]] if job["waits"] else []
    marks += [f"{len(job['removed'])} files removed for the quota"] if job["removed"] else []
    return {
        "id": job["id"],
        "state": f"{job['state']:9}",
        "made": time.strftime("%Y-%m-%d %H:%M", time.localtime(job["created"])),
        "kind": f"{job['recipe']['kind']:7}",
        "seed": f"{job['recipe']['seed']:4}",
        "prompt": " ".join(job["recipe"]["prompt"].split())[:50],
        "notes": ", ".join(filter(None, [share, *marks, (job["error"] or {}).get("headline", "")])),
    }


def _follow(args: argparse.Namespace) -> dict[str, Any] | None:
    args.interrupted = "You left; the job goes on."
    server = _server(args)
    job = server.get(f"jobs/{quote(args.id, safe='')}")
    events = server.events(job["id"])
    last = _print_lines(events) if args.json else _show(events, job)
    if last.name == "failed":
        raise JobFailed(last.data["code"], last.data["detail"], last.data["next"])
    if args.json:
        return None
    job = server.get(f"jobs/{job['id']}")
    report = job["report"] or {}
    return {"id": job["id"], "state": job["state"], **{name: report[name] for name in _TOLD if name in report}}


_TOLD = ("seconds", "steps", "stopped_by", "artifacts")


def _print_lines(events: Any) -> Told:
    for event in events:
        print(json.dumps({"id": event.id, "event": event.name, "data": event.data}), flush=True)
    last: Told = event
    return last


def _show(events: Any, job: dict[str, Any]) -> Told:
    from server.commands.bars import ProgressBar
    from server.studio.events import Log, Progress

    told = set(Progress.__dataclass_fields__)
    with ProgressBar() as bar:
        for event in events:
            if event.name == "progress":
                bar(Progress(**{name: value for name, value in event.data.items() if name in told}))
            elif event.name == "log":
                bar(Log(event.data["level"], event.data["message"]))
            elif event.name == "state":
                bar(Log("state", event.data["state"]))
    last: Told = event
    return last


def _order(args: argparse.Namespace) -> dict[str, Any]:
    server = _server(args)
    path = f"jobs/{quote(args.id, safe='')}"
    if args.action == "delete":
        server.delete(path)
        return {"id": args.id, "state": "deleted"}
    if args.action in ("star", "unstar"):
        job = server.put(f"{path}/star") if args.action == "star" else server.delete(f"{path}/star")
    else:
        job = server.post(f"{path}/{args.action}")
    if args.json:
        return job
    state = "pausing" if job["pausing"] else job["state"]
    return {"id": job["id"], "state": state, **({"starred": True} if job["starred"] else {})}
