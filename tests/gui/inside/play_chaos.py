"""Started by Blender itself (--python): plays click-throughs one after the other, in Blender's event loop.

Arguments: two folders, of the play and for pictures, and the seeds. In the first `position.json` says which
click-through and which of its deeds is next, so that the next Blender goes on where this one was quit or killed; every
deed that was done is a line of `deeds.jsonl`, every click-through that ended well one of `survived.jsonl`.
"""

from __future__ import annotations

import faulthandler
import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import aftermath
import bpy
from artist import Steps
from deeds import ENDING, Day, deeds_of
from stopwatch import Stopwatch
from survivor import Survivor

EXTENSION = "bl_ext.user_default.blender_msd"
# Seconds for which the main thread may stand still before it counts as hung; then its stack is printed.
HUNG = 180.0
FOR_EVER = 3600.0
# Between two deeds.
PAUSES = (0.0, 0.2, 1.0, 2.0)


class Journal:
    """What is known of the play beyond the end of a Blender."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._position = folder / "position.json"

    @property
    def position(self) -> tuple[int, int]:
        """Of the click-through and of its deed, from 0."""
        turn, deed = json.loads(self._position.read_text(encoding="utf-8"))
        return turn, deed

    def go_to(self, turn: int, deed: int) -> None:
        self._position.write_text(json.dumps([turn, deed]), encoding="utf-8")

    def note(self, name: str, **said: Any) -> None:
        with (self._folder / f"{name}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(said) + "\n")


class Pulse:
    """Whether Blender's main thread still answers.

    Attributes:
        latest: seconds by which it was later than it ought to be, at most, since this was asked last.
    """

    def __init__(self) -> None:
        self.latest = 0.0
        self._due = time.monotonic()

    def beat(self) -> None:
        self.latest = max(self.latest, time.monotonic() - self._due)
        faulthandler.dump_traceback_later(HUNG, exit=True)

    def expect(self, wait: float) -> None:
        self._due = time.monotonic() + wait


def story(artist: Survivor, journal: Journal, pulse: Pulse, folder: Path, seeds: list[int]) -> Steps:
    yield 1.0  # until the window is drawn
    for turn in range(journal.position[0], len(seeds)):
        yield from click_through(artist, journal, pulse, folder, turn, seeds[turn])
    artist.preferences.on_quit = "STOP"


def click_through(artist: Survivor, journal: Journal, pulse: Pulse, folder: Path, turn: int, seed: int) -> Steps:
    deeds = deeds_of(seed)
    print(f"click-through {seed}: {', '.join(deeds)}", flush=True)
    day = Day(artist, random.Random(), folder)
    for number in range(journal.position[1], len(deeds)):
        name = deeds[number]
        # The same in a Blender that goes on in the middle.
        day.rng.seed(f"{seed} {number}")
        since = time.monotonic()
        done = yield from getattr(day, name)()
        seconds = time.monotonic() - since
        print(f"  {name}: {seconds:.1f} s{'' if done else ', no occasion'}", flush=True)
        journal.note("deeds", seed=seed, deed=name, done=done, seconds=seconds)
        journal.go_to(turn, number + 1)
        if name in ENDING:
            end(name)
            yield FOR_EVER
        yield day.rng.choice(PAUSES)
    since = time.monotonic()
    counts = yield from aftermath.all_is_well(day)
    turn_ms = artist.stopwatch.measures()["longest_turn"]
    journal.note(
        "survived", seed=seed, jobs=counts, seconds=time.monotonic() - since, latest=pulse.latest, turn_ms=turn_ms
    )
    pulse.latest = 0.0
    journal.go_to(turn + 1, 0)


def end(deed: str) -> None:
    """This Blender, as the deed says."""
    sys.stdout.flush()
    if deed == "be_killed_and_start_again":
        os.kill(os.getpid(), signal.SIGKILL)
    bpy.ops.wm.quit_blender()


def run(steps: Steps, artist: Survivor, pulse: Pulse) -> None:
    def step() -> float | None:
        pulse.beat()
        try:
            wait = next(steps)
        except StopIteration:
            bpy.ops.wm.quit_blender()
            return None
        except BaseException:
            artist.give_up()
        pulse.expect(wait)
        return wait

    bpy.app.timers.register(step, persistent=True)


def main() -> None:
    folder, out, *seeds = sys.argv[sys.argv.index("--") + 1 :]
    # Before the first window is drawn: it would cover everything.
    bpy.context.preferences.view.show_splash = False
    # It is rendered when a file is saved, which takes seconds without a graphics card.
    bpy.context.preferences.filepaths.file_preview_type = "NONE"
    bpy.ops.preferences.addon_enable(module=EXTENSION)
    journal, pulse = Journal(Path(folder)), Pulse()
    artist = Survivor(Path(folder).with_name("places.json"), EXTENSION, Path(out), "chaos", Stopwatch(EXTENSION))
    artist.preferences.server_python = os.environ["SERVER_PYTHON"]
    run(story(artist, journal, pulse, Path(folder), [int(seed) for seed in seeds]), artist, pulse)


main()
