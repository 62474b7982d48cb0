"""What a prompt or a file's name becomes where it has to be read by other programs."""

from __future__ import annotations

import re
import unicodedata

# What Blender keeps of a name, in bytes of UTF-8.
LONGEST = 63


def label(prompt: str) -> str:
    """One line of what can be printed, in any script, 1 to 63 bytes of UTF-8; "mesh" when nothing is left."""
    words = "".join(char if char.isprintable() else " " for char in prompt).split()
    return _cut(" ".join(words)) or "mesh"


def word(prompt: str) -> str:
    """A label without blanks or what readers of OBJ take for a comment, an option or the end of a name."""
    return re.sub(r"[\s#\"'\\]+", "_", label(prompt)).lstrip("-_") or "mesh"


def plain(name: str) -> str:
    """Letters, digits, dots, dashes and underscores of ASCII, not beginning with a dash or a dot; "mesh" when none."""
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return _cut(re.sub(r"[^A-Za-z0-9._-]+", "_", ascii_only)).strip("._-") or "mesh"


def stem(prompt: str) -> str:
    """Words with dashes between them, for the name of a file or folder, in any script; empty when there are none."""
    return _cut("-".join(re.findall(r"\w+", prompt.lower()))).strip("-_")


def _cut(text: str) -> str:
    return text.encode()[:LONGEST].decode(errors="ignore").strip()
