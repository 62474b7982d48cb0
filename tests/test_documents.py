"""The documents for strangers: short at the door, and no link leads nowhere."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.commands.main import COMMANDS, build_parser

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


NAMED = re.compile(r"`(?:\w+\.)?(\w+)`(?: of| in|, from [\w ]+ `\w+`)[\w ',`]*? \[`[\w.]+`\]\(([^)]+\.py)\)")


def test_what_the_plan_of_the_house_names_in_a_file_is_defined_there() -> None:
    page = ROOT / "docs" / "architecture.md"
    found = NAMED.findall(page.read_text(encoding="utf-8"))
    assert len(found) >= 15
    for name, link in found:
        source = (page.parent / link).read_text(encoding="utf-8")
        assert re.search(rf"^(\s*(class|def) {name}\b|{name}\b.*=)", source, re.MULTILINE), (name, link)


def commands_on(page: Path) -> Iterator[list[str]]:
    """What pages tell people to type, as the arguments of `python -m server`."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    inline = re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    for typed in [*(line for block in blocks for line in block.splitlines()), *inline]:
        if "python -m server " in typed:
            yield shlex.split(typed.split("python -m server ")[1], comments=True)
        elif typed.split()[:1] and typed.split()[0] in COMMANDS and "--" in typed:
            yield shlex.split(typed)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_on_a_page_is_understood(page: Path) -> None:
    for arguments in commands_on(page):
        if len(arguments) > 1:
            # A page may have a graphics card.
            here = ["cpu" if word == "cuda" else word for word in arguments]
            build_parser(here[:1]).parse_args(here)
        else:
            assert arguments[0] in COMMANDS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_everything_that_a_page_has_made_can_be_made(page: Path) -> None:
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    named = re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(named) <= set(targets)


def test_everything_that_the_makefile_says_it_makes_is_done_by_a_command() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    said = set(re.findall(r"^# make ([a-z-]+)  ?", makefile, re.MULTILINE)) | set(
        re.findall(r"(test-[a-z]+-short):", makefile)
    )
    done = set(re.findall(r"^([a-z-]+):(?! export).*\n\t", makefile, re.MULTILINE))
    assert len(said) > 12
    # It builds what other rules do.
    assert said - done == {"setup"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_into_a_page_leads_to_a_heading(page: Path) -> None:
    for file, heading in re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", page.read_text(encoding="utf-8")):
        text = ((page.parent / file) if file else page).read_text(encoding="utf-8")
        headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        assert heading in [re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings]
