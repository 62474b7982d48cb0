"""A Ray cluster on this computer: a head, and nodes that can be killed as if somebody had pulled the plug.

As root the nodes are hosts of their own, in network namespaces on a bridge; otherwise they share the address of this
computer.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

HAS_RAY = sys.platform == "linux" and importlib.util.find_spec("ray") is not None
# Three processes of Ray start on two busy cores.
START_S = 120.0
_SMALL = ["--object-store-memory", "80000000", "--num-gpus", "0", "--disable-usage-stats"]


@dataclass
class Node:
    """One host.

    Attributes:
        namespace: its own network; "" where it shares that of the test.
    """

    address: str
    namespace: str
    process: subprocess.Popen[bytes] | None = None

    def kill(self) -> None:
        """End everything on it at once, and nothing in order."""
        if self.process is None:
            return
        found = [*psutil.Process(self.process.pid).children(recursive=True), psutil.Process(self.process.pid)]
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGSTOP)
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.kill()
        self.process.wait()
        self.process = None

    def pull_cable(self) -> None:
        """It goes on by itself, and nobody hears of it."""
        subprocess.run(["ip", "-n", self.namespace, "link", "set", "eth0", "down"], check=True)


@dataclass
class Cluster:
    """Attributes:
    token: without which nothing is done; "" for a cluster that takes orders from anybody.
    folder: of Ray's own files.
    prefix: of the hosts' addresses; "" where there are no hosts.
    """

    token: str
    port: int
    folder: Path
    prefix: str
    nodes: list[Node] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"{self.nodes[0].address}:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """For whoever is to be let in."""
        mode = {"RAY_AUTH_MODE": "token" if self.token else "disabled", "RAY_AUTH_TOKEN": self.token or "unused" * 6}
        return {**os.environ, **mode, "OMP_NUM_THREADS": "1"}

    def add(self, cores: int, hidden: Path | None = None) -> Node:
        """A node with so many cores; the first is the head.

        Args:
            hidden: a folder that a host of its own sees empty.
        """
        number = len(self.nodes) + 1
        is_head = not self.nodes
        address = f"{self.prefix}.{number}" if self.prefix else _own_address()
        node = Node(address, f"msd-{self.port}-{number}" if self.prefix and not is_head else "")
        self.nodes.append(node)
        if node.namespace:
            self._plug_in(node)
        for _ in range(3):
            if self._start(node, cores, is_head, hidden):
                return node
        raise AssertionError(f"a node did not start; see {self.folder}")

    def _start(self, node: Node, cores: int, is_head: bool, hidden: Path | None) -> bool:
        inside = ["ip", "netns", "exec", node.namespace] if node.namespace else []
        if hidden is not None:
            inside += ["sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', str(hidden)]
        ray = [str(Path(sys.executable).with_name("ray")), "start", "--block", "--node-ip-address", node.address]
        if is_head:
            where = ["--head", "--port", str(self.port), "--include-dashboard", "false", "--temp-dir", str(self.folder)]
        else:
            where = ["--address", self.address]
        with (self.folder / f"node-{len(self.nodes)}.log").open("wb") as log:
            command = [*inside, *ray, *where, "--num-cpus", str(cores), *_SMALL]
            node.process = subprocess.Popen(
                command, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and node.process.poll() is None:
            if b"runtime started" in Path(log.name).read_bytes():
                return True
            time.sleep(0.1)
        node.kill()
        return False

    @property
    def _bridge(self) -> str:
        return f"msd{self.port}"

    def _plug_in(self, node: Node) -> None:
        cable = self._cable(node)
        for command in (
            f"ip netns add {node.namespace}",
            f"ip link add {cable} type veth peer name eth0 netns {node.namespace}",
            f"ip link set {cable} master {self._bridge} up",
            f"ip -n {node.namespace} addr add {node.address}/24 dev eth0",
            f"ip -n {node.namespace} link set eth0 up",
            f"ip -n {node.namespace} link set lo up",
        ):
            subprocess.run(command.split(), check=True)

    def _cable(self, node: Node) -> str:
        return f"{self._bridge}v{node.address.rpartition('.')[2]}"

    def lay_cables(self) -> None:
        if self.prefix:
            subprocess.run(["ip", "link", "add", self._bridge, "type", "bridge"], check=True)
            subprocess.run(["ip", "addr", "add", f"{self.prefix}.1/24", "dev", self._bridge], check=True)
            subprocess.run(["ip", "link", "set", self._bridge, "up"], check=True)

    def remove(self) -> None:
        for node in reversed(self.nodes):
            node.kill()
            if node.namespace:
                # A namespace whose processes are only just ending would keep its cable.
                subprocess.run(["ip", "link", "del", self._cable(node)], check=False)
                subprocess.run(["ip", "netns", "del", node.namespace], check=True)
        if self.prefix:
            subprocess.run(["ip", "link", "del", self._bridge], check=True)


def _own_address() -> str:
    """Ray takes no address of loopback."""
    import ray

    return str(ray.util.get_node_ip_address())


def can_have_hosts() -> bool:
    """Whether nodes can be hosts of their own here."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    name = f"msd-try-{os.getpid()}"
    # A container may allow the one and not the other.
    tries = [("netns add {}", "netns del {}"), ("link add {} type bridge", "link del {}")]
    for make, unmake in tries:
        if subprocess.run(["ip", *make.format(name[:15]).split()], stderr=subprocess.DEVNULL).returncode:
            return False
        subprocess.run(["ip", *unmake.format(name[:15]).split()], check=True)
    return True


@contextlib.contextmanager
def cluster(cores: tuple[int, ...], has_token: bool = True) -> Iterator[Cluster]:
    """A head without cores, which is where the server is, and a node with each of these."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    prefix = f"10.{200 + port % 50}.{port % 250}" if can_have_hosts() else ""
    # Sockets in deep folders have names that are too long.
    with tempfile.TemporaryDirectory(prefix="ray", dir="/tmp", ignore_cleanup_errors=True) as folder:
        made = Cluster(secrets.token_hex(16) if has_token else "", port, Path(folder), prefix)
        try:
            made.lay_cables()
            made.add(0)
            for count in cores:
                made.add(count)
            yield made
        finally:
            made.remove()
