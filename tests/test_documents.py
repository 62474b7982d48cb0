"""The documents for strangers: short at the door, and no link leads nowhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "server").rglob("README.md")])
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_page_and_picture_is_reached_from_the_front_door() -> None:
    reached, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        if page.suffix == ".md":
            waiting += [(page.parent / link).resolve() for link in LINK.findall(page.read_text(encoding="utf-8"))]
    everything = {
        path.resolve() for path in (ROOT / "docs").rglob("*") if path.suffix in (".md", ".py", ".png", ".jpg")
    }
    assert everything <= reached


def test_the_front_door_is_read_in_a_minute() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 90


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_file_that_a_page_names_in_code_exists(page: Path) -> None:
    named = re.findall(r"`((?:server|blender_msd|tests|docs)/[\w/.]+\.(?:py|md))`", page.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


NAMED = re.compile(r"`(\w+)`(?: of| in|, from [\w ]+ `\w+`)[\w ',`]*? \[`[\w.]+`\]\(([^)]+\.py)\)")


def test_what_the_plan_of_the_house_names_in_a_file_is_defined_there() -> None:
    page = ROOT / "docs" / "architecture.md"
    found = NAMED.findall(page.read_text(encoding="utf-8"))
    assert len(found) >= 5
    for name, link in found:
        source = (page.parent / link).read_text(encoding="utf-8")
        assert re.search(rf"^(\s*(class|def) {name}\b|{name}\b.*=)", source, re.MULTILINE), (name, link)
