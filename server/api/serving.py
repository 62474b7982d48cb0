"""The server as a process: lock, socket, server.json, and an orderly end."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import uvicorn

from server.api.app import build_app
from server.api.handshake import DataFolderLock, remove_server_file, write_server_file
from server.api.office import Office
from server.api.parent import watch_parent
from server.errors import BadRequest, Problem
from server.jobs.devices import is_device
from server.jobs.store import Store

# For so long the results of jobs whose owner is gone can be fetched.
FETCHING_S = 10.0


class Server(uvicorn.Server):
    """uvicorn for one office: calls `on_ready` when requests are answered, and ends open streams when it stops."""

    def __init__(self, office: Office, on_ready: Callable[[], None]) -> None:
        config = uvicorn.Config(
            build_app(office),
            loop="asyncio",
            lifespan="off",
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=3,
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
) -> None:
    """Serve until SIGINT, SIGTERM, or the end of the process `parent_pid` and of the jobs that it left.

    Blocks; prints the address on stderr.

    Args:
        host: an IP address or "localhost"; loopback unless others shall be let in.
        port: 0 takes a free one, which server.json then names.
        device: "auto", "cpu", "cuda", "cuda:1", or several with commas; each gets a worker process.
        parent_pid: that also counts as gone at the end of stdin, if that is a pipe.
        prior_folders: where to look for models besides the hub's cache.
        low_vram: whether workers save their devices' memory, at the cost of time.

    Raises:
        Problem: "server-already-running", "data-folder-unusable", "port-taken", "store-broken".
        BadRequest: "address-invalid", "device-unknown".
    """
    devices = _read_devices(device)
    loopback_only = _is_loopback(host)
    data_dir = data_dir.absolute()
    with DataFolderLock(data_dir), _bind(host, port) as listener:
        bound_port = listener.getsockname()[1]
        token = secrets.token_urlsafe(32)
        office = Office.open(data_dir, token, devices, loopback_only, prior_folders=prior_folders, low_vram=low_vram)

        def ready() -> None:
            write_server_file(data_dir, host, bound_port, token)
            shown = f"[{host}]" if ":" in host else host
            print(f"listening on http://{shown}:{bound_port}", file=sys.stderr, flush=True)

        server = Server(office, ready)
        _stop_on_signals(server)
        if parent_pid is not None:
            watch_parent(parent_pid, partial(stop_behind_jobs, office.store, server.stop))
        office.queue.start()
        priors = office.priors
        try:
            server.run(sockets=[listener])
        finally:
            remove_server_file(data_dir)
            office.queue.stop()
            priors.stop()
            office.store.close()


def stop_behind_jobs(store: Store, stop: Callable[[], None], sleep: Callable[[float], None] = time.sleep) -> None:
    """Stop once no job is under way; whoever started the jobs may be back meanwhile, and fetch the results."""
    while store.any_under_way():
        while store.any_under_way():
            sleep(1.0)
        sleep(FETCHING_S)
    stop()


def _stop_on_signals(server: Server) -> None:
    # uvicorn takes the signals while it runs and raises them again at its end, which must not cut off what follows.
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: server.stop())


def _bind(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=128)
    except (OSError, OverflowError) as error:
        hint = "Choose another port, or 0 for a free one."
        raise Problem("port-taken", f"Cannot listen on {host}:{port}: {error}.", hint) from None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        hint = "Use 127.0.0.1, or one of this computer's addresses."
        raise BadRequest("address-invalid", f"{host!r} is not an IP address.", hint) from None


def _read_devices(device: str) -> list[str]:
    devices = device.split(",")
    for name in devices:
        if not is_device(name):
            raise BadRequest("device-unknown", f"There is no device {name!r}.", "Use auto, cpu, cuda or cuda:NUMBER.")
    return devices
