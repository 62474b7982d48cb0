"""All captions that training may draw, as tables of numbers: one row a caption, so that a batch is a few gathers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from transformers import CLIPTokenizer

from server.priors.embedded.wording import LENGTH, word_tokens
from server.training.heldout import is_held_out
from server.world.captions import COLOURS, KINDS, PATTERNS, VIEWS, Caption, usual_second
from server.world.patterns import two_colours
from server.world.shading import palette
from server.world.shapes import SHAPES, materials_of

PARTS = max(len(materials_of(kind)) for kind in SHAPES)
# Share of the captions that name the second colour, where there is one.
TWO_COLOURED = {"mesh": 0.4, "texture": 0.75}
PHRASINGS = 3


@dataclass(frozen=True)
class CaptionTable:
    """n captions of objects, or of surfaces.

    Attributes:
        captions: the captions themselves.
        subject: [n] number of the kind or pattern, in the order of KINDS or PATTERNS.
        colours: [n, PARTS, 3] of an object's materials, or [n, 2, 3] of a surface.
        tokens: [n, PHRASINGS, 1 + len(VIEWS), LENGTH] its wordings, without and, for objects, with each view's name.
        weight: [n] how often each is drawn.
    """

    captions: tuple[Caption, ...]
    subject: Tensor
    colours: Tensor
    tokens: Tensor
    weight: Tensor

    def to(self, device: torch.device) -> CaptionTable:
        return replace(
            self,
            subject=self.subject.to(device),
            colours=self.colours.to(device),
            tokens=self.tokens.to(device),
            weight=self.weight.to(device),
        )


def object_captions(held_out: bool = False) -> list[Caption]:
    """Every object, colour and part colour that training may see, or those that it may not."""
    found = []
    for name, kind in KINDS.items():
        seconds: list[str | None] = [None, *COLOURS] if kind.part else [None]
        found += [Caption("mesh", name, colour, second) for colour in COLOURS for second in seconds]
    return [caption for caption in found if is_held_out(caption) == held_out]


def surface_captions(held_out: bool = False) -> list[Caption]:
    """Every surface and pair of different colours that training may see, or those that it may not."""
    found = [Caption("texture", name, a, b) for name in PATTERNS for a in COLOURS for b in [None, *COLOURS] if a != b]
    return [caption for caption in found if is_held_out(caption) == held_out]


def object_table(tokenizer: CLIPTokenizer, captions: list[Caption] | None = None) -> CaptionTable:
    """The table of some captions of objects; None: of all that training may see."""
    captions = object_captions() if captions is None else captions
    colours = torch.zeros(len(captions), PARTS, 3)
    for i, caption in enumerate(captions):
        own = palette(caption, materials_of(caption.name))
        colours[i, : len(own)] = own
    return _table(captions, colours, tokenizer)


def surface_table(tokenizer: CLIPTokenizer, captions: list[Caption] | None = None) -> CaptionTable:
    """The table of some captions of surfaces; None: of all that training may see."""
    captions = surface_captions() if captions is None else captions
    return _table(captions, torch.stack([two_colours(caption) for caption in captions]), tokenizer)


def _table(captions: list[Caption], colours: Tensor, tokenizer: CLIPTokenizer) -> CaptionTable:
    names = list(KINDS) if captions[0].makes == "mesh" else list(PATTERNS)
    texts = [text for caption in captions for text in _wordings(caption)]
    tokens = word_tokens(tokenizer, texts).view(len(captions), PHRASINGS, -1, LENGTH)
    weight = torch.zeros(len(captions))
    for name in names:
        mine = [i for i, caption in enumerate(captions) if caption.name == name]
        two = [i for i in mine if captions[i].second]
        one = [i for i in mine if not captions[i].second]
        share = TWO_COLOURED[captions[0].makes] if two else 0.0
        weight[one] = (1 - share) / len(one)
        weight[two] = share / max(1, len(two))
    subject = torch.tensor([names.index(caption.name) for caption in captions])
    return CaptionTable(tuple(captions), subject, colours, tokens, weight)


def _wordings(caption: Caption) -> list[str]:
    """PHRASINGS ways to say it, each without and, for objects, with each view."""
    plain = caption.text()
    bare = plain.removeprefix("a ").replace("with a ", "with ")
    usual = caption.makes == "mesh" and caption.colour == KINDS[caption.name].colour
    if caption.makes == "texture":
        short = f"{caption.colour} {caption.name} on {caption.second or usual_second(caption)}"
    else:
        short = plain.replace(f"a {caption.colour} ", "a ", 1) if usual else plain
    named = [f", {view} view" for view in VIEWS] if caption.makes == "mesh" else []
    return [text + ending for text in (plain, bare, short) for ending in ("", *named)]
