"""The small language of the procedural priors: what can be asked for, and how a prompt is read.

Everything here is plain Python, so that the command line and the API process can check a prompt without loading torch.
One object ("a yellow duck"), one object with a differently coloured part ("a red mug with a blue handle"), or one
surface in one or two colours ("red bricks with grey mortar", "blue and white stripes"). A colour that is left out is
the one that first comes to mind: a duck is yellow, a tree is green (`Kind.colour`, `Pattern.colours`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from server.errors import BadRequest
from server.ranges import shown

Makes = Literal["mesh", "texture"]
RGB = tuple[float, float, float]

COLOURS: dict[str, RGB] = {
    "red": (0.86, 0.10, 0.10),
    "orange": (0.96, 0.50, 0.06),
    "yellow": (0.97, 0.85, 0.10),
    "green": (0.12, 0.60, 0.16),
    "cyan": (0.12, 0.78, 0.84),
    "blue": (0.12, 0.24, 0.84),
    "purple": (0.50, 0.14, 0.70),
    "pink": (0.97, 0.50, 0.68),
    "brown": (0.45, 0.26, 0.11),
    "black": (0.08, 0.08, 0.09),
    "grey": (0.52, 0.52, 0.53),
    "white": (0.96, 0.96, 0.96),
}


@dataclass(frozen=True)
class Kind:
    """An object: its colour when none is named, and its part that can have a colour of its own (None: it has none)."""

    colour: str
    part: str | None = None


@dataclass(frozen=True)
class Pattern:
    """A surface: its colour and its second colour when none are named, and words for where the second colour goes."""

    colours: tuple[str, str]
    ground: tuple[str, ...] = ("background", "ground")


KINDS: dict[str, Kind] = {
    "ball": Kind("red"),
    "cube": Kind("blue"),
    "cylinder": Kind("green"),
    "cone": Kind("orange"),
    "torus": Kind("pink"),
    "pyramid": Kind("yellow"),
    "mushroom": Kind("red", "stem"),
    "snowman": Kind("white", "hat"),
    "table": Kind("brown", "legs"),
    "chair": Kind("brown", "legs"),
    "mug": Kind("white", "handle"),
    "car": Kind("red", "wheels"),
    "tree": Kind("green", "trunk"),
    "house": Kind("white", "roof"),
    "duck": Kind("yellow", "beak"),
    "hammer": Kind("grey", "handle"),
}

PATTERNS: dict[str, Pattern] = {
    "bricks": Pattern(("red", "grey"), ("mortar", "joints", "grout", "background")),
    "dots": Pattern(("red", "white")),
    "stripes": Pattern(("blue", "white")),
    "checks": Pattern(("black", "white")),
    "planks": Pattern(("brown", "black"), ("seams", "joints", "gaps", "background")),
    "waves": Pattern(("blue", "white")),
    "tiles": Pattern(("cyan", "white"), ("grout", "joints", "background")),
    "cobblestone": Pattern(("grey", "black"), ("mortar", "gaps", "joints", "background")),
    "weave": Pattern(("blue", "black"), ("background", "gaps")),
    "marble": Pattern(("white", "grey"), ("veins",)),
    "grass": Pattern(("green", "black"), ("soil", "ground")),
    "scales": Pattern(("green", "black"), ("edges", "background")),
}

VIEWS = ("front", "side", "back", "overhead")

_SYNONYMS: dict[str, str] = {
    "gray": "grey", "violet": "purple", "turquoise": "cyan", "teal": "cyan", "wooden": "brown", 
    "crimson": "red", "scarlet": "red", "magenta": "pink", 
    "sphere": "ball", "box": "cube", "donut": "torus", "doughnut": "torus", "ring": "torus", "toadstool": "mushroom",
    "cup": "mug", "automobile": "car", "fir": "tree", "pine": "tree",
    "cottage": "house", "hut": "house", "duckling": "duck", 
    "tile": "tiles", "tiled": "tiles", "cobbles": "cobblestone", "cobbled": "cobblestone",
    "fabric": "weave", "woven": "weave", "cloth": "weave", "marbled": "marble", "grassy": "grass", "lawn": "grass",
    "scale": "scales", "scaly": "scales", "vein": "veins", "edge": "edges",
    "brickwork": "bricks", "brick": "bricks", "polka": "dots", "spots": "dots", "dotted": "dots", "spotted": "dots",
    "striped": "stripes", "stripy": "stripes", "bands": "stripes", "checked": "checks", "chequered": "checks",
    "checkered": "checks", "checkerboard": "checks", "chequerboard": "checks", "chessboard": "checks",
    "floorboards": "planks", "boards": "planks", "planking": "planks", "wavy": "waves", "ripples": "waves",
    "stalk": "stem", "bill": "beak", "tyres": "wheels", "tires": "wheels", "top": "overhead",
    "rear": "back", "leg": "legs", "wheel": "wheels", "joint": "joints", "seam": "seams", "gap": "gaps",
}  # fmt: skip

_FILLERS = frozenset(
    """a an the one single some of with and on in over that is are has have its it from made
    coloured colored color colour picture photo image render rendering 3d model view seen plain simple object toy
    seamless tileable tiling texture surface material pattern wall floor""".split()  # noqa: SIM905
)
_PARTS = frozenset(
    [kind.part for kind in KINDS.values() if kind.part]
    + [word for pattern in PATTERNS.values() for word in pattern.ground]
)
_KNOWN = frozenset([*COLOURS, *KINDS, *PATTERNS, *VIEWS, *_PARTS, *_FILLERS])


@dataclass(frozen=True)
class Caption:
    """What a prompt asks for.

    Attributes:
        makes: "mesh" for an object, "texture" for a surface.
        name: a key of KINDS or of PATTERNS.
        colour: a key of COLOURS; the object's main colour, or the surface's first one.
        second: a key of COLOURS for the object's named part or the surface's ground; None is the part's usual colour.
        view: one of VIEWS if the prompt names a side of the object.
    """

    makes: Makes
    name: str
    colour: str
    second: str | None = None
    view: str | None = None

    def text(self) -> str:
        """The caption in plain words; `read_caption(caption.text())` gives the caption back."""
        if self.makes == "texture":
            return f"{self.colour} {self.name}" + (f" on {self.second}" if self.second else "")
        words = f"a {self.colour} {self.name}"
        if self.second:
            part = KINDS[self.name].part
            words += f" with {self.second} {part}" if part in ("legs", "wheels") else f" with a {self.second} {part}"
        return words + (f", {self.view} view" if self.view else "")


def usual_second(caption: Caption) -> str:
    """The second colour of a surface whose prompt names one colour only: the usual one, unless that is the first."""
    usual = PATTERNS[caption.name].colours
    return usual[1] if caption.colour != usual[1] else usual[0]


def unknown_words(prompt: str) -> list[str]:
    """The words of a prompt that mean nothing in this language, as they were written, each once."""
    return list(dict.fromkeys(word for word in _words_of(prompt) if _canonical(word) not in _KNOWN))


def understood_words() -> list[str]:
    """Every spelling that is not among `unknown_words`, in lower case: a prompt can be checked against it elsewhere."""
    roots = {*_KNOWN, *_SYNONYMS}
    forms = {form for root in roots for form in (root, root.removesuffix("s"), root + "s", root + "es")}
    return sorted(form for form in forms if _canonical(form) in _KNOWN)


def grammar() -> dict[str, Any]:
    """This language as data, for a program that reads prompts elsewhere as `read_caption` does.

    Returns:
        `words`: every spelling that means something -> its usual one; `colours`, `objects` (-> the part that can have a
        colour of its own, or None), `surfaces` (-> words for its ground), `views`, as the tables above.
    """
    return {
        "words": {word: _canonical(word) for word in understood_words()},
        "colours": list(COLOURS),
        "objects": {name: kind.part for name, kind in KINDS.items()},
        "surfaces": {name: list(pattern.ground) for name, pattern in PATTERNS.items()},
        "views": list(VIEWS),
    }


def known_things(kind: str | None = None) -> str:
    """What can be asked for, in words: the objects for a "mesh", the surfaces for a "texture", else both."""
    things = [*(KINDS if kind != "texture" else ()), *(PATTERNS if kind != "mesh" else ())]
    return f"{', '.join(things)}; in {', '.join(COLOURS)}"


def read_known_words(prompt: str, kind: str | None = None, reader: str = "This model") -> Caption:
    """`read_caption` of what is left of a prompt without its `unknown_words`: whoever calls must name those.

    Raises:
        BadRequest: code "prompt-unreadable", as `read_caption`.
    """
    strange = unknown_words(prompt)
    known = [word for word in _words_of(prompt) if word not in strange]
    if strange and not any(_canonical(word) in KINDS or _canonical(word) in PATTERNS for word in known):
        message = f"{reader} does not know {_listed(strange)}, and nothing else is named that it could make."
        raise _unreadable(message, kind)
    try:
        return read_caption(" ".join(known), kind, reader)
    except BadRequest as problem:
        besides = f" Besides, {reader} does not know {_listed(strange)}." if strange else ""
        raise BadRequest(problem.code, f"{problem.message}{besides}", problem.hint) from None


def read_caption(prompt: str, kind: str | None = None, reader: str = "This model") -> Caption:
    """Read a prompt; case, articles, plurals and word order hardly matter.

    A colour stands before what it colours; colours that follow go to whatever has none yet.

    Args:
        prompt: for example "A yellow duck", "red mug with a blue handle", "stripes in red and white".
        kind: "mesh" or "texture" to insist on an object or on a surface; None takes either.
        reader: who reads it, as the beginning of a sentence.

    Raises:
        BadRequest: code "prompt-unreadable": no known object or surface, several of them, one of the wrong sort,
            colours that have nowhere to go, or any word that would be ignored.
    """
    names: list[str] = []
    unknown: list[str] = []
    waiting: list[str] = []
    of_noun: list[str] = []
    of_part: list[str] = []
    part = view = last = None
    for raw in _words_of(prompt):
        word = _canonical(raw)
        if word in COLOURS:
            waiting.append(word)
        elif word in KINDS or word in PATTERNS:
            names += [word] if word not in names else []
            of_noun, waiting, last = of_noun + waiting, [], word
        elif word in _PARTS:
            of_part, waiting, part, last = of_part + waiting, [], word, word
        elif word in VIEWS:
            view = word
        elif word not in _FILLERS:
            unknown.append(raw)
    if unknown:
        raise _unreadable(f"{reader} does not know {_listed(unknown)}.", kind)
    if not prompt.strip():
        raise _unreadable("The prompt is empty: it names nothing to make.", kind)
    if not names:
        raise _unreadable(f"{shown(prompt.strip())} names nothing that could be made.", kind)
    if len(names) > 1:
        raise _unreadable(f"{reader} makes one thing at a time, not {_listed(names)} together.", kind)
    name = names[0]
    makes: Makes = "mesh" if name in KINDS else "texture"
    if kind not in (None, makes):
        is_what = "an object and can only be a mesh" if makes == "mesh" else "a surface and can only be a texture"
        raise _unreadable(f"{name!r} is {is_what}, not a {kind}.", kind)
    if part is not None and part not in _parts_of(name):
        raise _unreadable(f"{name!r} has no {part} that could have a colour of its own.", kind)
    if view is not None and makes == "texture":
        raise _unreadable(f"{name!r} is a surface and has no {view} view.", kind)
    if makes == "texture" and not of_part:
        of_part, of_noun = of_noun[1:], of_noun[:1]
    # What is left stands behind everything: it goes to the last thing named, then to the other one.
    if not of_part and part is not None and last == part:
        of_part, waiting = waiting[:1], waiting[1:]
    if not of_noun:
        of_noun, waiting = waiting[:1], waiting[1:]
    if not of_part and (part is not None or makes == "texture"):
        of_part, waiting = waiting[:1], waiting[1:]
    left_over = of_noun[1:] + of_part[1:] + waiting
    if left_over:
        message = (
            f"{shown(prompt.strip())} has more colours than things to colour: nothing is left for {_listed(left_over)}."
        )
        raise _unreadable(message, kind)
    usual = KINDS[name].colour if makes == "mesh" else PATTERNS[name].colours[0]
    return Caption(makes, name, of_noun[0] if of_noun else usual, of_part[0] if of_part else None, view)


def _words_of(prompt: str) -> list[str]:
    return re.findall(r"[^\W_]+", prompt.lower())


def _parts_of(name: str) -> tuple[str | None, ...]:
    return (KINDS[name].part,) if name in KINDS else PATTERNS[name].ground


def _canonical(word: str) -> str:
    for form in (word, word.removesuffix("s"), word + "s", word.removesuffix("es")):
        known = _SYNONYMS.get(form, form)
        if known in _KNOWN:
            return known
    return word


def _listed(words: list[str]) -> str:
    *others, last = [repr(word) for word in dict.fromkeys(words)]
    return f"{', '.join(others)} and {last}" if others else last


def _unreadable(message: str, kind: str | None) -> BadRequest:
    objects = "" if kind == "texture" else f"Objects: {', '.join(KINDS)}. "
    surfaces = "" if kind == "mesh" else f"Surfaces: {', '.join(PATTERNS)}. "
    return BadRequest("prompt-unreadable", message, f"{objects}{surfaces}Colours: {', '.join(COLOURS)}.")
