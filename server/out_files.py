"""Which files a command can write. Free of torch, so that a wrong name is refused at once."""

from __future__ import annotations

from pathlib import Path

from server.errors import BadRequest


def check_suffix(path: Path, known: tuple[str, ...]) -> None:
    """Raises BadRequest "format-unknown" when the name ends in none of `known` (".png"); case does not matter."""
    if path.suffix.lower() not in known:
        raise BadRequest("format-unknown", f"Cannot write {path.name}: the file must end in {' or '.join(known)}.")
