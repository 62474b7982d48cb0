"""The server as a process: lock, socket, server.json, and an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import uvicorn

from server.accelerators import NAMES, is_device
from server.api.app import build_app
from server.api.handshake import DataFolderLock, remove_server_file, write_server_file
from server.api.interface import Interface
from server.api.limits import BACKLOG, MOST_HEADER_BYTES
from server.api.log import written_log
from server.api.office import Office
from server.api.parent import watch_parent
from server.api.problems import Refused
from server.api.wire import Wire
from server.errors import BadRequest, Problem
from server.farm.posts import posts_on
from server.farm.wish import Farm
from server.jobs.faults import StoreFault
from server.jobs.store import Store
from server.priors.catalogue import Allowed, stay_offline

LOOPBACK = Interface()
_LOG = logging.getLogger(__name__)
# For so long the results of jobs whose owner is gone can be fetched.
FETCHING_S = 10.0


class Server(uvicorn.Server):
    """uvicorn for one office: calls `on_ready` when requests are answered, and ends open streams when it stops."""

    def __init__(self, office: Office, on_ready: Callable[[], None], interface: Interface = LOOPBACK) -> None:
        config = uvicorn.Config(
            build_app(office),
            loop="asyncio",
            lifespan="off",
            # Warnings are of what strangers send.
            log_level="error",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=3,
            http=Wire,
            ws="none",
            h11_max_incomplete_event_size=MOST_HEADER_BYTES,
            backlog=BACKLOG,
            ssl_certfile=interface.certificate,
            ssl_keyfile=interface.key,
        )
        super().__init__(config)
        self._office = office
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Workers first, so that streams still tell how their jobs ended; uvicorn would wait for the streams for ever.
        await asyncio.to_thread(self._office.queue.stop)
        self._office.bell.close()
        await super().shutdown(sockets)

    def stop(self) -> None:
        """Ask for the end; safe from any thread and from signal handlers."""
        self.should_exit = True


def serve(
    host: str,
    port: int,
    data_dir: Path,
    device: str = "auto",
    parent_pid: int | None = None,
    prior_folders: tuple[Path, ...] = (),
    low_vram: bool = False,
    *,
    allowed: Allowed = Allowed(),
    token_file: Path | None = None,
    certificate: Path | None = None,
    key: Path | None = None,
    quota_bytes: int | None = None,
    idle_unload_s: float | None = None,
    farm: Farm | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; blocks; prints the address on stderr.

    With `parent_pid` also until the last program that holds a lease is gone, and the jobs that they left are done; that
    process holds the first lease.

    Args:
        host: an IP address or "localhost"; loopback unless others shall be let in, for which the last three are needed.
        port: 0 takes a free one, which server.json then names.
        device: "auto" (every card of this machine, or its processor), "cpu", "cuda", "cuda:1", or several with commas;
            each gets a worker process.
        parent_pid: that also counts as gone at the end of stdin, if that is a pipe.
        prior_folders: where to look for models besides the hub's cache.
        low_vram: whether workers save their devices' memory, at the cost of time.
        allowed: what recipes may name besides the models that are found. Unless it is the hub, nothing here or in the
            workers uses the network.
        token_file, certificate, key: as `Interface`.
        quota_bytes, idle_unload_s: as `Queue`.
        farm: the workers are on this cluster, and none is here; `device` is then of which kind theirs are.

    Raises:
        Problem: "server-already-running", "data-folder-unusable", "port-taken", "store-broken", and as `posts_on`.
        BadRequest: "device-unknown", and as `Interface.check` and `posts_on`.
    """
    devices = _read_devices(device)
    interface = Interface(host, port, token_file, certificate, key)
    token = interface.check()
    if not allowed.hub:
        stay_offline()
    data_dir = data_dir.absolute()
    with DataFolderLock(data_dir), _bind(host, port) as listener, written_log(data_dir, token):
        bound_port = listener.getsockname()[1]
        elsewhere = [] if farm is None else posts_on(farm, device, data_dir, low_vram)
        office = Office.open(
            data_dir,
            token,
            [] if farm is not None else devices,
            interface.hosts,
            prior_folders=prior_folders,
            low_vram=low_vram,
            allowed=allowed,
            quota_bytes=quota_bytes,
            idle_unload_s=idle_unload_s,
            elsewhere=elsewhere,
        )

        def ready() -> None:
            write_server_file(data_dir, interface.scheme, host, bound_port, token)
            address = f"{interface.scheme}://{interface.shown_host}:{bound_port}"
            print(f"listening on {address}", file=sys.stderr, flush=True)
            _LOG.info("listening on %s, process %d", address, os.getpid())

        server = Server(office, ready, interface)
        _stop_on_signals(server)
        if parent_pid is not None:
            _live_with(parent_pid, office, server.stop)
        office.queue.start()
        priors = office.priors
        try:
            server.run(sockets=[listener])
        finally:
            remove_server_file(data_dir)
            office.queue.stop()
            priors.stop()
            office.store.close()
            _LOG.info("ended")


def _live_with(parent_pid: int, office: Office, stop: Callable[[], None]) -> None:
    with contextlib.suppress(Refused):  # gone already
        office.leases.take(parent_pid)
    watch_parent(parent_pid, lambda: office.leases.give_back(parent_pid))
    waiting = partial(stop_behind_jobs, office.store, stop, is_used=lambda: bool(office.leases.held()))
    threading.Thread(target=waiting, name="leases", daemon=True).start()


def stop_behind_jobs(
    store: Store,
    stop: Callable[[], None],
    sleep: Callable[[float], None] = time.sleep,
    is_used: Callable[[], bool] = lambda: False,
) -> None:
    """Stop once nobody uses the server and no job is under way; whoever started the jobs may be back meanwhile, and
    fetch the results."""

    def wait_while(condition: Callable[[], bool]) -> None:
        while condition():
            sleep(1.0)

    def is_under_way() -> bool:
        try:
            return store.any_under_way()
        except StoreFault as fault:
            # What is only full or busy is asked again; of a list that is gone nobody will ever hear.
            return fault.code != "store-broken"

    wait_while(is_used)
    while is_under_way():
        wait_while(is_under_way)
        sleep(FETCHING_S)
        wait_while(is_used)
    stop()


def _stop_on_signals(server: Server) -> None:
    # uvicorn takes the signals while it runs and raises them again at its end, which must not cut off what follows.
    if threading.current_thread() is threading.main_thread():
        # SIGHUP: its terminal was closed; SIGBREAK is the same on Windows.
        for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), lambda *_: server.stop())


def _bind(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        hint = "Choose another port, or 0 for a free one."
        raise Problem("port-taken", f"Cannot listen on {host}:{port}: {error}.", hint) from None


def _read_devices(device: str) -> list[str]:
    devices = device.split(",")
    for name in devices:
        if not is_device(name):
            raise BadRequest("device-unknown", f"There is no device {name!r}.", f"Use {NAMES}.")
    return devices
