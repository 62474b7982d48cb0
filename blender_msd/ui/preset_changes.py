"""What a preset of one's own would change, known before it does."""

from __future__ import annotations

import ast
import math
import re
from pathlib import Path
from typing import Any

import bpy

from .settings import Settings

_LINE = re.compile(r"^bpy\.context\.scene\.msd\.\w+\.(\w+) = (.+)$", re.MULTILINE)
# Changes that a tooltip names; more of them are counted.
MOST_NAMED = 8


def changes(settings: Settings, preset: Path) -> list[str] | None:
    """Each setting that is another one in a file of Blender's presets: "Steps: 300, now 0". None when it cannot be
    read."""
    try:
        lines = _LINE.findall(preset.read_text(encoding="utf-8"))
    except (OSError, UnicodeError):
        return None
    found = []
    for name, text in lines:
        about: Any = settings.bl_rna.properties.get(name)
        if about is None:
            continue
        try:
            kept = set() if text == "set()" else ast.literal_eval(text)
        except (ValueError, SyntaxError):
            continue
        now = getattr(settings, name)
        if not _same(kept, now):
            found.append(f"{about.name}: {_shown(about, kept)}, now {_shown(about, now)}")
    return found


def in_a_menu(settings: Settings, preset: Path) -> str:
    """Its name, and how many settings it would change."""
    title, changed = bpy.path.display_name(preset.name, title_case=False), changes(settings, preset)
    if changed is None:
        return title
    return f"{title} ({'as now' if not changed else '1 change' if len(changed) == 1 else f'{len(changed)} changes'})"


def in_a_tooltip(changed: list[str] | None) -> str:
    """Without a full stop, which Blender adds."""
    if changed is None:
        return "The preset cannot be read"
    if not changed:
        return "All settings are as in this preset"
    more = [f"and {len(changed) - MOST_NAMED} more"] if len(changed) > MOST_NAMED else []
    return "Changes these settings:\n" + "\n".join([*changed[:MOST_NAMED], *more])


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) or isinstance(other, float):
        # Blender keeps fewer digits than a file does.
        return isinstance(one, int | float) and math.isclose(one, other, rel_tol=1e-5, abs_tol=1e-7)
    return bool(one == other)


def _shown(about: Any, value: Any) -> str:
    if about.type == "ENUM":
        names = {item.identifier: item.name for item in about.enum_items}
        chosen = sorted(value) if isinstance(value, set) else [value]
        return " + ".join(names.get(each, str(each)) for each in chosen) or "none"
    if about.type == "BOOLEAN":
        return "on" if value else "off"
    if about.type == "FLOAT":
        return f"{value:.4g}"
    return str(value) or "nothing"
