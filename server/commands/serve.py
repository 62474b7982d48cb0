"""`python -m server serve`."""

from __future__ import annotations

import argparse

from server.accelerators import NAMES
from server.arguments import amount, positive, whole
from server.commands.shared import add_folders, add_low_vram
from server.paths import path_argument
from server.recipe import MAX_SECONDS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--host", default="127.0.0.1", help="one that others reach needs --token-file, --tls-certificate and --tls-key"
    )
    parser.add_argument("--port", type=whole(0, 65535), default=0, help="0 takes a free one")
    parser.add_argument(
        "--data-dir", type=path_argument, required=True, help="where jobs, results and server.json live"
    )
    parser.add_argument(
        "--parent-pid",
        type=whole(1, 2**31 - 1),
        help="stop when this process, and every other that uses the server, is gone and the jobs are done",
    )
    parser.add_argument(
        "--devices",
        "--device",
        dest="devices",
        default="auto",
        help=f"{NAMES}; several with commas; a job at a time on each (default: auto, every card of this machine)",
    )
    add_folders(parser)
    parser.add_argument(
        "--allow-path",
        type=path_argument,
        action="append",
        default=[],
        metavar="DIR",
        help="recipes may name any model below this folder by its path; may be given several times",
    )
    parser.add_argument("--allow-hub", action="store_true", help="recipes may name hub:owner/name; fetches it")
    parser.add_argument("--token-file", type=path_argument, metavar="FILE", help="take the token from here")
    parser.add_argument("--tls-certificate", type=path_argument, metavar="FILE", help="PEM; with --tls-key")
    parser.add_argument("--tls-key", type=path_argument, metavar="FILE", help="PEM, without a password")
    parser.add_argument(
        "--quota",
        type=amount,
        metavar="BYTES",
        help="of all files of jobs, as in 20G: what is more goes, oldest first, never of starred jobs (default: none)",
    )
    parser.add_argument(
        "--idle-unload",
        type=positive(MAX_SECONDS),
        metavar="SECONDS",
        help="give a model's memory back after so long without a job (default: it stays)",
    )
    parser.add_argument(
        "--ray",
        metavar="HOST:PORT",
        help="have the workers on the Ray cluster with this head node, and none here (see docs/farm-ray.md)",
    )
    parser.add_argument(
        "--ray-workers",
        type=whole(1, 1000),
        metavar="N",
        help="how many there (default: one for each graphics card; without any, as many as its cores make)",
    )
    parser.add_argument(
        "--ray-cores", type=whole(1, 1000), metavar="N", help="of each, where no card is used (default: 2)"
    )
    add_low_vram(parser)
    parser.set_defaults(run=_serve)


def _serve(args: argparse.Namespace) -> None:
    from server.api.serving import serve
    from server.errors import BadRequest
    from server.farm.wish import CORES, Farm
    from server.priors.catalogue import Allowed

    if args.ray is None and (args.ray_workers or args.ray_cores):
        hint = "Name its head node with --ray, or leave them out."
        raise BadRequest("cluster-address-missing", "--ray-workers and --ray-cores are about a cluster.", hint)
    serve(
        args.host,
        args.port,
        args.data_dir,
        args.devices,
        args.parent_pid,
        tuple(folder.absolute() for folder in args.folder),
        args.low_vram,
        allowed=Allowed(tuple(folder.absolute() for folder in args.allow_path), args.allow_hub),
        token_file=args.token_file,
        certificate=args.tls_certificate,
        key=args.tls_key,
        quota_bytes=args.quota,
        idle_unload_s=args.idle_unload,
        farm=None if args.ray is None else Farm(args.ray, args.ray_workers, args.ray_cores or CORES),
    )
