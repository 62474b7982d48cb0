"""How to reach a server: one that runs already, or one that Blender starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .client import Client
from .errors import Problem
from .interrupt import Interrupt
from .patience import ask_while_slow
from .server_process import START_LIMIT, LocalServer


@dataclass(frozen=True)
class Setup:
    """What the preferences say.

    Attributes:
        python: interpreter of the server's environment; None when not set.
        url, token: a server that runs already; an empty url means that Blender starts its own.
        online_access: whether Blender's preferences allow the use of the internet.
        model_folder: where a server that Blender starts looks for models.
        allow_hub: whether such a server may fetch models from the hub, online access given.
    """

    python: Path | None
    url: str
    token: str
    online_access: bool
    model_folder: Path | None = None
    allow_hub: bool = False


@dataclass(frozen=True)
class Connection:
    """For threads: `connect` gives a client, `check_alive` raises when the server is known to be dead."""

    connect: Callable[[Interrupt], Client]
    check_alive: Callable[[], None]


def choose_connection(setup: Setup, local: LocalServer) -> Connection:
    """The way to the server that the preferences ask for; nothing is started or asked yet.

    Raises:
        Problem: "server-not-set-up", "online-access-off", "address-unreadable".
    """
    if setup.url:
        return _running_server(setup)
    if setup.python is None:
        hint = "Press Set up, or choose the Python of an environment of your own in the preferences."
        raise Problem("server-not-set-up", "The server's environment is not there yet.", hint)
    python, folder, hub = setup.python, setup.model_folder, setup.allow_hub and setup.online_access
    return Connection(lambda stop: local.connect(python, stop, folder, hub), local.check_alive)


def _running_server(setup: Setup) -> Connection:
    client = Client(setup.url, setup.token)
    client.require_online_access(setup.online_access)

    def connect(stop: Interrupt) -> Client:
        ask_while_slow(client.check, stop, START_LIMIT)
        return client

    # A server that was not started here cannot be watched; its silence is noticed instead.
    return Connection(connect, lambda: None)
