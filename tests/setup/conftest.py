from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from stand_in import StandIn


@pytest.fixture(scope="session")
def _template(tmp_path_factory: pytest.TempPathFactory) -> tuple[StandIn, Path]:
    """One that is set up, and a copy of its folder; an environment works at its own place only."""
    folder = tmp_path_factory.mktemp("ready")
    made = StandIn(folder / "in use")
    assert made.run()["event"] == "done"
    shutil.copytree(folder / "in use", folder / "copy", symlinks=True)
    return made, folder / "copy"


@pytest.fixture
def ready(_template: tuple[StandIn, Path]) -> StandIn:
    """A stand-in that is set up, as version 1.0.0."""
    made, copy = _template
    shutil.rmtree(made.folder)
    shutil.copytree(copy, made.folder, symlinks=True)
    return made


@pytest.fixture
def stand_in(tmp_path: Path) -> StandIn:
    """In a folder with a blank and letters of other alphabets in its name."""
    folder = tmp_path / "Zoë's größe 鸭子"
    folder.mkdir()
    return StandIn(folder)


@pytest.fixture(autouse=True)
def _time(request: pytest.FixtureRequest) -> Iterator[None]:
    """Printed, because set-up is about a person's time."""
    began = time.monotonic()
    yield
    print(f"{time.monotonic() - began:6.1f} s  {request.node.name}")
