"""What can go wrong while a run climbs, and what is done about it."""

from __future__ import annotations

import torch

from server.errors import JobFailed

# Less light than this reaches the cameras when nothing is there; no gradient comes back from an empty field.
LEAST_VISIBLE = 0.01
STEPS_UNSEEN = 50
# Of the penalty, which is what makes a field evaporate, after it did so once.
PENALTY_AFTER_REVIVAL = 0.25
MOST_BAD_STEPS = 10


class Pulse:
    """Whether anything is to be seen; an empty field may start anew once."""

    def __init__(self) -> None:
        self.unseen = 0
        self.revived = False

    def is_lost(self, visible: float) -> bool:
        """Take the mean opacity of a step; True when it is time to start anew.

        Raises:
            JobFailed: "nothing-formed", when that has happened before.
        """
        self.unseen = self.unseen + 1 if visible < LEAST_VISIBLE else 0
        if self.unseen < STEPS_UNSEEN:
            return False
        if self.revived:
            raise JobFailed(
                "nothing-formed",
                "The shape vanished twice: the model sees nothing in it that would look like the prompt.",
                "Try another seed, a simpler prompt, or a larger guidance scale.",
            )
        self.unseen, self.revived = 0, True
        return True

    @property
    def penalty_weight(self) -> float:
        return PENALTY_AFTER_REVIVAL if self.revived else 1.0


def is_mostly_broken(skipped: int, steps: int) -> bool:
    """Whether so many steps were skipped that what they left is no result: half of them."""
    return steps > 0 and 2 * skipped >= steps


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed, on any device."""
    # torch's CPU allocator raises a plain RuntimeError.
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in str(error)


def out_of_memory(error: BaseException) -> JobFailed:
    """The error a person meets when there was not enough memory even for less."""
    first = str(error).split("\n")[0] or "an allocation failed"
    hint = "Use a smaller preset or resolution, or close other programs."
    return JobFailed("out-of-memory", f"There was not enough memory: {first}.", hint)
