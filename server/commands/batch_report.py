"""What became of a batch: a page to look at, and the same for programs; and of each row, until that is written."""

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
# Of what is under way; hidden, so that a folder of results holds nothing else. In it, a folder for each row.
MAKING = ".making"
TOLD = "told.json"

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


def tell(out: Path, told: Told) -> None:
    """Keep what became of a row, which the next report takes up, whoever writes it. Raises OSError."""
    folder = out / MAKING / told.folder
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / TOLD, json.dumps(asdict(told)))


def forget(out: Path, row: str) -> None:
    """Nothing has become of the row of that name yet. Raises OSError."""
    (out / MAKING / row / TOLD).unlink(missing_ok=True)


def told_of(out: Path, row: str) -> dict[str, dict[str, Any]]:
    """What was kept of the row of that name, by its name; nothing when there is none that can be read."""
    try:
        told = json.loads((out / MAKING / row / TOLD).read_text(encoding="utf-8"))
        return {told["folder"]: told}
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def read_told(out: Path) -> dict[str, dict[str, Any]]:
    """What an earlier report said, and what was kept of rows since then, by the rows' folders."""
    try:
        rows = json.loads((out / ROWS).read_text(encoding="utf-8"))["rows"]
        told = {row["folder"]: row for row in rows}
    except (OSError, ValueError, LookupError, TypeError):
        told = {}
    for file in (out / MAKING).glob(f"*/{TOLD}"):
        told |= told_of(out, file.parent.name)
    return told


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
