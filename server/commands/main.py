"""Which command is meant, and what becomes of its answer or its failure.

Only the file of the command that is run is imported, and heavy modules only inside it, so that --help and wrong usage
answer at once.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Iterable
from typing import Any, NoReturn

import server
from server.console import silence
from server.errors import BadRequest, Cancelled, Problem, disk_problem

# Every command is the file of its name, with `add_arguments(parser)`, which names the function that runs it.
COMMANDS = {
    "mesh": "make a mesh from a prompt",
    "texture": "make a texture from a prompt",
    "retexture": "texture a mesh that is there, on its own UVs",
    "remesh": "mesh the field that a job kept again, without optimising",
    "batch": "make every row of a table, and a page that shows what was made",
    "results": "find, keep, export and delete what a server has made",
    "sample": "draw plain samples of a prior, without distillation",
    "serve": "run the server that the extension talks to",
    "jobs": "list, follow and control the jobs of a running server",
    "priors": "list the models that can be used here, and what each needs",
    "doctor": "say what runs here, and why",
    "evaluate": "compare results with the truth, where there is one",
    "lab": "the paper's experiments, on densities in the plane and on images",
    "bench": "how long the parts of a job take on this machine",
    "train-prior": "train the small prior on procedural pictures; resumable",
    "export-prior": "turn a training run into the folder of weights that ships",
    "train-stand-in": "train the small Stable Diffusion of the tests on procedural photographs; resumable",
    "export-stand-in": "turn that training run into the folder that the tests keep",
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadRequest("usage-wrong", f"{self.prog}: {' '.join(message.split())}.", f"See {self.prog} --help.")


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns the exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    given = sys.argv[1:] if arguments is None else arguments
    as_json = "--json" in given
    try:
        code = _run(given, as_json)
        sys.stdout.flush()
    except OSError as error:
        silence(sys.stdout)
        print(f"The answer could not be printed: {error.strerror}. Files are written.", file=sys.stderr)
        return 1
    return code


def build_parser(filled: Iterable[str] = COMMANDS) -> argparse.ArgumentParser:
    """The parser of every command.

    Args:
        filled: commands that get their arguments, which imports their files; of the others only the names are known.
    """
    parser = _Parser(prog="python -m server", description=server.__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    filled = set(filled)
    for name, what in COMMANDS.items():
        command = commands.add_parser(name, help=what)
        command.set_defaults(json=False)
        if name in filled:
            importlib.import_module(f"server.commands.{name.replace('-', '_')}").add_arguments(command)
    return parser


def _run(arguments: list[str], as_json: bool) -> int:
    args = argparse.Namespace()
    try:
        args = build_parser(arguments[:1]).parse_args(arguments)
        result = args.run(args)
    except Problem as problem:
        return _report(problem, as_json)
    except OSError as error:
        return _report(disk_problem(error, safe=getattr(args, "resumes", "")), as_json)
    except (KeyboardInterrupt, Cancelled):
        print(getattr(args, "interrupted", "Interrupted: nothing was saved."), file=sys.stderr)
        return 130
    if result is not None:
        print(json.dumps(result) if args.json else _readable(result))
    return 0


def _report(problem: Problem, as_json: bool) -> int:
    if as_json:
        print(json.dumps({"error": problem.as_json()}))
    print(f"{problem.message} {problem.hint}".strip(), file=sys.stderr)
    return problem.exit_code


def _readable(result: dict[str, Any]) -> str:
    if "rows" in result:
        rows = result["rows"]
        names = list(rows[0]) if rows else []
        lines = ["  ".join(names), *("  ".join(str(row[name]) for name in names) for row in rows)]
        return "\n".join(lines)
    # Warnings were said before the work began.
    shown = {key: value for key, value in result.items() if key != "warnings"}
    return "\n".join(f"{key.replace('_', ' ')}: {value}" for key, value in shown.items())
