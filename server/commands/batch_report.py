"""What became of a batch: a page to look at, and the same for programs."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from server.files import write_text
from server.studio.kept_names import THUMBNAIL

PAGE, ROWS = "report.html", "report.json"

State = Literal["done", "failed", "waiting"]


@dataclass(frozen=True)
class Told:
    """What is said of one row.

    Attributes:
        folder: its name; where it will be, while it is not done.
        error: of one that failed, as `Problem.as_json`.
        seconds: that it took; 0 while it is not done.
        faces: of a mesh.
        warnings: whole sentences.
    """

    row: int
    state: State
    kind: str
    prompt: str
    seed: int
    folder: str
    seconds: float = 0.0
    faces: int | None = None
    warnings: Sequence[str] = ()
    error: dict[str, str] | None = None


def read_told(folder: Path) -> dict[str, dict[str, Any]]:
    """What an earlier report said, by the rows' folders; nothing when there is none that can be read."""
    try:
        told = json.loads((folder / ROWS).read_text(encoding="utf-8"))["rows"]
        return {row["folder"]: row for row in told}
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def write_report(folder: Path, title: str, rows: Sequence[Told]) -> None:
    """Replace PAGE and ROWS in `folder`. Raises OSError."""
    write_text(folder / ROWS, json.dumps({"rows": [asdict(row) for row in rows]}, indent=2))
    write_text(folder / PAGE, _page(folder, title, rows))


def _page(folder: Path, title: str, rows: Sequence[Told]) -> str:
    counts = {state: sum(row.state == state for row in rows) for state in ("done", "failed", "waiting")}
    said = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    cards = "\n".join(_card(folder, row) for row in rows)
    return _PAGE.format(title=html.escape(title), said=said, cards=cards)


def _card(folder: Path, row: Told) -> str:
    place = quote(row.folder)
    has_picture = row.state == "done" and (folder / row.folder / THUMBNAIL).is_file()
    picture = f'<img src="{place}/{THUMBNAIL}" alt="" loading="lazy">' if has_picture else '<div class="none"></div>'
    name = html.escape(row.prompt)
    facts = [f"row {row.row}", row.kind, f"seed {row.seed}"]
    facts += [f"{row.faces} faces"] if row.faces else []
    facts += [f"{row.seconds:.0f} s"] if row.state == "done" else [row.state]
    notes = [f"{row.error['detail']} {row.error['next']}"] if row.error else list(row.warnings)
    lines = "".join(f'<p class="note">{html.escape(note)}</p>' for note in notes)
    linked = f'<a href="{place}/">{picture}<b>{name}</b></a>' if row.state == "done" else f"{picture}<b>{name}</b>"
    return f'<li class="{row.state}">{linked}<p>{html.escape(" · ".join(facts))}</p>{lines}</li>'


_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 14px/1.4 system-ui, sans-serif; margin: 2em; background: #2b2b2b; color: #ddd; }}
h1 {{ font-size: 1.3em; margin: 0; }}
ul {{ list-style: none; padding: 0; display: grid; gap: 1em;
  grid-template-columns: repeat(auto-fill, minmax(160px, 1fr)); }}
li {{ background: #383838; border-radius: 6px; padding: 10px; overflow-wrap: anywhere; }}
li.failed {{ outline: 1px solid #c66; }}
li.waiting {{ opacity: .6; }}
img, .none {{ display: block; width: 128px; height: 128px; margin: 0 auto 8px; object-fit: contain; }}
a {{ color: inherit; text-decoration: none; }}
a:hover b {{ text-decoration: underline; }}
p {{ margin: 4px 0 0; color: #aaa; font-size: .9em; }}
.note {{ color: #e0b060; }}
</style>
<h1>{title}</h1>
<p>{said}</p>
<ul>
{cards}
</ul>
</html>
"""
