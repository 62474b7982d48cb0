"""A model's small language, as its server describes it: which prompts it refuses, in the words that the server uses.

The server has the last word. This reads as it does, so that a prompt can be refused while it is typed; a test holds the
two together. A server that describes no grammar refuses later.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import Problem

_SHORT = reprlib.Repr()
_SHORT.maxstring = 60


@dataclass(frozen=True)
class Language:
    """Attributes:
    understood: every spelling it understands, in lower case.
    refuses: whether a prompt with other words is refused; else those words are left out.
    words: spelling -> the usual spelling; empty when the server describes no grammar.
    colours, views: words.
    objects: name -> the part that can have a colour of its own, None for none.
    surfaces: name -> words for its ground.
    """

    understood: frozenset[str]
    refuses: bool
    words: Mapping[str, str]
    colours: tuple[str, ...] = ()
    objects: Mapping[str, str | None] | None = None
    surfaces: Mapping[str, tuple[str, ...]] | None = None
    views: tuple[str, ...] = ()

    def unknown_words(self, prompt: str) -> list[str]:
        """The words of a prompt that mean nothing to it, each once."""
        return list(dict.fromkeys(word for word in _words_of(prompt) if word not in self.understood))

    def refusal(self, prompt: str, kind: str, reader: str) -> Problem | None:
        """Why the server will refuse this prompt for a "mesh" or a "texture"; None when it will not.

        Args:
            reader: who reads it, as the beginning of a sentence.
        """
        objects, surfaces = self.objects or {}, self.surfaces or {}
        if not objects and not surfaces:
            return None
        strange = [] if self.refuses else self.unknown_words(prompt)
        known = [word for word in _words_of(prompt) if word not in strange]
        if strange and not any(self.words.get(word) in {*objects, *surfaces} for word in known):
            said = f"{reader} does not know {_listed(strange)}, and nothing else is named that it could make."
        else:
            said = self._why_unreadable(" ".join(known) if not self.refuses else prompt, kind, reader)
            if said and strange:
                said += f" Besides, {reader} does not know {_listed(strange)}."
        return Problem("prompt-unreadable", said, self.known_things(kind)) if said else None

    def known_things(self, kind: str) -> str:
        """What can be asked for, in sentences."""
        things = {"mesh": ("Objects", self.objects), "texture": ("Surfaces", self.surfaces)}[kind]
        return f"{things[0]}: {', '.join(things[1] or ())}. Colours: {', '.join(self.colours)}."

    def _why_unreadable(self, prompt: str, kind: str, reader: str) -> str:
        objects, surfaces = self.objects or {}, self.surfaces or {}
        parts = {*filter(None, objects.values()), *(word for ground in surfaces.values() for word in ground)}
        names: list[str] = []
        unknown: list[str] = []
        waiting: list[str] = []
        of_noun: list[str] = []
        of_part: list[str] = []
        part = view = last = None
        for raw in _words_of(prompt):
            word = self.words.get(raw, raw)
            if word in self.colours:
                waiting.append(word)
            elif word in objects or word in surfaces:
                names += [word] if word not in names else []
                of_noun, waiting, last = of_noun + waiting, [], word
            elif word in parts:
                of_part, waiting, part, last = of_part + waiting, [], word, word
            elif word in self.views:
                view = word
            elif raw not in self.understood:
                unknown.append(raw)
        if unknown:
            return f"{reader} does not know {_listed(unknown)}."
        if not prompt.strip():
            return "The prompt is empty: it names nothing to make."
        if not names:
            return f"{_shown(prompt)} names nothing that could be made."
        if len(names) > 1:
            return f"{reader} makes one thing at a time, not {_listed(names)} together."
        name = names[0]
        if kind != ("mesh" if name in objects else "texture"):
            is_what = "an object and can only be a mesh" if name in objects else "a surface and can only be a texture"
            return f"{name!r} is {is_what}, not a {kind}."
        of_name = (objects[name],) if name in objects else surfaces[name]
        if part is not None and part not in of_name:
            return f"{name!r} has no {part} that could have a colour of its own."
        if view is not None and kind == "texture":
            return f"{name!r} is a surface and has no {view} view."
        if kind == "texture" and not of_part:
            of_part, of_noun = of_noun[1:], of_noun[:1]
        if not of_part and part is not None and last == part:
            of_part, waiting = waiting[:1], waiting[1:]
        if not of_noun:
            of_noun, waiting = waiting[:1], waiting[1:]
        if not of_part and (part is not None or kind == "texture"):
            of_part, waiting = waiting[:1], waiting[1:]
        left_over = of_noun[1:] + of_part[1:] + waiting
        if not left_over:
            return ""
        return f"{_shown(prompt)} has more colours than things to colour: nothing is left for {_listed(left_over)}."


def read_language(said: Mapping[str, Any]) -> Language | None:
    """What a server says of a model's language; None of a model that reads any text."""
    if "understood" not in said:
        return None
    grammar = said.get("grammar") or {}
    return Language(
        understood=frozenset(said["understood"]),
        refuses=said.get("unknown_words") == "refused",
        words=dict(grammar.get("words", {})),
        colours=tuple(grammar.get("colours", ())),
        objects=dict(grammar.get("objects", {})),
        surfaces={name: tuple(ground) for name, ground in grammar.get("surfaces", {}).items()},
        views=tuple(grammar.get("views", ())),
    )


def _words_of(prompt: str) -> list[str]:
    return re.findall(r"[^\W_]+", prompt.lower())


def _shown(prompt: str) -> str:
    return _SHORT.repr(prompt.strip())


def _listed(words: Iterable[str]) -> str:
    *others, last = [repr(word) for word in dict.fromkeys(words)]
    return f"{', '.join(others)} and {last}" if others else last
