"""The set-up as Blender sees it: a snapshot for the panels, and threads that look, start, listen and check.

Threads put changes on a queue; `pump` makes them on Blender's main thread, from the bridge's timer.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from .core.errors import Problem, mistake, reason
from .core.names import printable
from .core.setup.checks import check_own_python, check_own_server
from .core.setup.locks import Choice, Lock, choose_lock, locks_for, read_lock
from .core.setup.machine import Machine, free_bytes, look, system_name
from .core.setup.pythons import Python, find
from .core.setup.removal import remove_all, remove_superseded
from .core.setup.state import READY, SetupState, setup_state
from .core.setup.survey import Progress, own_python, read_progress, survey
from .core.setup.verify import verdict
from .core.setup.watch import Order, Running
from .core.threads import network_thread
from .scene.editors import redraw_sidebars

# A check may still wait for another program; it ends with Blender.
JOIN_LIMIT = 2.0


@dataclass(frozen=True)
class Wishes:
    """What the preferences say about the set-up.

    Attributes:
        root: the folder of environments.
        accelerator: "cpu", "nvidia", "amd" or "apple"; empty takes the best one that is found.
        base_python: to build upon; None finds one.
        offline: a folder with the packages; None fetches them.
        online_access: whether Blender's preferences allow the use of the internet.
    """

    root: Path
    accelerator: str = ""
    base_python: Path | None = None
    offline: Path | None = None
    online_access: bool = False


class Installer:
    """One Blender's set-up; its attributes are read by `draw` and written on the main thread only.

    Args:
        home: the folder that holds `blender_msd` and `server`.
        version: of the extension.
        wake: called whenever there will be something to pump.
    """

    def __init__(self, home: Path, version: str, wake: Callable[[], None]) -> None:
        self.state = SetupState("not-set-up", want=version)
        self.machine: Machine | None = None
        self.choice: Choice | None = None
        self.python: Python | None = None
        self.free = 0
        self.problem: Problem | None = None
        self.note = ""
        self.checking = ""
        self._home, self._version, self._wake = home, version, wake
        self._queue: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._running: Running | None = None
        self._progress: Progress | None = None
        # What was wished for before the process was there to be told.
        self._wish = ""

    @property
    def licences(self) -> Path:
        return self._home / "server" / "locks" / "LICENCES.txt"

    @property
    def trouble(self) -> Problem | None:
        """What is wrong: what was found just now, or else what ended the last set-up."""
        return self.problem or self.state.ended_by

    def usable_python(self, root: Path) -> Path | None:
        """The interpreter of the environment that is ready; reads a few small files."""
        return self._survey(root).python

    def look(self, wishes: Wishes, tidy: bool = False) -> None:
        """Find out about this computer and the folder of environments, without blocking.

        Args:
            tidy: remove the environments that a newer one took the place of; only while no server of ours may use them.
        """

        def work() -> None:
            self._look(wishes)
            if tidy:
                self._remove_superseded(wishes.root)

        self._help("Looking at this computer", work)

    def begin(self, task: str, wishes: Wishes) -> None:
        """Start a set-up, or go on with one, or "repair" or "verify" it, without blocking.

        Raises:
            Problem: "set-up-running", "online-access-off".
        """
        if self.state.running or self._running is not None:
            raise Problem("set-up-running", "Set-up is running already.", "Wait for it, or pause it.")
        if task != "verify" and wishes.offline is None and not wishes.online_access and self._will_download(task):
            hint = "Allow online access for it (Preferences, System), or pick an offline package."
            raise Problem("online-access-off", "Set-up downloads files, and online access is off.", hint)
        self.problem, self.note, self._wish = None, "", ""
        self._progress = self.state.progress or Progress()
        self.state = replace(self.state, running=True, fraction=self._progress.fraction, progress=self._progress)
        self._help("", lambda: self._work_to_the_end(task, wishes))

    def pause(self) -> None:
        self._wish = "pause"
        if self._running is not None:
            self._running.tell("pause")

    def cancel(self, root: Path) -> None:
        """Stop, and remove what is unfinished; a finished environment stays."""
        self._wish = "cancel"
        if self._running is not None:
            self._running.tell("cancel")
        if self.state.running:
            return
        halves = [one.folder for one in survey(root) if one.stamp is None]
        self._help("Removing", lambda: self._remove(root, halves))

    def remove(self, root: Path) -> None:
        """Remove the environments and what was downloaded. Results, models and logs are kept."""
        self._help("Removing", lambda: self._remove(root, None))

    def check_python(self, python: Path) -> None:
        self._help("Checking the Python", lambda: self._say(check_own_python(python, self._home)))

    def check_server(self, url: str, token: str, online_access: bool) -> None:
        self._help("Asking the server", lambda: self._say(check_own_server(url, token, online_access)))

    def pump(self) -> int:
        """Make the changes that wait. Returns how many."""
        count = 0
        while not self._queue.empty():
            self._queue.get()()
            count += 1
        if count:
            redraw_sidebars()
        return count

    def wait(self) -> None:
        """Background mode: pump until nothing works any more."""
        while self.busy:
            if not self.pump():
                time.sleep(0.02)

    @property
    def busy(self) -> bool:
        """Whether the timer is still needed."""
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        return bool(self._threads) or not self._queue.empty()

    def shut_down(self) -> None:
        """Pause what runs; the next start says how far it is."""
        if self._running is not None:
            self._running.close()
        for thread in self._threads:
            thread.join(JOIN_LIMIT)

    # On threads.

    def _look(self, wishes: Wishes) -> None:
        machine = look()
        free = free_bytes(wishes.root)
        choice: Choice | None = None
        python: Python | None = None
        problem: Problem | None = None
        try:
            choice = choose_lock(self._locks, machine, wishes.accelerator)
            python = find(choice.lock.pythons, own_python(), wishes.base_python)
        except Problem as trouble:
            problem = trouble

        state = self._survey(wishes.root, self._progress)

        def change() -> None:
            self.machine, self.free, self.choice, self.python, self.problem = machine, free, choice, python, problem
            self.state = state

        self._queue.put(change)

    def _work_to_the_end(self, task: str, wishes: Wishes) -> None:
        try:
            self._work(task, wishes)
        finally:
            self._queue.put(self._ended)
            self._show(self._survey(wishes.root))

    def _work(self, task: str, wishes: Wishes) -> None:
        self._look(wishes)
        choice = choose_lock(self._locks, look() if self.machine is None else self.machine, wishes.accelerator)
        lock = self._lock_in_use(wishes.root) if task != "set-up" else choice.lock
        python = find(lock.pythons, own_python(), wishes.base_python)
        order = Order(task, python.path, self._home, wishes.root, self._version, lock.path, wishes.offline)
        self._running = Running(order)
        if self._wish:
            self._running.tell(self._wish)
        for event in self._running.events():
            said = event.pop("event")
            if said == "progress":
                self._show(self._survey(wishes.root, read_progress(event)))
            elif said == "failed":
                raise Problem(event["code"], event["message"], event["hint"])
            elif said == "verified":
                self._say(verdict(event["damaged"]))

    def _remove(self, root: Path, folders: list[Path] | None) -> None:
        left = remove_all(root, folders)
        if left:
            message = f"{left[0]} could not be removed whole: something in it is in use."
            raise Problem("set-up-folder-unusable", message, "Stop the server, and try again.")
        self._say("Removed. Results, your own models and the logs are kept." if folders is None else "Removed.")
        self._show(self._survey(root))

    def _remove_superseded(self, root: Path) -> None:
        ready = self._survey(root)
        if ready.kind == READY and ready.python is not None:
            remove_superseded(root, ready.python.parents[1])

    def _help(self, what: str, work: Callable[[], None]) -> None:
        def run() -> None:
            problem: Problem | None = None
            try:
                work()
            except Problem as trouble:
                problem = trouble
            except OSError as error:
                named = f"{error.filename} cannot be used ({reason(error)})."
                problem = Problem("set-up-folder-unusable", named, "Choose another folder, or make it writable.")
            except Exception as error:
                problem = mistake(error)
            self._queue.put(lambda: self._finish(problem))

        self.checking = what
        thread = network_thread(run, "msd-set-up")
        self._threads.append(thread)
        thread.start()
        self._wake()

    def _say(self, text: str) -> None:
        def change() -> None:
            self.note, self.problem = printable(text), None

        self._queue.put(change)

    def _show(self, state: SetupState) -> None:
        self._queue.put(lambda: setattr(self, "state", state))

    # On the main thread.

    def _finish(self, problem: Problem | None) -> None:
        self.checking = ""
        if problem is not None:
            self.problem, self.note = problem, ""

    def _ended(self) -> None:
        self._running, self._progress = None, None

    # On any; it reads files, so that a panel's turn is too short for it.

    def _survey(self, root: Path, running: Progress | None = None) -> SetupState:
        locks = locks_for(self._locks, system_name()).values()
        return setup_state(self._version, [read_lock(path).digest for path in locks], survey(root), running)

    def _will_download(self, task: str) -> bool:
        half = self.state.progress
        return task == "repair" or half is None or half.stage < 3

    def _lock_in_use(self, root: Path) -> Lock:
        """That of the environment that is ready or was begun.

        Raises:
            Problem: "set-up-no-packages" when there is none.
        """
        locks = [read_lock(path) for path in locks_for(self._locks, system_name()).values()]
        for one in survey(root):
            for lock in locks:
                if one.folder.name.endswith(lock.digest[:12]):
                    return lock
        raise Problem("set-up-no-packages", "There is nothing to look at yet.", "Press Set up first.")

    @property
    def _locks(self) -> Path:
        return self._home / "server" / "locks"
