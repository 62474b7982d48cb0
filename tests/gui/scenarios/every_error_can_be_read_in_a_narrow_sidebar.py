"""Every error of docs/errors.md that a job can meet is shown whole at 280 pixels, with what helps."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import bpy
from artist import TABS, Artist, Steps
from fake_server import FakeServer

WIDTH = 280
A_SHEET = 28
PAGE = Path(__file__).parents[3] / "docs" / "errors.md"
# Nobody meets these in Blender.
ELSEWHERE = "## Experiments"


def play(artist: Artist) -> Steps:
    server = FakeServer()
    artist.preferences.server_url = server.url
    artist.preferences.server_token = server.token
    yield from artist.open_sidebar()
    yield from artist.widen_sidebar(WIDTH)
    yield from artist.type("mesh.prompt", "a red cube")
    yield from artist.rest()
    pictures: list[Path] = []
    for code, meaning, remedy in errors():
        server.refusal = (422, {"code": code, "detail": meaning, "next": remedy})
        bpy.ops.msd.generate_mesh()
        yield from artist.wait_for(lambda: not artist.job.busy, code)
        yield 0.9  # until its buttons can be pressed
        pictures.append(artist.out / f"error-{code}.png")
        sidebar = artist.region("UI")
        size = f"{sidebar.width - TABS}x{sidebar.height * 2 // 3}"
        camera = subprocess.Popen(
            ["import", "-window", "root", "-crop", f"{size}+{sidebar.x}+{artist.top_of(sidebar)}", pictures[-1]]
        )
        while camera.poll() is None:
            yield 0.02
    for number, first in enumerate(range(0, len(pictures), A_SHEET), 1):
        shown = pictures[first : first + A_SHEET]
        sheet = artist.out / f"errors-{number}.png"
        subprocess.run(["montage", *shown, "-tile", "7x", "-geometry", "+4+4", sheet], check=True)
    for picture in pictures:
        picture.unlink()
    server.close()


def errors() -> list[tuple[str, str, str]]:
    """Code, what it means and what to do, of every row."""
    page = PAGE.read_text(encoding="utf-8").split(ELSEWHERE)[0]
    return re.findall(r"^\| `([a-z-]+)` \| (.+) \| (.+) \|$", page.replace("*", ""), re.MULTILINE)
