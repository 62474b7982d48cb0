"""What is known of a prior that lies on this machine, usable or not. Free of torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.priors.card import PriorCard
from server.priors.exact_card import EXACT_CARD
from server.world.captions import grammar, known_things, understood_words

# Networks up to this size take seconds a step on a processor; Stable Diffusion, ten times larger, takes minutes.
CPU_PARAMETERS = 100_000_000
# Beside the weights: activations of the encoder's gradient and the renderer at 512 x 512. A rough figure.
WORKING_GB_AT_512 = 2.0


@dataclass(frozen=True)
class ListedPrior:
    """One prior, usable or not.

    Attributes:
        name: what a recipe calls it.
        title: what people call it.
        path: where it lies; None when it is part of the program's code.
        card: None when it cannot be read.
        parameters: numbers in its networks; 0 when it has none or they cannot be counted.
        licence: the card's, or the one that the model's own README names.
        why_not: why it is not usable; empty when it is.
    """

    name: str
    title: str
    path: Path | None
    card: PriorCard | None
    parameters: int
    licence: str
    why_not: str = ""

    @property
    def usable(self) -> bool:
        return not self.why_not

    @property
    def needs_cuda(self) -> bool:
        """Whether it is too large for a processor: it would run there, for hours."""
        return self.parameters > CPU_PARAMETERS

    @property
    def gpu_memory_gb(self) -> float | None:
        """Rough estimate: weights in half precision, and working memory that grows with the picture."""
        if self.card is None or not self.needs_cuda:
            return None
        return round(2e-9 * self.parameters + WORKING_GB_AT_512 * (self.card.image_size / 512) ** 2, 1)

    @property
    def needs(self) -> str:
        """What it needs, in a sentence."""
        if self.card is None:
            return "Unknown."
        if not self.needs_cuda:
            return "Runs on the CPU."
        return (
            f"Needs an NVIDIA graphics card with about {self.gpu_memory_gb:.0f} GB of memory (estimated from the size "
            "of its files). On the CPU it takes hours."
        )

    def as_json(self) -> dict[str, Any]:
        """The card's fields and these attributes; of a prior with a language of its own also what it understands."""
        card: dict[str, Any] = {"description": "", "makes": [], "takes_camera": False, "words": None}
        card |= self.card.as_json() if self.card else {}
        return {
            **card,
            "name": self.name,
            "title": self.title,
            "path": None if self.path is None else str(self.path),
            "licence": self.licence,
            "usable": self.usable,
            "why_not": self.why_not,
            "needs": self.needs,
            "needs_cuda": self.needs_cuda,
            "gpu_memory_gb": self.gpu_memory_gb,
            "language": _language(self.card),
        }


# Given a model's path and a way to look at it, what is known of it: by looking, or from memory.
Recall = Callable[[Path, Callable[[], ListedPrior]], ListedPrior]


def _language(card: PriorCard | None) -> dict[str, Any] | None:
    """What a program needs to check a prompt as the prior does: its words are runs of letters and digits, in lower
    case, and each must be among `understood`; what they may say together, `grammar` tells."""
    if card is None or card.words is None:
        return None
    return {
        "understood": understood_words(),
        "unknown_words": "refused" if card.name == EXACT_CARD.name else "left out",
        "grammar": grammar(),
        "known_things": {kind: known_things(kind) for kind in card.makes},
    }
