"""Everything the routes need, in one explicit object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from server.api.feeds import Feeds
from server.api.guard import LOOPBACK_HOSTS
from server.api.leases import Leases
from server.jobs.events import Bell
from server.jobs.post import Post
from server.jobs.queue import Queue
from server.jobs.store import Store
from server.priors.catalogue import Allowed, KnownPriors


@dataclass(frozen=True)
class Office:
    """A data folder with its job store, queue and bell; `token` is what callers must show.

    `hosts`: what Host may be. `heartbeat_s`: how often a silent event stream says that it is still there.
    `prior_folders`: where to look for models besides the hub's cache. `allowed`: what else recipes may name.
    """

    data_dir: Path
    token: str
    bell: Bell
    store: Store
    queue: Queue
    hosts: tuple[str, ...] = LOOPBACK_HOSTS
    heartbeat_s: float = 3.0
    prior_folders: tuple[Path, ...] = ()
    allowed: Allowed = Allowed()

    @cached_property
    def leases(self) -> Leases:
        """The programs that use the server."""
        return Leases()

    @cached_property
    def feeds(self) -> Feeds:
        """The event streams that are open."""
        return Feeds(self.store, self.bell)

    @cached_property
    def priors(self) -> KnownPriors:
        """What is known of this machine's priors. The first use begins to look at them."""
        return KnownPriors(self.prior_folders)

    @staticmethod
    def open(
        data_dir: Path,
        token: str,
        devices: list[str],
        hosts: tuple[str, ...] = LOOPBACK_HOSTS,
        heartbeat_s: float = 3.0,
        prior_folders: tuple[Path, ...] = (),
        low_vram: bool = False,
        allowed: Allowed = Allowed(),
        quota_bytes: int | None = None,
        idle_unload_s: float | None = None,
        elsewhere: Sequence[Post] = (),
    ) -> Office:
        """Open the store in `data_dir` and queue again what was under way. The queue is not started.

        Args:
            quota_bytes, idle_unload_s, elsewhere: as `Queue`.

        Raises:
            Problem: "store-broken", "store-busy", "disk-full".
        """
        bell = Bell()
        store = Store(data_dir / "jobs.sqlite", bell.ring)
        queue = Queue(store, data_dir, devices, low_vram, quota_bytes, idle_unload_s, elsewhere)
        queue.recover()
        return Office(data_dir, token, bell, store, queue, hosts, heartbeat_s, prior_folders, allowed)
