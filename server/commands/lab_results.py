"""Where the results of the lab's experiments go: a JSON file, and stdout."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

from server.files import save_results
from server.lab.report import Column, as_text

Result = dict[str, Any]


def save(args: argparse.Namespace, name: str, result: Result) -> None:
    save_results({args.out / f"{name}.json": f"{json.dumps(result, indent=1)}\n".encode()})


def answer(args: argparse.Namespace, result: Result, columns: Sequence[Column], note: str = "") -> Result | None:
    """The result for --json, otherwise its table on stdout, and a note below it."""
    if args.json:
        return result
    print(as_text(result["rows"], columns))
    if note:
        print(note)
    return None
