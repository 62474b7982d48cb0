"""What Blender asks of an extension's manifest, without Blender.

Only Blender knows its tags, which a test inside Blender compares.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

MOST_CHARACTERS = 64
PERMISSIONS = {"files", "network", "clipboard", "camera", "microphone"}
_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?", re.ASCII)
_BLENDER_VERSION = re.compile(r"\d+\.\d+\.\d+", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_COPYRIGHT = re.compile(r"\d+(-\d+)? .*\S.*")
# Blender understands more of .gitignore; of these both understand the same.
_PATTERN = re.compile(r"/?[^!/\\][^/\\]*/?|/[^/\\]+(/[^/\\]+)+/?")


def complaints(manifest: dict[str, Any]) -> list[str]:
    """What is wrong with a manifest, a line for each field; empty when nothing is."""
    found = []
    for name, (is_fine, wanted) in _FIELDS.items():
        if name not in manifest:
            found.append(f"{name} is missing")
        elif not is_fine(manifest[name]):
            found.append(f"{name} is {manifest[name]!r}, not {wanted}")
    for name, (is_fine, wanted) in _OPTIONAL.items():
        if name in manifest and not is_fine(manifest[name]):
            found.append(f"{name} is {manifest[name]!r}, not {wanted}")
    return found


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != "" and value == value.strip() and not _CONTROL.search(value)


def _is_terse(value: Any) -> bool:
    return _is_text(value) and len(value) <= MOST_CHARACTERS and (value[-1].isalnum() or value[-1] in ")]}")


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and value.isidentifier() and value == value.strip("_") and "__" not in value


def _is_like(form: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and form.fullmatch(value) is not None


def _are_all(is_fine: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and bool(value) and all(map(is_fine, value))


def _are_permissions(value: Any) -> bool:
    return isinstance(value, dict) and set(value) <= PERMISSIONS and all(map(_is_terse, value.values()))


def _leaves_out(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"paths_exclude_pattern"} and _PATTERNS(*value.values())


def _is_pattern(value: Any) -> bool:
    return isinstance(value, str) and "**" not in value and _PATTERN.fullmatch(value) is not None


_PATTERNS = _are_all(_is_pattern)
_IS_VERSION = (_is_like(_VERSION), 'a version like "1.2.3"')
_IS_BLENDER_VERSION = (_is_like(_BLENDER_VERSION), 'a version of Blender like "4.2.0"')
_IS_TEXT = (_is_text, "a line of text")
_ARE_TEXTS = (_are_all(_is_text), "a list of texts")
_IS_TERSE = f"a text of at most {MOST_CHARACTERS} characters that does not end with a full stop"

_FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "schema_version": _IS_VERSION,
    "id": (_is_id, "a name that Python could use"),
    "version": _IS_VERSION,
    "name": _IS_TEXT,
    "tagline": (_is_terse, _IS_TERSE),
    "maintainer": _IS_TEXT,
    "type": (lambda value: value == "add-on", '"add-on"'),
    "license": _ARE_TEXTS,
    "blender_version_min": _IS_BLENDER_VERSION,
    "build": (_leaves_out, "a table with paths_exclude_pattern, a list of plain patterns"),
}
_OPTIONAL: dict[str, tuple[Callable[[Any], bool], str]] = {
    "blender_version_max": _IS_BLENDER_VERSION,
    "copyright": (_are_all(_is_like(_COPYRIGHT)), 'a list of texts like "2026 Somebody"'),
    "permissions": (_are_permissions, f"a table of {', '.join(sorted(PERMISSIONS))}, each with {_IS_TERSE}"),
    "tags": _ARE_TEXTS,
    "website": _IS_TEXT,
}
