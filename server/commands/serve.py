"""`python -m server serve`."""

from __future__ import annotations

import argparse

from server.arguments import whole
from server.commands.shared import add_folders, add_low_vram
from server.paths import path_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=whole(0, 65535), default=0, help="0 takes a free one")
    parser.add_argument(
        "--data-dir", type=path_argument, required=True, help="where jobs, results and server.json live"
    )
    parser.add_argument("--parent-pid", type=whole(1, 2**31 - 1), help="stop when this process is gone")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, or several with commas")
    add_folders(parser)
    add_low_vram(parser)
    parser.set_defaults(run=_serve)


def _serve(args: argparse.Namespace) -> None:
    from server.api.serving import serve

    folders = tuple(folder.absolute() for folder in args.folder)
    serve(args.host, args.port, args.data_dir, args.device, args.parent_pid, folders, args.low_vram)
