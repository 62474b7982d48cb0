"""What is wanted of a cluster, and of each worker on it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

# What a worker makes use of.
CORES = 2


@dataclass(frozen=True)
class Farm:
    """Where to find the cluster, and how much of it to take.

    Attributes:
        address: of the head node, "HOST:PORT".
        workers: how many; None: as many as the cluster has graphics cards, or room for on its processors.
        cores: of a worker that computes on a processor.
    """

    address: str
    workers: int | None = None
    cores: int = CORES


@dataclass(frozen=True)
class Wish:
    """One worker, as it is told to the processes that get it; as JSON, because a node may not know this class.

    Attributes:
        device: "cpu", or the kind of a graphics card.
        cores: of a processor that are reserved; for a card none.
        data_dir: the server's, on storage that all nodes share under one path.
        mark: what the file MARK in it holds.
        root: the folder of this program.
        version: of this program.
        environment: variables that the worker must have; None: that it must not have.
    """

    address: str
    device: str
    cores: int
    low_vram: bool
    data_dir: str
    mark: str
    root: str
    version: str
    environment: dict[str, str | None]

    @property
    def resources(self) -> dict[str, float]:
        """What the worker takes of its node, as Ray names it."""
        return {"CPU": self.cores} if self.device == "cpu" else {"GPU": 1}

    def as_text(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_text(text: str) -> Wish:
        return Wish(**json.loads(text))
