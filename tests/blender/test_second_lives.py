"""Jobs that are cancelled, tried again, finished and watched at unlucky moments have one life at a time."""

from __future__ import annotations

import threading
import time

import bpy
import fake_server
import pytest
from conftest import inside, pump_until
from fake_server import run_until_told


def setup():
    return inside("ui.preferences").setup()


def pump_for(bridge, seconds):
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if not bridge.pump():
            time.sleep(0.01)


@pytest.fixture
def strict(monkeypatch):
    """As the real server: a retry of what is neither failed nor cancelled is refused."""
    before = fake_server._Handler._answer_for

    def answer_for(self, job, rest, method, body):
        if rest == ["retry"] and job.state not in ("failed", "cancelled"):
            self._refuse(409, "wrong-state", f"Cannot retry a job that is {job.state}.")
        else:
            before(self, job, rest, method, body)

    monkeypatch.setattr(fake_server._Handler, "_answer_for", answer_for)


def answer_late(monkeypatch, order):
    """The server does as it is told at once, and says so when nobody waits for it any more."""
    monkeypatch.setattr(inside("core.client"), "TIMEOUT", 0.5)
    before = fake_server._Handler._obey

    def obey(self, job, given):
        before(self, job, given)
        if given == order:
            time.sleep(1.0)

    monkeypatch.setattr(fake_server._Handler, "_obey", obey)


@pytest.fixture
def cancelled(server, bridge, start):
    """A job that was seen to form, and was cancelled."""
    server.script = run_until_told
    view = start()
    pump_until(bridge, lambda: view.live_meshes == 1)
    bpy.ops.msd.cancel()
    pump_until(bridge, lambda: server.job.state == "cancelled")
    return view


def gate_artifacts(monkeypatch):
    """Downloads of a job wait for its gate."""
    client = inside("core.client").Client
    before, gates, waiting = client.artifact, {}, set()

    def artifact(self, job_id, name):
        data = before(self, job_id, name)
        if job_id in gates:
            waiting.add(job_id)
            gates[job_id].wait(20)
        return data

    monkeypatch.setattr(client, "artifact", artifact)
    return gates, waiting


def test_a_job_that_was_cancelled_elsewhere_and_is_tried_again_is_followed(server, bridge, start, strict):
    server.script = run_until_told
    view = start()
    pump_until(bridge, lambda: view.live_meshes == 1)
    server.job.cancelled.set()  # as the page in the browser does, or another Blender
    pump_until(bridge, lambda: view.state == "cancelled")
    server.script = run_until_told
    assert bpy.ops.msd.retry(job_id=view.job_id) == {"FINISHED"}
    pump_until(bridge, lambda: view.state == "running")
    pump_for(bridge, 1.0)
    assert view.busy


def test_a_result_that_came_by_an_old_thread_keeps_no_later_one_from_being_fetched(
    server, bridge, three, start, monkeypatch
):
    a, b, c = three
    for view in (b, c):
        server.jobs[view.job_id].turn.set()
    pump_until(bridge, lambda: c.state == "running")
    gates, waiting = gate_artifacts(monkeypatch)
    gates[a.job_id], gates[b.job_id] = threading.Event(), threading.Event()
    server.jobs[a.job_id].finish.set()  # a is watched: its stream's thread fetches
    pump_until(bridge, lambda: a.job_id in waiting)
    server.jobs[b.job_id].finish.set()  # b is fetched beside
    pump_until(bridge, lambda: b.job_id in waiting)
    bpy.ops.msd.watch(job_id=c.job_id)
    pump_until(bridge, lambda: bridge.find(a.job_id).is_over)
    gates[a.job_id].set()
    pump_until(bridge, lambda: a.state == "done")
    gates[b.job_id].set()
    pump_until(bridge, lambda: b.state == "done")
    d = start("cube 4")
    pump_until(bridge, lambda: d.job_id)
    server.jobs[d.job_id].turn.set()
    server.jobs[d.job_id].finish.set()
    pump_until(bridge, lambda: d.state == "done")


def test_a_job_that_is_cancelled_while_its_thread_connects_is_cancelled_once_the_server_answers(
    server, bridge, three, monkeypatch
):
    _first, second, _ = three
    server.jobs[second.job_id].turn.set()
    pump_until(bridge, lambda: second.state == "running")
    monkeypatch.setattr(inside("core.client"), "TIMEOUT", 0.5)
    server.answers.clear()
    bpy.ops.msd.watch(job_id=second.job_id)
    followed = bridge.find(second.job_id)
    pump_until(bridge, lambda: followed.task == "stream")
    pump_for(bridge, 0.7)
    assert bpy.ops.msd.cancel(job_id=second.job_id) == {"FINISHED"}
    pump_until(bridge, lambda: not followed.worker.is_alive())
    server.answers.set()
    pump_until(bridge, lambda: (second.job_id, "cancel") in server.orders)


