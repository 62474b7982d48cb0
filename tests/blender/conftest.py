"""The tests run inside Blender as a Python module.

The working tree is linked into a throw-away Blender user folder as an installed extension, so that the add-on runs
under the package name that it has on an artist's computer.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parent.parent.parent
EXTENSION = "bl_ext.user_default.blender_msd"

# Before `import bpy`: the real user folder must not be touched.
USER_DIR = Path(tempfile.mkdtemp(prefix="blender-user-"))
os.environ["BLENDER_USER_RESOURCES"] = str(USER_DIR)
sys.path.insert(0, str(ROOT))

# Only the tests with the real server use it.
REAL_PYTHON = os.environ.get("BLENDER_MSD_PYTHON", "")

import bpy  # noqa: E402, I001
import addon_utils  # noqa: E402  (bpy makes it importable)
import pytest  # noqa: E402
from fake_server import FakeServer, in_turn  # noqa: E402

from blender_msd.core.client import Client  # noqa: E402

_status = 0


@pytest.fixture(scope="session", autouse=True)
def _extension_folder() -> None:
    folder = USER_DIR / "extensions" / "user_default"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "blender_msd").symlink_to(ROOT)


@pytest.fixture
def addon(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The add-on, enabled in an empty file; the package `blender_msd` inside the extension."""
    monkeypatch.delenv("BLENDER_MSD_PYTHON", raising=False)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    # What another test's Blender left to its server is not this one's to place.
    for left in Path(bpy.utils.resource_path("USER")).rglob("left-jobs.json"):
        left.unlink()
    assert addon_utils.enable(EXTENSION, default_set=True) is not None
    yield inside("")
    if EXTENSION in bpy.context.preferences.addons:
        addon_utils.disable(EXTENSION, default_set=True)


def inside(name: str) -> ModuleType:
    """A module of the enabled add-on, by its name inside `blender_msd`."""
    return importlib.import_module(f"{EXTENSION}.blender_msd{'.' + name if name else ''}")


@pytest.fixture
def bridge(addon: ModuleType) -> Any:
    """The enabled add-on's bridge."""
    return inside("bridge").current()


@pytest.fixture
def preferences(addon: ModuleType) -> bpy.types.AddonPreferences:
    return bpy.context.preferences.addons[EXTENSION].preferences


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    """A double of the server."""
    server = FakeServer()
    yield server
    server.close()


@pytest.fixture
def client(fake: FakeServer) -> Client:
    return Client(fake.url, fake.token)


@pytest.fixture
def server(preferences: bpy.types.AddonPreferences, fake: FakeServer) -> FakeServer:
    """The double, entered in the preferences."""
    preferences.server_url = fake.url
    preferences.server_token = fake.token
    return fake


@pytest.fixture
def start(addon: ModuleType, bridge: Any) -> Callable[..., Any]:
    """Begin a job as a window would: without waiting. Takes the recipe's prompt; returns the job's view."""

    def start_mesh(prompt: str = "a red cube", size: float = 1.0) -> Any:
        recipe = inside("core.recipes").mesh_recipe(prompt, seed=1, preset="sketch")
        place = inside("scene.placement").Place((0.0, 0.0, 0.0), size, bpy.context.scene.name)
        return bridge.make_mesh(recipe, place, inside("ui.preferences").setup())

    return start_mesh


@pytest.fixture
def three(server: FakeServer, bridge: Any, start: Callable[..., Any]) -> list[Any]:
    """Three jobs: the first one runs, the others wait."""
    server.script = in_turn
    views = [start(f"cube {number}") for number in (1, 2, 3)]
    pump_until(bridge, lambda: all(view.job_id for view in views))
    server.jobs[views[0].job_id].turn.set()
    pump_until(bridge, lambda: views[0].live_meshes == 1)
    return views


def watch(bridge: Any, view: Any) -> None:
    """Let this be the only job of the link, and nobody work for it; None: no job at all."""
    bridge.jobs = [] if view is None else [inside("followed").Followed(view)]
    bridge._watched = bridge.jobs[0] if bridge.jobs else None


def pump_until(bridge: Any, condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Stand in for Blender's event loop."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, f"waited in vain; job {bridge.job}, problem {bridge.problem}"
        if not bridge.pump():
            time.sleep(0.01)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    global _status
    _status = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    # Some versions of the wheel crash or hang while the interpreter ends, after all results are known.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(_status)
