"""Whether a job fits into a device's memory: now, once the device is idle, or never."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from server.accelerators import kind_of
from server.errors import BadRequest
from server.priors.cards import built_in_cards
from server.priors.pretrained.finding import check_model_here
from server.priors.pretrained.memory import count_weights, estimate

# What a job's `needs` are called, of a processor's main memory and of a card's own.
Where = Literal["cpu", "card"]


@dataclass(frozen=True)
class Room:
    """The memory of one device, in bytes.

    Attributes:
        device: its name, for people; kind: "cpu", "cuda", ...; "" while its worker has not told.
        free: what others leave, what its worker holds included; None while it is not known.
        total: None while it is not known, which counts as enough.
        busy: whether its worker has a job.
    """

    device: str
    kind: str
    free: int | None = None
    total: int | None = None
    busy: bool = False

    def need(self, needs: Mapping[str, int]) -> int:
        """Bytes that a job takes here."""
        return 0 if not self.kind else needs.get("cpu" if kind_of(self.kind) == "cpu" else "card", 0)

    def fits(self, needs: Mapping[str, int]) -> bool:
        return self.free is None or self.need(needs) <= self.free

    def could_fit(self, needs: Mapping[str, int]) -> bool:
        """When nothing else takes of it."""
        return self.total is None or self.need(needs) <= self.total


def needs_of(prior: str, low_vram: bool) -> dict[str, int]:
    """Bytes that a job with this prior takes on each kind of device; nothing for what ships, which fits everywhere, and
    for a model that is not on this machine yet.

    Raises:
        BadRequest: as `check_model_here`.
    """
    ships = prior in {card.name for card in built_in_cards()}
    model = None if ships else check_model_here(prior)
    if model is None:
        return {}
    # Which of the two halves a card computes in, changes little; its worker asks it, and has the last word.
    weights = count_weights(model)
    on_card = estimate(model, weights, "cuda", low_vram, wide=True)
    on_processor = estimate(model, weights, "cpu")
    return {"cpu": int(on_processor.device), "card": int(on_card.device)}


def check_any_could_fit(needs: Mapping[str, int], rooms: Iterable[Room]) -> None:
    """Refuse what no device will ever have room for.

    Raises:
        BadRequest: "memory-short", with what is needed and what each device has.
    """
    rooms = list(rooms)
    if not rooms or any(room.could_fit(needs) for room in rooms):
        return
    said = "; ".join(f"{_gb(room.need(needs))} GB on {room.device}, which has {_gb(room.total)}" for room in rooms)
    hint = "Take a smaller model, or start the server with --low-vram or with a larger device."
    raise BadRequest("memory-short", f"The model needs about {said}.", hint)


def why_it_waits(needs: Mapping[str, int], rooms: Iterable[Room]) -> str:
    """A sentence about a job that fits nowhere now and could somewhere."""
    fitting = [room for room in rooms if room.could_fit(needs)]
    busy = [room for room in fitting if room.busy]
    room = (busy or fitting)[0]
    need = f"It needs about {_gb(room.need(needs))} GB of {room.device}"
    if room.busy:
        return f"{need}, which has another job."
    return f"{need}, of whose {_gb(room.total)} GB {_gb(room.free)} are free: close what else uses it."


def _gb(size: int | None) -> str:
    return "?" if size is None else f"{size / 1e9:.1f}"
