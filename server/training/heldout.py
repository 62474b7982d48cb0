"""Combinations that the embedded prior never sees in training.

Each word of them is seen often, the combination never: drawing it right shows that words are understood one by one.
"""

from __future__ import annotations

from server.world.captions import KINDS, Caption, usual_second

HELD_OUT_COLOUR: dict[str, str] = {
    "ball": "purple",
    "cube": "red",
    "cylinder": "yellow",
    "cone": "cyan",
    "torus": "green",
    "pyramid": "blue",
    "mushroom": "orange",
    "snowman": "pink",
    "table": "white",
    "chair": "red",
    "mug": "green",
    "car": "brown",
    "tree": "blue",
    "house": "orange",
    "duck": "purple",
    "hammer": "cyan",
}
"""For every kind, the main colour it never has in training."""

HELD_OUT_PAIR: dict[str, tuple[str, str]] = {
    "bricks": ("blue", "white"),
    "dots": ("yellow", "purple"),
    "stripes": ("green", "orange"),
    "checks": ("red", "yellow"),
    "planks": ("grey", "brown"),
    "waves": ("cyan", "black"),
    "tiles": ("pink", "grey"),
    "cobblestone": ("brown", "green"),
    "weave": ("orange", "blue"),
    "marble": ("green", "white"),
    "grass": ("yellow", "red"),
    "scales": ("purple", "cyan"),
}
"""For every surface, the first and second colour it never has together in training."""


def is_held_out(caption: Caption) -> bool:
    """Whether training must never draw this caption."""
    if caption.name in KINDS:
        return caption.colour == HELD_OUT_COLOUR[caption.name]
    return (caption.colour, caption.second or usual_second(caption)) == HELD_OUT_PAIR[caption.name]
