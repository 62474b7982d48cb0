"""Progress bars on stderr, for everything that takes longer than a moment."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.studio.events import Event


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


class ProgressBar:
    """Call it with events; phase, share and time left appear on stderr while it is open.

    Attributes:
        warnings: of the run so far, whole sentences, which appeared there, too.
    """

    def __enter__(self) -> ProgressBar:
        from tqdm import tqdm

        self.warnings: list[str] = []
        layout = "{desc} {percentage:3.0f}% |{bar}| {elapsed}{postfix}"
        # A log file wants a line now and then, a person wants a bar that moves.
        interval = 0.1 if sys.stderr.isatty() else 10.0
        self._bar = tqdm(
            total=1.0, file=sys.stderr, bar_format=layout, dynamic_ncols=True, desc="Loading", mininterval=interval
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def __call__(self, event: Event) -> None:
        from server.studio.events import Log, Progress

        if isinstance(event, Log):
            self._bar.write(f"{event.level}: {event.message}", file=sys.stderr)
            if event.level == "warning":
                self.warnings.append(event.message)
        elif isinstance(event, Progress):
            self._bar.set_description_str(event.phase, refresh=False)
            left = "" if event.seconds_left is None else f"about {event.seconds_left:.0f} s left"
            # How far from a mode, in bandwidths.
            distance = "" if event.q is None else f"q {event.q:.3f}"
            self._bar.set_postfix_str(", ".join(filter(None, [left, distance])), refresh=False)
            self._bar.update(event.fraction - self._bar.n)
