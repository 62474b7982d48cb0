"""Looks at a cluster: `python -m server.farm.survey WISH` prints which nodes are large enough for such a worker, and
what keeps them from it. A process of its own, because Ray may keep one waiting, and because the server has none in it.

With `--without-token` as the second argument it says only whether the cluster lets anybody in.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from server.console import keep_stdout_for_answers, prepare_console
from server.errors import Problem
from server.farm import host as sent
from server.farm.cluster import join, lets_anybody_in
from server.farm.wish import Wish

# A node may have to import much of this program from a slow disk.
LOOK_S = 60.0


def _look(wish: Wish) -> list[dict[str, Any]]:
    """Each living node with a card, or with enough cores: "node", "cards", "cores", and "amiss" as in
    server/farm/host.py.

    Raises:
        Problem: as `join`.
    """
    join(wish.address)
    import ray
    from ray import cloudpickle
    from ray.exceptions import RayError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    cloudpickle.register_pickle_by_value(sent)
    look = ray.remote(num_cpus=0)(sent.what_is_amiss)
    wanted = json.loads(wish.as_text())
    found, asked = [], []
    for node in ray.nodes():
        has = node["Resources"]
        if node["Alive"] and (has.get("GPU", 0) >= 1 or has.get("CPU", 0) >= wish.cores):
            name = f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"
            found.append({"node": name, "cards": int(has.get("GPU", 0)), "cores": int(has.get("CPU", 0))})
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            asked.append(look.options(scheduling_strategy=there).remote(wanted))
    answered, _ = ray.wait(asked, num_returns=len(asked), timeout=LOOK_S) if asked else ([], [])
    for node, answer in zip(found, asked, strict=True):
        try:
            node["amiss"] = ray.get(answer) if answer in answered else f"has not answered within {LOOK_S:.0f} seconds"
        except RayError as error:
            node["amiss"] = f"cannot run anything: {str(error).strip().splitlines()[-1]}"
    return found


def main() -> None:
    wish, options = Wish.from_text(sys.argv[1]), sys.argv[2:]
    prepare_console()
    answers = keep_stdout_for_answers()
    said: dict[str, Any]
    try:
        said = {"open": lets_anybody_in(wish.address)} if options else {"nodes": _look(wish)}
    except Problem as problem:
        said = {"problem": [problem.code, problem.message, problem.hint]}
    print(json.dumps(said), file=answers, flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
