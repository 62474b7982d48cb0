"""What keeps a run alive: snapshots of it, going back to one, a shape that vanished, memory that ran out."""

from __future__ import annotations

import time

import torch
from torch import Tensor

from server.accelerators import free_cache
from server.studio.climb import Climb
from server.studio.snapshot import Snapshot


def take_snapshot(climb: Climb) -> Snapshot:
    pulse = climb.pulse
    counters = [climb.calls, climb.skipped, pulse.unseen, int(pulse.revived)]
    tensors = {
        "counters": torch.tensor(counters),
        **{f"subject.{name}": value for name, value in climb.subject.state().items()},
        **{f"convergence.{name}": value for name, value in climb.convergence.state().items()},
    }
    for number, parameter in enumerate(climb.parameters):
        for name, value in climb.optimiser.state.get(parameter, {}).items():
            tensors[f"adam.{number}.{name}"] = value
    copied = {name: value.detach().to("cpu", copy=True).contiguous() for name, value in tensors.items()}
    return Snapshot(copied, climb.step, climb.seconds())


def restore(climb: Climb, snapshot: Snapshot) -> None:
    tensors = snapshot.tensors
    climb.subject.restore(_part(tensors, "subject."))
    climb.convergence.restore(_part(tensors, "convergence."))
    climb.optimiser.state.clear()
    for number, parameter in enumerate(climb.parameters):
        moments = _part(tensors, f"adam.{number}.")
        if moments:
            # Adam counts its steps on the CPU.
            climb.optimiser.state[parameter] = {
                name: value.clone() if name == "step" else value.to(parameter.device, copy=True)
                for name, value in moments.items()
            }
    climb.calls, climb.skipped, climb.pulse.unseen, revived = (int(number) for number in tensors["counters"])
    climb.pulse.revived = bool(revived)
    climb.step, climb.bad_in_a_row = snapshot.step, 0
    climb.since = time.monotonic() - snapshot.seconds


def fall_back(climb: Climb, snapshot: Snapshot) -> None:
    """Be as the snapshot says, without forgetting what was spent since."""
    calls, skipped, since = climb.calls, climb.skipped, climb.since
    restore(climb, snapshot)
    climb.calls, climb.skipped, climb.since = calls, skipped, since


def is_lost(climb: Climb) -> bool:
    """Whether the subject has not been seen for long. Raises JobFailed the second time."""
    return climb.pulse.is_lost(climb.visible)


def revive(climb: Climb, first: Snapshot) -> None:
    """Put the subject back to how it was at first; step, schedules and counters go on."""
    climb.subject.restore(_part(first.tensors, "subject."))
    climb.optimiser.state.clear()


def lighten(climb: Climb) -> str | None:
    climb.optimiser.zero_grad(set_to_none=True)
    free_cache()
    return climb.subject.lighten()


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
