"""Speaks for a worker on a cluster: `python -m server.farm.relay WISH LOG`, as server/jobs/worker.py does for its own.

It passes the orders from stdin on and the answers back, and has two answers of its own:

    {"answer": "waiting", "why": sentence}                              while it has no worker
    {"answer": "gone", "how": ..., "words": ..., "lost": bool}          the last: how the worker ended, as
                                                                        `WorkerProcess.how_it_ended` and `last_words`;
                                                                        "lost" with its node

While it has no worker it has no job, and whatever happens to nodes is no reason to end. The end of stdin is the end of
this process, and with it, whatever it does, Ray ends the worker.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from typing import Any, TextIO

from server.console import keep_stdout_for_answers, prepare_console
from server.errors import Problem
from server.farm import host as sent
from server.farm.cluster import join
from server.farm.wish import Wish

# What time may mend: then it joins as soon as it can.
_WAITS = ("cluster-unreachable", "cluster-not-joined")
JOIN_EVERY_S = 3.0
# Before one says that a worker waits for resources, Ray has to start a process for it.
START_S = 5.0


class Gone(Exception):
    """It will not have a worker any more."""

    def __init__(self, how: str, words: str = "", lost: bool = False) -> None:
        super().__init__(how)
        self.how, self.words, self.lost = how, words, lost


class Relay:
    """One worker on the cluster.

    Args:
        log: of the worker, on the storage that all share.
        answers: where its answers go.
        orders: those that came in, as they come.
    """

    def __init__(self, wish: Wish, log: str, answers: TextIO, orders: queue.SimpleQueue[dict[str, Any]]) -> None:
        self._wish, self._log = wish, log
        self._answers, self._orders = answers, orders
        # Nodes that cannot have it, each with the reason.
        self._unfit: dict[str, str] = {}
        self._node = self._node_id = self._last_try = ""

    def run(self) -> None:
        """Until its worker has ended. Raises Gone."""
        self._join()
        while not self._serve(self._hire()):
            pass

    def _join(self) -> None:
        while True:
            try:
                join(self._wish.address)
                break
            except Problem as problem:
                if problem.code not in _WAITS:
                    raise Gone("could not be had from the cluster", str(problem)) from None
                self._say({"answer": "waiting", "why": str(problem)})
            time.sleep(JOIN_EVERY_S)
        # Ray has its own handlers. Ctrl+C and the end of a service reach the whole group; the server decides.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def _hire(self) -> Any:
        """The actor on a node that is fit, with its worker started; waits until there is one. Raises Gone."""
        import ray
        from ray.exceptions import RayActorError

        while True:
            self._check_any_left()
            host = _actor(self._wish, list(self._unfit))
            begun, since = host.begin.remote(self._wish.as_text(), self._log), time.monotonic()
            while not ray.wait([begun], timeout=1.0)[0]:
                self._say({"answer": "waiting", "why": self._why_it_waits(time.monotonic() - since)})
            try:
                found = ray.get(begun)
            except RayActorError as error:
                self._last_try = str(error).strip().splitlines()[-1]
                time.sleep(1.0)
                continue
            self._node, self._node_id = found["node"], found["id"]
            if not found["amiss"]:
                return host
            self._refuse(host, found["amiss"])

    def _serve(self, host: Any) -> bool:
        """Pass on what is said in both directions until the worker ends; False when it ended before it was ready, and
        another node may have better luck.

        Raises:
            Gone
        """
        import ray
        from ray.exceptions import GetTimeoutError, RayActorError

        over = threading.Event()
        threading.Thread(target=self._pass_orders, args=[host, over], name="orders", daemon=True).start()
        is_ready = False
        try:
            while True:
                said = ray.get(host.listen.remote(), timeout=sent.LEASE_S)
                for answer in said or [{"answer": "alive", "memory": {}}]:
                    if answer["answer"] == "gone":
                        if is_ready:
                            raise Gone(answer["how"], answer["words"])
                        self._refuse(host, f"{answer['how']}. {answer['words']}")
                        return False
                    if answer["answer"] == "ready":
                        is_ready = True
                        answer["facts"]["node"] = self._node
                    self._say(answer)
        except (RayActorError, GetTimeoutError):
            if not is_ready:
                ray.kill(host)  # it may only be slow, and would keep its place
                return False
            # The node may only be out of reach. Its worker ends when nobody asks it; the job is nobody else's before.
            for _ in range(int(sent.LEASE_S) + 1):
                self._say({"answer": "alive", "memory": {}})
                time.sleep(1.0)
            raise Gone(f"was lost with its node {self._node}", lost=True) from None
        finally:
            over.set()

    def _pass_orders(self, host: Any, over: threading.Event) -> None:
        import ray
        from ray.exceptions import RayError

        while not over.is_set():
            try:
                order = self._orders.get(timeout=sent.ASK_S)
                # One after the other: an actor with several threads keeps no order.
                ray.get(host.order.remote(order))
            except queue.Empty:
                continue
            except RayError:
                return  # whoever listens learns it, too

    def _refuse(self, host: Any, amiss: str) -> None:
        import ray

        self._unfit[self._node_id] = f"{self._node} {amiss}"
        ray.kill(host)

    def _check_any_left(self) -> None:
        """Raises Gone: it was tried on every node that is large enough."""
        import ray

        wanted = self._wish.resources.items()
        large = [
            node["NodeID"]
            for node in ray.nodes()
            if node["Alive"] and all(node["Resources"].get(name, 0.0) >= amount for name, amount in wanted)
        ]
        if large and all(node_id in self._unfit for node_id in large):
            raise Gone("found no node that is fit", "; ".join(self._unfit.values()))

    def _why_it_waits(self, seconds: float) -> str:
        if seconds < START_S:
            failed = f" The last try ended with: {self._last_try}" if self._last_try else ""
            return f"It starts on the cluster.{failed}"
        cores = self._wish.cores
        of_processor = "a free core" if cores == 1 else f"{cores} free cores of one node"
        wanted = of_processor if self._wish.device == "cpu" else "a free graphics card"
        unfit = "".join(f" {reason}." for reason in self._unfit.values())
        return f"It waits for {wanted} in the cluster at {self._wish.address}.{unfit}"

    def _say(self, answer: dict[str, Any]) -> None:
        print(json.dumps(answer), file=self._answers, flush=True)


def _actor(wish: Wish, avoided: list[str]) -> Any:
    """Args:
    avoided: Ray's names of the nodes where it is not to be.
    """
    import ray
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(sent)
    taken = wish.resources
    options: dict[str, Any] = {"num_cpus": taken.get("CPU", 0), "num_gpus": taken.get("GPU", 0), "max_concurrency": 4}
    if avoided:
        options["label_selector"] = {"ray.io/node-id": f"!in({','.join(avoided)})"}
    return ray.remote(**options)(sent.Host).remote()


def _read_orders(orders: queue.SimpleQueue[dict[str, Any]]) -> None:
    for line in sys.stdin:
        orders.put(json.loads(line))
    os._exit(0)


def main() -> None:
    wish, log = Wish.from_text(sys.argv[1]), sys.argv[2]
    prepare_console()
    answers = keep_stdout_for_answers()
    orders: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_read_orders, args=[orders], name="stdin", daemon=True).start()
    try:
        Relay(wish, log, answers, orders).run()
    except Gone as gone:
        print(f"The worker {gone.how}. {gone.words}".strip(), file=sys.stderr, flush=True)
        told = {"answer": "gone", "how": gone.how, "words": gone.words, "lost": gone.lost}
        print(json.dumps(told), file=answers, flush=True)
        # Not sys.exit: Ray would say goodbye to a cluster that may not answer.
        os._exit(0)
    except Exception:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


if __name__ == "__main__":
    main()
