"""The posts for workers on a cluster, once it was looked at: what would not work is refused before anything starts."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import server
from server.accelerators import kind_of
from server.errors import BadRequest, Problem
from server.farm.cluster import SECURE, read_address
from server.farm.host import MARK
from server.farm.wish import Farm, Wish
from server.files import write_bytes
from server.jobs.post import Post
from server.priors.network import OFFLINE

SURVEY_S = 180.0
_SAME_THREADS = "OMP_NUM_THREADS"


@dataclass(frozen=True)
class Node:
    """One that is large enough for a worker.

    Attributes:
        name: host and address; amiss: why it cannot have one all the same, as the end of a sentence.
    """

    name: str
    cards: int
    cores: int
    amiss: str


def posts_on(farm: Farm, device: str, data_dir: Path, low_vram: bool) -> list[Post]:
    """A post for each worker.

    Args:
        device: the kind that each has: "auto" is a graphics card if the cluster has any, else the processor.
        data_dir: of the server; exists.
        low_vram: as `Queue`.

    Raises:
        BadRequest: "cluster-address-unreadable", "device-unknown".
        Problem: "cluster-open"; "cluster-unfit", naming nodes that could not do the work; "cluster-empty"; as `join` of
            server/farm/cluster.py.
    """
    read_address(farm.address)
    if ":" in device or "," in device or device == "mps":
        hint = "Use auto, cpu, cuda or xpu: which card it is the cluster decides."
        raise BadRequest("device-unknown", f"The workers of a cluster cannot be on {device!r}.", hint)
    (data_dir / "jobs").mkdir(exist_ok=True)
    wish = _wish(farm, device, data_dir, low_vram)
    nodes = survey(wish)
    if device == "auto":
        device = "cuda" if any(node.cards for node in nodes) else "cpu"
    wish = _wish(farm, device, data_dir, low_vram)
    places = [(node, node.cores // farm.cores if device == "cpu" else node.cards) for node in nodes]
    large = [node for node, count in places if count]
    amiss = [f"{node.name} {node.amiss}." for node in large if node.amiss]
    if amiss:
        hint = "Mend that, or take these nodes out of the cluster."
        raise Problem("cluster-unfit", f"Not every node can do the work: {' '.join(amiss)}", hint)
    count = farm.workers or sum(count for _, count in places)
    if not large:
        wanted = f"{farm.cores} cores" if device == "cpu" else "a graphics card"
        hint = "Start one with: ray start --num-gpus=1, or --num-cpus=2 for workers on processors."
        raise Problem("cluster-empty", f"No node of the cluster at {farm.address} has {wanted}.", hint)
    arguments = ("server.farm.relay", wish.as_text())
    return [Post(f"ray:{number}", kind_of(device), arguments, is_elsewhere=True) for number in range(count)]


def survey(wish: Wish) -> list[Node]:
    """The nodes of a cluster that are large enough for a worker. Takes seconds.

    Raises:
        Problem: "cluster-open"; as `join` of server/farm/cluster.py.
    """
    found = _ask(wish)["nodes"]
    if _ask(wish, "--without-token")["open"]:
        said = f"The cluster at {wish.address} takes orders from anybody who reaches it: its tokens are off."
        raise Problem("cluster-open", said, f"Start Ray with RAY_AUTH_MODE=token on every node. {SECURE}")
    return [Node(node["node"], node["cards"], node["cores"], node["amiss"]) for node in found]


def _wish(farm: Farm, device: str, data_dir: Path, low_vram: bool) -> Wish:
    # Ray sets it for its actors by what they reserve, so that the same job would be rounded otherwise there.
    threads = os.environ.get(_SAME_THREADS)
    if device == "cpu" and threads is None:
        threads = str(max(1, farm.cores // 2))
    environment = {_SAME_THREADS: threads, **{name: os.environ.get(name) for name in OFFLINE}}
    return Wish(
        farm.address,
        device,
        farm.cores,
        low_vram,
        str(data_dir),
        _mark(data_dir),
        str(Path(server.__file__).parents[1]),
        server.__version__,
        environment,
    )


def _mark(data_dir: Path) -> str:
    """What the mark in the data folder says. It stays: a node may see new files only after a while."""
    file = data_dir / MARK
    if not file.exists():
        write_bytes(file, secrets.token_hex(16).encode())
    return file.read_text(encoding="utf-8")


def _ask(wish: Wish, *options: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "server.farm.survey", wish.as_text(), *options]
    environment = {**os.environ, "PYTHONPATH": wish.root}
    slow = Problem(
        "cluster-unreachable", f"The cluster at {wish.address} does not answer.", "See that its nodes are up."
    )
    try:
        ran = subprocess.run(
            command, env=environment, capture_output=True, timeout=SURVEY_S, text=True, encoding="utf-8"
        )
    except subprocess.TimeoutExpired:
        raise slow from None
    if ran.returncode != 0 or not ran.stdout:
        words = ran.stderr.strip().splitlines()[-1:]
        raise Problem(slow.code, f"{slow.message} {' '.join(words)}".strip(), slow.hint)
    said: dict[str, Any] = json.loads(ran.stdout)
    if "problem" in said:
        raise Problem(*said["problem"])
    return said
