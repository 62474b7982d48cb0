"""The way into a Ray cluster, for a process of its own: who may not come in learns why at once.

Ray's own way in tries again for up to minutes, and does not tell a wrong token from a cluster that is not there.
"""

from __future__ import annotations

import os
import socket
import warnings

from server.errors import BadRequest, Problem

REACH_S = 5.0
# Ray reads this once, when it first speaks to a cluster. Off is its default.
TOKEN_MODE = {"RAY_AUTH_MODE": "token"}
SECURE = "See docs/farm-ray.md on how to make a token, and where to put it on every node."


def join(address: str) -> None:
    """Make this process a driver of the cluster, through the node that runs on this computer.

    Args:
        address: "HOST:PORT" of its head node.

    Raises:
        BadRequest: "cluster-address-unreadable".
        Problem: "ray-missing"; "cluster-token-wrong"; "cluster-unreachable", "cluster-not-joined", which time may mend;
            "cluster-unfit" when Ray or Python are others there.
    """
    host, port = read_address(address)
    os.environ.update(TOKEN_MODE)
    here = _route_to(host, port)
    try:
        import ray
        from ray._raylet import GcsClient
        from ray.exceptions import AuthenticationError, RpcError
    except ImportError as error:
        raise missing(error) from None
    try:
        nodes = GcsClient(address=address).get_all_node_info(timeout=REACH_S)
    except AuthenticationError as error:
        said = f"The cluster at {address} does not let this server in: {error}"
        raise Problem("cluster-token-wrong", _sentence(said), SECURE) from None
    except RpcError as error:
        raise _unreachable(address, str(error)) from None
    if not any(node.state == 0 and node.node_manager_address == here for node in nodes.values()):
        hint = f"On this computer: ray start --address={address} --node-ip-address={here}"
        raise Problem("cluster-not-joined", f"This computer, {here}, is not a node of the cluster at {address}.", hint)
    try:
        with warnings.catch_warnings():
            # Of what Ray will do about workers without a card: they are told to use none.
            warnings.simplefilter("ignore", FutureWarning)
            ray.init(address=address, _node_ip_address=here, log_to_driver=False, logging_level="ERROR")
    except ConnectionError as error:
        raise _unreachable(address, str(error)) from None
    except RuntimeError as error:
        hint = "Use the same versions of Python and Ray on every node."
        raise Problem("cluster-unfit", _sentence(f"The cluster at {address} is another: {error}"), hint) from None


def lets_anybody_in(address: str) -> bool:
    """Whether the cluster takes orders without a token; for a process that does nothing else, because Ray learns only
    once whether it is to show one."""
    os.environ["RAY_AUTH_MODE"] = "disabled"
    try:
        from ray._raylet import GcsClient
        from ray.exceptions import AuthenticationError, RpcError
    except ImportError as error:
        raise missing(error) from None
    try:
        GcsClient(address=address)
    except (AuthenticationError, RpcError):
        return False
    return True


def missing(error: ImportError) -> Problem:
    hint = "Install it into the server's environment, on every node: pip install 'ray>=2.52'"
    return Problem("ray-missing", f"Workers on a cluster need Ray, which cannot be imported ({error}).", hint)


def read_address(address: str) -> tuple[str, int]:
    """Host and port. Raises BadRequest."""
    host, colon, port = address.rpartition(":")
    if not host or not colon or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        hint = "Write the head node's address like 10.0.0.1:6379."
        raise BadRequest("cluster-address-unreadable", f"{address!r} is not an address.", hint)
    return host.strip("[]"), int(port)


def _route_to(host: str, port: int) -> str:
    """The address of this computer on the way there: of several networks, that of the cluster.

    Raises:
        Problem: "cluster-unreachable".
    """
    try:
        with socket.create_connection((host, port), REACH_S) as connection:
            return str(connection.getsockname()[0])
    except OSError as error:
        raise _unreachable(f"{host}:{port}", error.strerror or str(error)) from None


def _unreachable(address: str, why: str) -> Problem:
    hint = "See that its head node runs, at this address, and that no firewall is in between."
    return Problem("cluster-unreachable", _sentence(f"The cluster at {address} does not answer: {why}"), hint)


def _sentence(text: str) -> str:
    return text.strip().rstrip(".") + "."
