"""How a batch goes, line by line on stderr: a line for every row that ends, and one now and then while it is made."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from server.commands.bars import Pulse
from server.commands.batch_report import Told

if TYPE_CHECKING:
    from server.commands.batch_rows import Row
    from server.studio.events import Event, Progress


class Table:
    """Use it as a context, inside of which it says twice a minute that it lives, whatever a row does.

    Attributes:
        warnings: of the row that is being made, whole sentences.
        elsewhere: what goes on in other places, for as long as no row is made here.
    """

    def __init__(self, rows: Sequence[Row], told: Mapping[str, Told]) -> None:
        self._rows, self._told = rows, told
        self._row: Row | None = None
        self._progress: Progress | None = None
        self._since = time.monotonic()
        self._pulse = Pulse(self._live)
        self.warnings: list[str] = []
        self.elsewhere = ""

    def __enter__(self) -> Table:
        self._say(f"{self._counts()}")
        self._pulse.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pulse.__exit__()

    def begin(self, row: Row) -> None:
        self._row, self._progress, self.warnings = row, None, []
        self._since = time.monotonic()

    def hear(self, event: Event) -> None:
        """An event of the row that is being made."""
        from server.studio.events import Log, Progress

        if isinstance(event, Progress):
            self._progress = event
        elif isinstance(event, Log) and event.level == "warning":
            self.warnings.append(event.message)
        elif isinstance(event, Log) and self._row is not None:
            self._say(f"row {self._row.number:4}  {event.message}")

    def end(self, row: Row) -> None:
        """What became of the row is in `told` now."""
        told, self._row = self._told[row.name], None
        took = f"{told.seconds or time.monotonic() - self._since:5.0f} s"
        self._say(f"row {row.number:4}  {told.state:7}  {took}  {_short(row)}  [{self._counts()}]")
        for note in [told.error["detail"]] if told.error else told.warnings:
            self._say(f"          {note}")

    def _live(self) -> None:
        row, progress = self._row, self._progress
        if row is not None:
            phase, share = (progress.phase, progress.fraction) if progress else ("Loading", 0.0)
            left = progress.seconds_left if progress else None
            about = "" if left is None else f", about {left:.0f} s left"
            self._say(f"row {row.number:4}  {phase} {share:.0%}{about}  {_short(row)}")
        elif self.elsewhere:
            self._say(f"{self.elsewhere}  [{self._counts()}]")

    def _counts(self) -> str:
        done, failed = (sum(one.state == state for one in self._told.values()) for state in ("done", "failed"))
        return f"{done} of {len(self._rows)} done" + (f", {failed} failed" if failed else "")

    def _say(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)


def _short(row: Row) -> str:
    return f"{' '.join(row.recipe.prompt.split())[:50]} (seed {row.recipe.seed})"
