"""The priors on this machine as they were last seen, so that nobody who asks waits for a disk."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from server.priors.stamps import Memory

if TYPE_CHECKING:
    from server.priors.listed import ListedPrior, Recall

# Whoever asks later than this gets a new look under way; it opens only what changed.
FRESH_S = 5.0
# A disk that is not slow has answered by then; so that who asks a new server once is told everything.
FIRST_LOOK_S = 0.25
# Whoever names a model waits for the rest of a first look for so long.
FIND_S = 10.0
# A thread that waits for a disk cannot be woken; it ends with the process.
STOP_S = 0.5
# Of one folder. More would make answers of many megabytes and menus that nobody can use.
MOST_MODELS = 1000


@dataclass(frozen=True)
class Seen:
    """What is known.

    Attributes:
        priors: those that ship, then the hub cache's, then the folders'; complete as of `taken`.
        taken: when the oldest part of it was looked at, in seconds since 1970; None while some was not yet.
        refreshing: whether a look is under way.
    """

    priors: list[ListedPrior]
    taken: float | None
    refreshing: bool


class KnownPriors:
    """Looks at once, and again when it is asked for; may be asked from any thread.

    Every place has a thread of its own while it is looked at, so that a slow one holds up no other. What a first look
    finds is known as soon as it is found.

    Args:
        folders: as `listing.list_priors` takes them.
    """

    def __init__(self, folders: Sequence[Path | str] = ()) -> None:
        from server.priors.listing import built_in, in_folder, in_hub_cache

        ships = _Place("this program", built_in)
        # On the disk that the program was just read from.
        ships.look()
        elsewhere = [_Place("the hub's cache", in_hub_cache)]
        elsewhere += [_Place(str(folder), partial(in_folder, folder)) for folder in folders]
        self._places = [ships, *elsewhere]
        self._first_look_ends = time.monotonic() + FIRST_LOOK_S
        for place in elsewhere:
            place.refresh()

    def seen(self, refresh: bool = False) -> Seen:
        """What is known now.

        Args:
            refresh: begin a new look in any case, which also opens again what could not be used.
        """
        for place in self._places:
            if refresh or place.age() > FRESH_S:
                place.refresh(look_at_unusable=refresh)
        for place in self._places:
            place.looked.wait(max(0.0, self._first_look_ends - time.monotonic()))
        refreshing = any(place.refreshing for place in self._places)
        taken = [place.taken for place in self._places]
        complete = None if None in taken else min(time for time in taken if time is not None)
        return Seen([prior for place in self._places for prior in place.found], complete, refreshing)

    @property
    def looks_for_the_first_time(self) -> bool:
        return not all(place.looked.is_set() for place in self._places)

    def find(self, name: str) -> ListedPrior | None:
        """The prior of that id; None when there is none. Waits up to FIND_S for places that were not looked at yet."""
        ends = time.monotonic() + FIND_S
        for place in self._places:
            while (found := place.find(name)) is None and not place.looked.is_set():
                if not place.looked.wait(max(0.0, min(0.1, ends - time.monotonic()))) and time.monotonic() >= ends:
                    break
            if found is not None:
                return found
        return None

    def stop(self) -> None:
        """End the looks that are under way, and begin no other."""
        for place in self._places:
            place.close()
        ends = time.monotonic() + STOP_S
        for place in self._places:
            place.join(max(0.0, ends - time.monotonic()))


class _Place:
    """One place where priors lie.

    Attributes:
        found: what is known of it.
        taken: when the last whole look began; None before the first one.
        looked: set after the first look.
    """

    def __init__(self, name: str, find: Callable[[Recall], Iterable[ListedPrior]]) -> None:
        self.found: tuple[ListedPrior, ...] = ()
        self.taken: float | None = None
        self.looked = threading.Event()
        self._name = name
        self._find = find
        self._memory = Memory()
        self._began = -math.inf
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        # Whether another look has to follow the one under way.
        self._again = False
        self._closing = False

    @property
    def refreshing(self) -> bool:
        return self._thread is not None

    def age(self) -> float:
        """Seconds since the last look began."""
        return time.monotonic() - self._began

    def find(self, name: str) -> ListedPrior | None:
        return next((prior for prior in self.found if prior.name == name), None)

    def refresh(self, look_at_unusable: bool = False) -> None:
        """Begin a look, without waiting for it.

        One that is under way may have passed what changed since. Whoever just wants to hear nothing old is content with
        it; who also asks for what is unusable gets another one behind it.
        """
        with self._lock:
            if self._thread is None:
                self._start(look_at_unusable)
            elif look_at_unusable:
                self._again = True

    def _start(self, look_at_unusable: bool) -> None:
        if not self._closing:
            work = partial(self._work, look_at_unusable)
            self._thread = threading.Thread(target=work, name=f"priors in {self._name}", daemon=True)
            self._thread.start()

    def _work(self, look_at_unusable: bool) -> None:
        try:
            self.look(look_at_unusable)
        finally:
            self.looked.set()
            with self._lock:
                self._thread = None
                if self._again:
                    self._again = False
                    self._start(look_at_unusable=True)

    def look(self, look_at_unusable: bool = False) -> None:
        """Look now; opens what is new or changed."""
        from server.priors.listing import not_listed

        self._began = time.monotonic()
        taken, before = time.time(), self.found
        self._memory.begin(look_at_unusable)
        found: list[ListedPrior] = []
        names: set[str] = set()
        for prior in self._find(self._memory.recall):
            if self._closing:
                return
            if len(found) == MOST_MODELS:
                found.append(not_listed(self._name, MOST_MODELS))
                break
            found.append(prior)
            names.add(prior.name)
            self.found = (*found, *(other for other in before if other.name not in names))
        self.found, self.taken = tuple(found), taken
        self._memory.end()
        self.looked.set()

    def close(self) -> None:
        with self._lock:
            self._closing = True

    def join(self, seconds: float) -> None:
        thread = self._thread
        if thread is not None:
            thread.join(seconds)
