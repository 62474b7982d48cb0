"""A server that is slow is waited for; one that is gone is not."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from fake_server import FakeJob, FakeServer, cube_arrays, npz
from offers import capabilities

from blender_msd.core import client as client_module
from blender_msd.core import connection, events
from blender_msd.core import job as jobs
from blender_msd.core import patience as patience_module
from blender_msd.core.client import Client, Slow, Unreachable
from blender_msd.core.connection import Connection, Setup, choose_connection
from blender_msd.core.errors import Interrupted, Problem
from blender_msd.core.interrupt import Interrupt
from blender_msd.core.messages import Submitted
from blender_msd.core.offer import follow_offer
from blender_msd.core.patience import Patience

RECIPE = {"kind": "mesh", "prompt": "a red cube"}


@pytest.fixture
def hasty(monkeypatch):
    """Answers may take a moment only, so that the tests of slow servers are quick."""
    monkeypatch.setattr(client_module, "TIMEOUT", 0.2)
    monkeypatch.setattr(client_module, "SILENCE", 0.2)
    monkeypatch.setattr(patience_module, "PAUSE", 0.02)


def alive() -> None:
    pass


def stand_still(fake: FakeServer, seconds: float = 1.0) -> None:
    """Answer nothing for some time, several times as long as an answer may take."""
    fake.answers.clear()
    threading.Timer(seconds, fake.answers.set).start()


def run(client: Client, recipe: dict, tmp_path: Path) -> list[jobs.Message]:
    messages: list[jobs.Message] = []
    jobs.run_job(recipe, tmp_path, Connection(lambda _: client, alive), Interrupt(), messages.append)
    return messages


def test_silence_is_told_from_absence(hasty, fake, client):
    fake.answers.clear()
    with pytest.raises(Slow) as caught:
        client.check()
    assert caught.value.code == "server-slow"
    fake.close()
    with pytest.raises(Unreachable) as lost:
        client.check()
    assert not isinstance(lost.value, Slow)


def test_whether_the_server_is_there_is_asked_without_asking_for_its_models(fake, client):
    fake.lists_models.clear()
    client.check()
    assert fake.seen == ["GET /v1/health", "GET /v1/hello"]


def test_a_server_without_that_question_is_named_as_older(fake, client):
    fake.knows_hello = False
    with pytest.raises(Problem, match="older than this add-on") as caught:
        client.check()
    assert caught.value.code == "server-incompatible"
    assert "same release" in caught.value.hint


def test_a_server_at_an_address_that_is_slow_is_waited_for(hasty, fake, monkeypatch):
    way = choose_connection(Setup(None, fake.url, fake.token, online_access=False), local=None)
    stand_still(fake)
    way.connect(Interrupt())
    fake.answers.clear()
    monkeypatch.setattr(connection, "START_LIMIT", 0.3)
    with pytest.raises(Slow):
        way.connect(Interrupt())


def test_waiting_for_a_slow_server_can_be_interrupted(hasty, fake):
    fake.answers.clear()
    way = choose_connection(Setup(None, fake.url, fake.token, online_access=False), local=None)
    stop = Interrupt()
    stop.set()
    with pytest.raises(Interrupted):
        way.connect(stop)


def test_a_list_of_models_that_does_not_come_fails_no_job(hasty, fake, client, tmp_path):
    fake.lists_models.clear()
    messages = run(client, RECIPE, tmp_path)
    assert isinstance(messages[-1], jobs.Finished)
    assert not [message for message in messages if isinstance(message, jobs.Offered)]


def test_a_list_of_models_that_comes_late_is_not_given_up(hasty, fake, client):
    fake.capabilities = capabilities()
    fake.lists_models.clear()
    threading.Timer(1.0, fake.lists_models.set).start()
    (offer,) = follow_offer(client, Interrupt())
    assert len(offer.models) == 5


def test_the_server_is_asked_again_while_it_looks_for_models_and_to_look_only_once(fake, client):
    fake.capabilities = capabilities() | {"priors_refreshing": True}
    offers = follow_offer(client, Interrupt(), refresh=True)
    assert next(offers).refreshing
    assert next(offers).refreshing
    fake.capabilities = capabilities()
    assert [offer.refreshing for offer in offers] == [False]
    assert fake.seen == ["GET /v1/capabilities?refresh=true", *["GET /v1/capabilities"] * 2]


def test_a_submission_may_take_as_long_as_its_model_takes_to_be_looked_at(hasty, fake, client):
    stand_still(fake)
    assert client.submit(RECIPE, "key") == fake.job.id


def test_a_submission_that_is_waited_for_can_be_interrupted(fake, client):
    fake.answers.clear()
    stop = Interrupt()
    threading.Timer(0.2, stop.set).start()
    patience = Patience(stop, alive)
    with pytest.raises(Interrupted):
        patience.ask(lambda: client.submit(RECIPE, "key", stop))


def test_a_result_is_fetched_from_a_server_that_stands_still_at_the_end(hasty, fake, client, tmp_path):
    def script(job: FakeJob) -> None:
        stand_still(fake)
        job.done(mesh__npz=npz(**cube_arrays()), mesh__glb=b"glTF")

    fake.script = script
    finished = run(client, RECIPE, tmp_path)[-1]
    assert isinstance(finished, jobs.Finished)
    assert (finished.folder / "mesh.glb").read_bytes() == b"glTF"


def test_a_job_outlives_a_server_that_stands_still_for_longer_than_an_absent_one_is_waited_for(
    hasty, fake, client, tmp_path, monkeypatch
):
    monkeypatch.setattr(events, "PATIENCE", 0.5)
    monkeypatch.setattr(patience_module, "PATIENCE", 0.5)
    fake.cut_after = {2}

    def script(job: FakeJob) -> None:
        stand_still(fake, 2.0)
        job.send("state", state="running")
        fake.answers.wait()
        job.done(mesh__npz=npz(**cube_arrays()))

    fake.script = script
    messages = run(client, RECIPE, tmp_path)
    assert isinstance(messages[-1], jobs.Finished)
    told = [message.text for message in messages if isinstance(message, jobs.Noted)]
    assert told
    assert all("still waiting" in text for text in told)
    assert not fake.job.cancelled.is_set()


def test_a_server_that_stands_still_for_ever_is_given_up_as_slow_in_the_end(hasty, client, fake):
    fake.answers.clear()
    with pytest.raises(Slow):
        Patience(Interrupt(), alive, silent=0.5).ask(client.check)


def test_a_dead_server_is_given_up_at_once_however_slow_it_was(hasty, client, fake):
    fake.answers.clear()

    def dead() -> None:
        raise Problem("server-stopped", "It was killed.")

    with pytest.raises(Problem, match="killed"):
        Patience(Interrupt(), dead).ask(client.check)


def test_a_job_that_was_let_go_before_it_was_cancelled_is_cancelled_by_who_does_so_and_not_once_more(
    fake, client, tmp_path
):
    """Its thread is on its way out; meanwhile somebody may have tried the job again."""
    fake.script = lambda job: job.cancelled.wait(5)
    stop = Interrupt()

    def put(message: jobs.Message) -> None:
        if isinstance(message, Submitted):
            stop.set(leave=True)
            client.cancel(message.job_id)
            stop.set()

    jobs.run_job(RECIPE, tmp_path, Connection(lambda _: client, alive), stop, put)
    assert [order for _, order in fake.orders] == ["cancel"]


def test_a_job_that_was_cancelled_is_not_left_by_who_lets_go_of_it_later():
    stop = Interrupt()
    stop.set()
    stop.set(leave=True)
    assert not stop.leaves
