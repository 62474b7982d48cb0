"""`python -m server results ...`: what was made, with the data folder's server or, when none runs, without."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from server.commands.shared import add_json, check_folder
from server.errors import BadRequest, Problem
from server.paths import path_argument
from server.recipe import Kind

if TYPE_CHECKING:
    from server.commands.results_desk import Desk

SHOWN = 50
ORDERS = {
    "star": "keep their files, whatever the quota",
    "unstar": "let the quota have their files",
    "delete": "forget them, and remove their files; starred ones stay",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help=f"the newest {SHOWN}, newest first")
    listing.add_argument("words", metavar="WORD", nargs="*", help="each is somewhere in the prompt")
    listing.add_argument("--kind", choices=get_args(Kind))
    listing.add_argument("--starred", action="store_true", help="only those")
    listing.add_argument("--all", action="store_true", help="all of them")
    _add_common(listing, _list)
    for order, what in ORDERS.items():
        one = actions.add_parser(order, help=what)
        one.add_argument("ids", metavar="ID", nargs="+")
        _add_common(one, _order)
    exporting = actions.add_parser("export", help="copy their files out, under readable names; nothing is replaced")
    exporting.add_argument("ids", metavar="ID", nargs="*")
    exporting.add_argument("--starred", action="store_true", help="all that are starred")
    exporting.add_argument("--out", type=path_argument, required=True, metavar="DIR", help="where to")
    exporting.add_argument(
        "--everything", action="store_true", help="all files of each, in a folder of its own, instead of its result"
    )
    _add_common(exporting, _export)


def _add_common(parser: argparse.ArgumentParser, run: Callable[[argparse.Namespace], dict[str, Any]]) -> None:
    parser.add_argument("--data-dir", type=path_argument, required=True, help="the server's folder")
    parser.add_argument("--tls-certificate", type=path_argument, metavar="FILE", help="of a server with TLS")
    add_json(parser)
    parser.set_defaults(run=run)


def _desk(args: argparse.Namespace) -> Desk:
    from server.commands.results_desk import open_desk

    return open_desk(args.data_dir, args.tls_certificate)


def _list(args: argparse.Namespace) -> dict[str, Any]:
    with _desk(args) as desk:
        found = _found(desk, " ".join(args.words), args.kind, args.starred, None if args.all else SHOWN)
    return {"results": found} if args.json else {"rows": [_row(result) for result in found]}


def _found(desk: Desk, search: str, kind: Kind | None, starred: bool, most: int | None) -> list[dict[str, Any]]:
    page = desk.page(search, kind, starred, most or 500)
    found, further = page["results"], page["next"]
    while most is None and further is not None:
        page = desk.page(search, kind, starred, 500, further)
        found, further = found + page["results"], page["next"]
    return list(found)


def _row(result: dict[str, Any]) -> dict[str, str]:
    from server.jobs.descent import continues, remeshes

    can = [name for name, able in (("continue", continues), ("remesh", remeshes)) if able(result["files"])]
    return {
        "id": result["id"],
        "made": time.strftime("%Y-%m-%d %H:%M", time.localtime(result["finished"])),
        "kind": f"{result['kind']:9}",
        "seed": f"{result['seed']:10}",
        "*": "*" if result["starred"] else " ",
        "prompt": f"{' '.join(result['prompt'].split())[:50]:50}",
        "can": ", ".join(can),
    }


def _order(args: argparse.Namespace) -> dict[str, Any]:
    with _desk(args) as desk:
        results = [desk.result(job_id) for job_id in args.ids]
        kept = [result["id"] for result in results if result["starred"]]
        if args.action == "delete" and kept:
            said = f"{', '.join(kept)} {'is' if len(kept) == 1 else 'are'} starred. Nothing was deleted."
            raise BadRequest("result-starred", said, "Unstar what is to go, then delete it.")
        for job_id in args.ids:
            if args.action == "delete":
                desk.delete(job_id)
            else:
                desk.star(job_id, args.action == "star")
    return {args.action: args.ids} if args.json else {args.action: ", ".join(args.ids)}


def _export(args: argparse.Namespace) -> dict[str, Any]:
    from server.commands.results_export import export

    if bool(args.ids) == args.starred:
        raise BadRequest("usage-wrong", "Name results by their ids, or give --starred.", "`results list` shows ids.")
    check_folder(args.out)
    with _desk(args) as desk:
        results = _found(desk, "", None, True, None) if args.starred else [desk.result(job_id) for job_id in args.ids]
    written: list[Path] = []
    missing: list[str] = []
    for result in results:
        copied = export(args.data_dir, result, args.out, args.everything)
        written += copied
        missing += [] if copied else [result["id"]]
    if missing:
        said = f"Of {', '.join(missing)} no file is there any more; {len(written)} files of others were written."
        raise Problem("artifact-removed", said, "Make them again from their recipes; star what is to stay.")
    files = [str(file) for file in written]
    return {"files": files} if args.json else {"written": "\n".join(["", *files])}
