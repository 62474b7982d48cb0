"""The course of a run: which noise and which bandwidth at every step, and how far towards its target a step goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from server.guidance.schedules import Schedule
from server.priors.card import Leg


@dataclass(frozen=True)
class Waypoint:
    """What one step is made with.

    Attributes:
        noise: "fresh", "attached" or "view".
        bandwidth: in latent units.
        pace: share of the way to the target that the step goes, in (0, 1].
        is_final: whether the course comes no nearer to its end: a run that has converged here may stop.
    """

    noise: str
    bandwidth: float
    pace: float
    is_final: bool


class Course:
    """Legs one after the other over a number of steps.

    Args:
        legs: whose shares add up to 1.
        schedule: shape of the bandwidth within each leg.
    """

    # A leg of fresh noise has nearly arrived once its bandwidth is within this factor of its last one.
    NARROW = 1.5

    def __init__(self, legs: Sequence[Leg], schedule: str, steps: int) -> None:
        self.legs = tuple(legs)
        self.schedule = schedule
        self._schedules = [Schedule(schedule, leg.bandwidth_start, leg.bandwidth_end) for leg in self.legs]
        shares = [sum(leg.share for leg in self.legs[: i + 1]) for i in range(len(self.legs))]
        # The first step after each leg; in a short run every leg but the last may be left out.
        self._ends = [*(min(round(share * steps), steps - 1) for share in shares[:-1]), steps]

    @property
    def noise(self) -> str:
        """That of each leg, in order: "attached-fresh-attached"."""
        return "-".join(leg.noise for leg in self.legs)

    @property
    def ends_fresh(self) -> bool:
        """Whether the last leg climbs to a mode."""
        return self.legs[-1].noise == "fresh"

    def at(self, step: int) -> Waypoint:
        """For step 0 to steps - 1.

        With noise that stays, x follows the probability-flow path of one sample: between two bandwidths it moves by
        (D - x) d ln(bandwidth), which is a step of DDIM. Whoever goes all the way at every bandwidth exaggerates
        whatever is open: the fixed point of x = D(x + lambda n) is n s^2 / lambda where the prior's own spread is s.
        """
        number = next(i for i, end in enumerate(self._ends) if step < end)
        leg, schedule = self.legs[number], self._schedules[number]
        first = self._ends[number - 1] if number else 0
        length = self._ends[number] - first
        now = schedule((step - first) / length)
        is_last_leg = number == len(self.legs) - 1
        if leg.noise == "fresh":
            near = is_last_leg and now <= self.NARROW * leg.bandwidth_end
            return Waypoint(leg.noise, now, 1.0, near)
        if is_last_leg and step + 1 == self._ends[-1]:
            return Waypoint(leg.noise, now, 1.0, False)
        then = schedule((step + 1 - first) / length)
        # A bandwidth that stays has no path to follow, but a point to arrive at.
        return Waypoint(leg.noise, now, 1.0 - then / now if then < now else 1.0, False)
