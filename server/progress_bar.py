"""Studio events as one progress bar on stderr."""

from __future__ import annotations

import sys
from types import TracebackType

from tqdm import tqdm

from server.studio.events import Event, Log, Progress


class ProgressBar:
    """Call it with events; phase, share and time left appear on stderr while it is open."""

    def __enter__(self) -> ProgressBar:
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
        if isinstance(event, Log):
            self._bar.write(f"{event.level}: {event.message}", file=sys.stderr)
        elif isinstance(event, Progress):
            self._bar.set_description_str(event.phase, refresh=False)
            if event.seconds_left is not None:
                self._bar.set_postfix_str(f"about {event.seconds_left:.0f} s left", refresh=False)
            self._bar.update(event.fraction - self._bar.n)
