"""A screen without a monitor, a window manager without borders, and in them Blender, as an artist sees it.

Everything runs in a mount namespace of its own, below the root folder that build_window.sh prints; the repository and
the folder of a run have the same paths there as outside.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

REPOSITORY = Path(__file__).parents[2]
OUT = REPOSITORY / "out" / "gui"
HERE = Path(__file__).parent
# What runs in Blender itself.
INSIDE = HERE / "inside"
SIZE = (1280, 900)

# Maximised and without borders: a place in the window is a place on the screen.
OPENBOX = """<?xml version="1.0"?>
<openbox_config xmlns="http://openbox.org/3.4/rc"><applications><application class="*">
<decor>no</decor><maximized>yes</maximized><focus>yes</focus>
</application></applications></openbox_config>
"""


def install(folder: Path) -> Path:
    """Unpack the extension's zip where Blender keeps what it installs. Returns the user's folder, a new one."""
    folder.mkdir()
    build = [sys.executable, REPOSITORY / "tests" / "demo" / "build_extension.py", folder]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
    (built,) = folder.glob("*.zip")
    with zipfile.ZipFile(built) as archive:
        archive.extractall(folder / "user" / "extensions" / "user_default" / "blender_msd")
    return folder / "user"


class Window:
    """Args:
    root: holds Blender, Xvfb and openbox.
    folder: of this run; Blender's own user folder lies in it.
    logs: folder that every program's words go to.
    shared: more folders that Blender finds at their own paths.
    """

    def __init__(self, root: Path, folder: Path, logs: Path, shared: Iterable[Path] = ()) -> None:
        self._root = root
        self._folder = folder
        self._shared = (Path("/proc"), Path("/dev"), REPOSITORY, folder, *shared)
        self._logs = logs
        self._processes: list[subprocess.Popen[bytes]] = []
        self._display = ""

    def __enter__(self) -> Self:
        if self._root != Path("/"):
            for shared in self._shared:
                inside = self._root / shared.relative_to("/")
                inside.mkdir(parents=True, exist_ok=True)
                subprocess.run(["mount", "--rbind", shared, inside], check=True)
        sockets = self._root / "tmp/.X11-unix"
        sockets.mkdir(exist_ok=True)
        sockets.chmod(0o1777)
        reads, writes = os.pipe()
        screen = "{}x{}x24".format(*SIZE)
        said = str(writes)
        # The second is for another person's Blender, whose window would else lie over this one's.
        screens = ("-screen", "0", screen, "-screen", "1", screen)
        self._start("Xvfb", "-displayfd", said, *screens, "-nolisten", "tcp", "-noreset", tells=(writes,))
        os.close(writes)
        with os.fdopen(reads, encoding="ascii") as pipe:
            number = pipe.readline().strip()
        if not number:
            raise RuntimeError(f"No screen: see {self._logs / 'Xvfb.log'}.")
        self._display = f":{number}"
        (self._folder / "openbox.xml").write_text(OPENBOX, encoding="utf-8")
        self._start("openbox", "--config-file", str(self._folder / "openbox.xml"))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for process in reversed(self._processes):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()

    def run_blender(
        self,
        name: str,
        script: Path,
        *arguments: str,
        user: Path,
        limit: float,
        appends: bool = False,
        **environment: str,
    ) -> int:
        """Run Blender to its end; returns its exit status, or -9 when it took longer than `limit` seconds.

        Args:
            name: of the log.
            script: that plays in it, given the `arguments`.
            user: folder of Blender's user; see `install`.
            appends: whether the log goes on where another Blender's ended.
        """
        size = [str(side) for side in SIZE]
        command = ["blender", "--factory-startup", "-noaudio", "--window-geometry", "0", "0", *size]
        command += ["--python-use-system-env", "--python-exit-code", "7", "--python", str(script), "--", *arguments]
        environment |= {
            "PYTHONPATH": ":".join(str(path) for path in (INSIDE, HERE, HERE.parent / "blender")),
            "PYTHONDONTWRITEBYTECODE": "1",
            "BLENDER_USER_RESOURCES": str(user),
        }
        process = self._start(*command, name=name, appends=appends, **environment)
        try:
            return process.wait(limit)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
        finally:
            self._processes.remove(process)

    def _start(
        self, *command: str, name: str = "", tells: tuple[int, ...] = (), appends: bool = False, **environment: str
    ) -> subprocess.Popen[bytes]:
        environment |= {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "HOME": str(self._folder),
            "XDG_RUNTIME_DIR": str(self._folder),
            "DISPLAY": self._display,
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "LP_NUM_THREADS": "2",
        }
        with (self._logs / f"{name or command[0]}.log").open("ab" if appends else "wb") as log:
            process = subprocess.Popen(
                ["chroot", self._root, *command],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=tells,
            )
        self._processes.append(process)
        return process
