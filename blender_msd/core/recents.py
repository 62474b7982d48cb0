"""The prompts of the last jobs, kept for a person and not for a file."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

MOST = 20


class Recents:
    """Newest first, by kind of jobs; read once, and written whenever one is added.

    Args:
        path: of its file. One that cannot be read counts as empty, and one that cannot be written is done without: a
            list of old prompts is worth no error.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._prompts: dict[str, list[str]] = {}
        with contextlib.suppress(OSError, ValueError, AttributeError, TypeError):
            kept = json.loads(path.read_text(encoding="utf-8"))
            self._prompts = {str(kind): [str(each) for each in prompts][:MOST] for kind, prompts in kept.items()}

    def of(self, kind: str) -> tuple[str, ...]:
        return tuple(self._prompts.get(kind, ()))

    def remember(self, kind: str, prompt: str) -> None:
        others = [each for each in self._prompts.get(kind, ()) if each != prompt]
        self._prompts[kind] = [prompt, *others][:MOST]
        half = self._path.with_name(self._path.name + ".part")
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            half.write_text(json.dumps(self._prompts), encoding="utf-8")
            os.replace(half, self._path)