def test_a_cancel_whose_answer_was_late_does_not_reach_the_job_that_was_tried_again(
    server, bridge, start, strict, monkeypatch
):
    monkeypatch.setattr(inside("core.client"), "TIMEOUT", 1.0)
    before, late = fake_server._Handler._obey, threading.Event()

    def obey(self, job, order):
        before(self, job, order)
        if order == "cancel" and not late.is_set():
            late.wait(5)  # obeyed, and the answer comes too late

    monkeypatch.setattr(fake_server._Handler, "_obey", obey)
    server.script = run_until_told
    view = start()
    pump_until(bridge, lambda: view.live_meshes == 1)
    bpy.ops.msd.cancel()
    pump_until(bridge, lambda: server.job.state == "cancelled")
    bpy.ops.msd.retry(job_id=view.job_id)
    pump_until(bridge, lambda: view.state == "running" and view.live_meshes >= 1)
    pump_for(bridge, 1.5)
    late.set()
    bridge.list_results(setup())  # anything that connects
    pump_for(bridge, 2.0)
    assert [order for _, order in server.orders] == ["cancel", "retry"]


def test_a_thread_that_was_let_go_does_not_say_that_the_connection_is_lost(server, bridge, three, monkeypatch):
    first, second, _ = three
    server.jobs[second.job_id].turn.set()
    pump_until(bridge, lambda: second.state == "running")
    gates, waiting = gate_artifacts(monkeypatch)
    gates[first.job_id] = threading.Event()
    server.jobs[first.job_id].live_mesh()
    pump_until(bridge, lambda: first.job_id in waiting)
    bpy.ops.msd.watch(job_id=second.job_id)
    pump_until(bridge, lambda: second.live_meshes == 1)
    assert bridge.server.retries == 0
    gates[first.job_id].set()
    pump_for(bridge, 3.0)
    assert bridge.server.retries == 0


def test_a_job_that_is_cancelled_while_the_server_takes_it_is_not_made(server, bridge, start, monkeypatch):
    keys, lock = {}, threading.Lock()

    def submit(self, recipe):  # as the real server: the same key gives the same job
        key = self.headers["Idempotency-Key"]
        with lock:
            keys[key] = keys.get(key) or self._begin(recipe)
        self._json(201, keys[key].as_json())

    monkeypatch.setattr(fake_server._Handler, "_submit", submit)
    server.script = run_until_told
    server.lists_models.clear()
    start()
    pump_until(bridge, lambda: any("capabilities" in path for path in server.seen))
    server.answers.clear()
    server.lists_models.set()
    pump_until(bridge, lambda: "POST /v1/jobs" in server.seen)
    assert bpy.ops.msd.cancel() == {"FINISHED"}
    pump_for(bridge, 1.0)
    server.answers.set()  # the disk with the model has answered
    pump_until(bridge, lambda: bool(server.jobs) and server.job.state == "cancelled")


def test_a_job_can_be_tried_again_patiently_after_the_server_was_stopped_once(server, bridge, start, strict):
    server.script = run_until_told
    bpy.ops.msd.start_server()
    pump_until(bridge, lambda: bridge.server_state == "ready")
    bpy.ops.msd.stop_server()
    pump_until(bridge, lambda: not bridge.busy)
    view = start()
    pump_until(bridge, lambda: view.live_meshes == 1)
    bpy.ops.msd.cancel()
    pump_until(bridge, lambda: server.job.state == "cancelled")
    server.refused_orders.add("retry")  # "The job is only just being left."
    bpy.ops.msd.retry(job_id=view.job_id)
    pump_for(bridge, 0.5)
    server.refused_orders.clear()
    pump_until(bridge, lambda: view.busy)


def test_older_news_do_not_end_a_job_that_was_tried_again(server, bridge, three, strict, monkeypatch):
    _first, second, _ = three
    job = server.jobs[second.job_id]
    job.turn.set()
    pump_until(bridge, lambda: second.state == "running")
    client = inside("core.client").Client
    jobs_before, job_before = client.jobs, client.job
    asked, listed, read, deliver = (threading.Event() for _ in range(4))

    def jobs(self, over):
        if not asked.is_set():
            asked.set()
            listed.wait(10)
        return jobs_before(self, over)

    def one(self, job_id):
        said = job_before(self, job_id)
        if job_id == second.job_id and not read.is_set():
            read.set()
            deliver.wait(10)  # this answer is slow
        return said

    monkeypatch.setattr(client, "jobs", jobs)
    monkeypatch.setattr(client, "job", one)
    pump_until(bridge, asked.is_set)
    bpy.ops.msd.cancel(job_id=second.job_id)
    pump_until(bridge, lambda: job.state == "cancelled")
    listed.set()
    pump_until(bridge, read.is_set)
    bpy.ops.msd.retry(job_id=second.job_id)
    pump_until(bridge, lambda: second.state == "queued")
    deliver.set()
    pump_for(bridge, 4.0)
    assert second.busy


