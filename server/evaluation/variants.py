"""What is compared when methods alone do not tell: a method under one noise, one range of bandwidths and one budget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from server.evaluation.methods import guidance_of

Bandwidths = tuple[float, float]


@dataclass(frozen=True)
class Variant:
    """One row of a table. What is None is left to the prior and to the preset.

    Attributes:
        method: a key of server.evaluation.methods.METHODS.
        noise: as in a recipe's guidance.
        bandwidths: the first and the last.
        perp_neg: whether the prompts of other views are kept out of each view.
        calls: denoiser calls of a run, in place of a number of steps.
    """

    method: str
    noise: str | None = None
    bandwidths: Bandwidths | None = None
    perp_neg: bool | None = None
    calls: int | None = None

    @property
    def name(self) -> str:
        """The method, and what else is not left open: "noised, attached, 13-0.7, perp-neg, 600 calls"."""
        parts = [self.method]
        if self.noise is not None:
            parts.append(self.noise)
        if self.bandwidths is not None:
            parts.append("{:g}-{:g}".format(*self.bandwidths))
        if self.perp_neg is not None:
            parts.append("perp-neg" if self.perp_neg else "no perp-neg")
        if self.calls is not None:
            parts.append(f"{self.calls} calls")
        return ", ".join(parts)

    def guidance(self) -> dict[str, Any]:
        """Fields of a recipe's guidance.

        Raises:
            BadRequest: code "method-unknown".
        """
        fields: dict[str, Any] = {**guidance_of(self.method)}
        if self.noise is not None:
            fields["noise"] = self.noise
        if self.bandwidths is not None:
            fields["bandwidth_start"], fields["bandwidth_end"] = self.bandwidths
        if self.perp_neg is not None:
            fields["perp_neg"] = self.perp_neg
        return fields


def variants(
    methods: Sequence[str],
    noises: Sequence[str | None] = (None,),
    bandwidths: Sequence[Bandwidths | None] = (None,),
    perp_negs: Sequence[bool | None] = (None,),
    calls: Sequence[int | None] = (None,),
) -> list[Variant]:
    """Each with each, budget by budget."""

    def each() -> Iterator[Variant]:
        for budget in calls:
            for method in methods:
                for noise in noises:
                    for pair in bandwidths:
                        for perp_neg in perp_negs:
                            yield Variant(method, noise, pair, perp_neg, budget)

    return list(each())
