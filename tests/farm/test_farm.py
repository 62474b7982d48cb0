"""Jobs on a Ray cluster of two nodes, one of which is lost in the end. `make farm` does more of it, with more jobs."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil

from server.commands.doctor import worker_in_words, workers_of
from tests.farm.clusters import Cluster
from tests.farm.served import LONG_TEXTURE, MESH, SHORT_MESH, SHORT_TEXTURE, Served, refused, wait_for
from tests.jobs.chaos.kills import result_of, same


def test_each_worker_tells_on_which_node_it_is(farm: Served, two_nodes: Cluster) -> None:
    devices = farm.until_all_are("idle")
    assert [device["wanted"] for device in devices] == ["ray:0", "ray:1"]
    addresses = {device["node"].partition("(")[2].rstrip(")") for device in devices}
    assert addresses == {node.address for node in two_nodes.nodes[1:]}
    told = [worker_in_words(worker) for worker in workers_of(farm.data_dir)]
    assert told == [f"{device['wanted']} is idle: cpu, CPU, on {device['node']}." for device in devices]


def test_live_meshes_and_pictures_arrive_from_a_node_as_from_here(farm: Served) -> None:
    lasting = [farm.submit(SHORT_MESH, steps=200), farm.submit(SHORT_TEXTURE, steps=2000)]
    for job_id, live in zip(lasting, ("preview_mesh", "preview_image"), strict=True):
        artifact = farm.first(job_id, live)["artifact"]
        assert farm.client.get(f"/v1/jobs/{job_id}/artifacts/{artifact}").content.startswith(b"PK")
        farm.order("cancel", job_id)


def test_a_job_on_a_node_is_paused_resumed_finished_and_cancelled(farm: Served) -> None:
    paused, cancelled = farm.submit(LONG_TEXTURE, seed=1), farm.submit(LONG_TEXTURE, seed=2, steps=100_000)
    farm.until_step(paused, 2)
    farm.order("pause", paused)
    farm.until(paused, "paused")
    farm.until_step(cancelled, 2)
    farm.order("cancel", cancelled)
    assert farm.job(cancelled)["state"] == "cancelled"
    farm.order("resume", paused)
    farm.until(paused, "running")
    farm.order("finish", paused)
    farm.until(paused, "done")


def test_a_worker_that_was_stopped_on_its_node_is_made_to_go_on(farm: Served) -> None:
    job_id = farm.submit(LONG_TEXTURE, seed=3, steps=100_000)
    farm.until_step(job_id, 2)
    os.kill(farm.busy()["pid"], signal.SIGSTOP)
    farm.until_step(job_id, farm.job(job_id)["progress"]["step"] + 10)
    farm.order("cancel", job_id)


def test_a_worker_that_is_killed_on_its_node_is_replaced_and_its_job_goes_on(farm: Served) -> None:
    farm.until_all_are("idle")
    job_id = farm.submit(LONG_TEXTURE, seed=4)
    farm.until_step(job_id, 1)
    pid = farm.busy()["pid"]
    os.kill(pid, signal.SIGKILL)
    job = farm.until(job_id, "done")
    assert job["attempts"] == 2
    assert "SIGKILL" in farm.first(job_id, "log")["message"]


def test_the_end_of_a_relay_is_the_end_of_its_worker(farm: Served) -> None:
    farm.until_all_are("idle")
    workers = {device["pid"] for device in farm.devices()}
    for process in psutil.Process(farm.process.pid).children():
        process.kill()
    wait_for(lambda: not any(psutil.pid_exists(pid) for pid in workers), "the workers to end")
    farm.until_all_are("idle")


def test_a_token_that_is_not_the_clusters_is_refused(two_nodes: Cluster, tmp_path: Path) -> None:
    environment = two_nodes.environment | {"RAY_AUTH_TOKEN": "0" * 32}
    said = refused(tmp_path / "data", ["--ray", two_nodes.address], environment)
    assert "does not let this server in" in said
    assert "InvalidAuthToken" in said


def test_jobs_of_a_node_that_is_lost_go_on_elsewhere_to_the_same_bits(farm: Served, two_nodes: Cluster) -> None:
    recipes = [MESH | {"steps": 40, "seed": 5}, LONG_TEXTURE | {"seed": 6}]
    truth = [farm.submit(recipe) for recipe in recipes]
    for job_id in truth:
        farm.until(job_id, "done")
    again = [farm.submit(recipe) for recipe in recipes]
    for job_id in again:
        farm.until_step(job_id, 1)
    two_nodes.nodes[-1].kill()
    jobs = [farm.until(job_id, "done") for job_id in again]
    assert sum(job["attempts"] for job in jobs) == 3
    for one, other in zip(truth, again, strict=True):
        assert same(result_of(farm.data_dir, one), result_of(farm.data_dir, other))
    waiting = wait_for(lambda: next((each for each in farm.devices() if each["state"] == "starting"), None), "a worker")
    wait_for(lambda: "free core" in farm.devices()[int(waiting["wanted"][-1])]["problem"], "it to say what for")