def test_a_second_click_on_try_again_does_not_revive_what_is_cancelled_then(server, bridge, cancelled, strict):
    server.refused_orders.add("retry")  # its worker is only just leaving it
    bpy.ops.msd.retry(job_id=cancelled.job_id)
    bpy.ops.msd.retry(job_id=cancelled.job_id)
    pump_for(bridge, 0.4)
    server.refused_orders.clear()
    pump_until(bridge, lambda: cancelled.state == "running")
    bpy.ops.msd.cancel()
    pump_until(bridge, lambda: server.job.state == "cancelled")
    pump_for(bridge, 3.5)
    assert cancelled.state == "cancelled"


def test_a_second_click_on_try_again_is_no_problem(server, bridge, cancelled, strict):
    bpy.ops.msd.retry(job_id=cancelled.job_id)
    bpy.ops.msd.retry(job_id=cancelled.job_id)
    pump_for(bridge, 5)
    assert bridge.problem is None


def test_a_job_that_is_being_tried_again_stays_on_the_list(server, bridge, cancelled, strict):
    server.refused_orders.add("retry")
    bpy.ops.msd.retry(job_id=cancelled.job_id)
    pump_for(bridge, 0.4)
    assert bpy.ops.msd.remove_job(job_id=cancelled.job_id) == {"FINISHED"}
    server.refused_orders.clear()
    pump_for(bridge, 2.0)
    assert server.job.state == "cancelled" or bridge.views()  # either not made, or still on the list


def test_finishing_what_is_done_places_nothing_once_more(server, bridge, three):
    first, second, _ = three
    server.jobs[second.job_id].turn.set()
    server.jobs[first.job_id].finish.set()
    pump_until(bridge, lambda: first.state == "done" and second.state == "running")
    server.refused_orders.add("finish")  # as the real server does of what is done
    bpy.ops.msd.finish(job_id=first.job_id)
    pump_for(bridge, 4.0)
    made = [obj.name for obj in bpy.data.objects if obj.name.startswith("cube 1")]
    assert len(made) == 1


def test_quick_looks_that_a_server_takes_slowly_are_all_listed(server, bridge, monkeypatch):
    monkeypatch.setattr(inside("core.client"), "TIMEOUT", 0.5)
    server.script = fake_server.be_looked_at
    before = fake_server._Handler._submit_batch

    def slow(self, asked):
        time.sleep(1.0)  # check_prior looks at the model on a slow disk
        before(self, asked)

    monkeypatch.setattr(fake_server._Handler, "_submit_batch", slow)
    settings = bpy.context.scene.msd.mesh
    settings.prompt = "a red cube"
    inside("ui.beginnings").begin_looks(bpy.context, "mesh", inside("ui.values").Values(settings, None), 4)
    pump_until(bridge, lambda: len(bridge.looks()) == len(server.jobs) == 4)


def test_a_job_whose_pause_for_a_render_was_answered_late_goes_on_afterwards(server, bridge, start, monkeypatch):
    answer_late(monkeypatch, "pause")
    server.script = run_until_told
    view = start()
    pump_until(bridge, lambda: view.live_meshes == 1)
    bridge.render_begins()
    pump_until(bridge, lambda: bridge.find().held == "held")  # once it is known that the answer was late
    bridge.render_ends()
    pump_until(bridge, lambda: [order for _, order in server.orders] == ["pause", "resume"])


def test_a_job_is_followed_again_when_the_answer_to_try_again_was_late(bridge, cancelled, strict, monkeypatch):
    pump_until(bridge, lambda: not bridge._crew.busy)
    answer_late(monkeypatch, "retry")
    bpy.ops.msd.retry(job_id=cancelled.job_id)
    pump_until(bridge, lambda: cancelled.busy)


def test_what_an_old_thread_said_last_does_not_end_a_job_that_is_followed_anew(server, bridge, start, monkeypatch):
    monkeypatch.setattr(inside("core.events"), "PATIENCE", 0.0)
    server.script = run_until_told
    view = start()
    pump_until(bridge, lambda: view.live_meshes == 1)
    server.answers.clear()
    old = bridge.find().worker
    monkeypatch.setattr(inside("core.client"), "TIMEOUT", 0.3)
    server.cut_after.add(len(server.job.events) + 1)
    server.job.progress(0.4)
    server.close_now = True
    # Somebody keeps Blender's main thread for a moment, meanwhile the old thread gives up.
    monkeypatch.setattr(inside("core.patience").Patience, "wait", _gives_up(inside("core.errors").Problem))
    old.join(10)
    assert not old.is_alive()
    monkeypatch.undo()
    server.answers.set()
    bridge.reconnect(setup())
    pump_for(bridge, 1.0)
    server.job.finish.set()
    pump_until(bridge, lambda: view.state == "done")


def _gives_up(problem):
    def wait(self, trouble):
        raise problem("server-lost", "No answer.", "")

    return wait
