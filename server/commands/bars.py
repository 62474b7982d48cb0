"""Progress bars on stderr, for everything that takes longer than a moment."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.studio.events import Event, Progress

# Farms take a task that says nothing for some minutes for dead.
EVERY_S = 30.0


class CountingBar:
    """A bar of known length.

    Args:
        total: how often `step` will be called.
        what: is being done.
    """

    def __init__(self, total: int, what: str) -> None:
        from tqdm import tqdm

        self._bar = tqdm(total=total, desc=what, file=sys.stderr, dynamic_ncols=True, mininterval=0.5, delay=0.5)

    def __enter__(self) -> CountingBar:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def step(self, now: str = "") -> None:
        """One more is done; `now` says which."""
        if now:
            self._bar.set_postfix_str(now, refresh=False)
        self._bar.update()


def counted(things: Iterable[str], what: str) -> Iterable[str]:
    """The things, one by one, behind a bar that says what is done with them."""
    everything = list(things)
    with CountingBar(len(everything), what) as bar:
        for thing in everything:
            yield thing
            bar.step()


class Pulse:
    """While it is open, calls something every EVERY_S, from a thread of its own."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self._over = threading.Event()

    def __enter__(self) -> Pulse:
        threading.Thread(target=self._beat, name="pulse", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def _beat(self) -> None:
        while not self._over.wait(EVERY_S):
            self._call()


class ProgressBar:
    """Call it with events; phase, share and time left appear on stderr while it is open: to a person as a bar, in a log
    as a line for every phase, and every EVERY_S, whatever the run does meanwhile.

    Attributes:
        warnings: of the run so far, whole sentences, which appeared there, too.
    """

    def __enter__(self) -> ProgressBar:
        self.warnings: list[str] = []
        self._shown = _Bar() if sys.stderr.isatty() else _Lines()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shown.close()

    def __call__(self, event: Event) -> None:
        from server.studio.events import Log, Progress

        if isinstance(event, Log):
            self._shown.note(f"{event.level}: {event.message}")
            if event.level == "warning":
                self.warnings.append(event.message)
        elif isinstance(event, Progress):
            self._shown.show(event)


class _Bar:
    def __init__(self) -> None:
        from tqdm import tqdm

        layout = "{desc} {percentage:3.0f}% |{bar}| {elapsed}{postfix}"
        self._bar = tqdm(total=1.0, file=sys.stderr, bar_format=layout, dynamic_ncols=True, desc="Loading")

    def close(self) -> None:
        self._bar.close()

    def note(self, text: str) -> None:
        self._bar.write(text, file=sys.stderr)

    def show(self, progress: Progress) -> None:
        self._bar.set_description_str(progress.phase, refresh=False)
        self._bar.set_postfix_str(", ".join(_details(progress)), refresh=False)
        self._bar.update(progress.fraction - self._bar.n)


class _Lines:
    def __init__(self) -> None:
        self._phase, self._line = "", "Loading"
        self._pulse = Pulse(lambda: self.note(self._line)).__enter__()

    def close(self) -> None:
        self._pulse.__exit__()

    def note(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def show(self, progress: Progress) -> None:
        self._line = ", ".join([f"{progress.phase} {progress.fraction:.0%}", *_details(progress)])
        if progress.phase != self._phase:
            self._phase = progress.phase
            self.note(self._line)


def _details(progress: Progress) -> list[str]:
    left = [] if progress.seconds_left is None else [f"about {progress.seconds_left:.0f} s left"]
    # How far from a mode, in bandwidths.
    return left if progress.q is None else [*left, f"q {progress.q:.3f}"]
