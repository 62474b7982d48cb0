"""What a server says it can do, as the panel needs it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from fake_server import FakeServer, make_home
from offers import capabilities

from blender_msd.core.client import Client
from blender_msd.core.connection import Setup, choose_connection
from blender_msd.core.errors import Interrupted, Problem
from blender_msd.core.interrupt import Interrupt
from blender_msd.core.offer import Offer, follow_offer, in_words, read_offer
from blender_msd.core.server_process import LocalServer


@pytest.fixture
def offer() -> Offer:
    return read_offer(capabilities())


def test_models_keep_the_servers_order_and_an_empty_name_is_its_default(offer):
    assert [model.title for model in offer.models][:2] == ["Embedded", "Exact (reference for tests)"]
    assert offer.find("").name == "embedded"
    assert offer.find(" exact ").name == "exact"
    assert offer.find("/somewhere/else") is None
    assert Offer().find("") is None


def test_unknown_words_are_found_in_any_spelling_each_once(offer):
    model = offer.find("embedded")
    assert model.unknown_words("A yellow duck, with RED sphere") == []
    assert model.unknown_words("Dragon! a dragon_fly (duck)") == ["dragon", "fly"]
    assert model.unknown_words("") == []
    assert not model.refuses
    assert offer.find("exact").refuses


def test_a_model_that_reads_any_text_knows_every_word(offer):
    assert offer.find("surfaces").unknown_words("a shiny dragon") == []


def test_what_a_model_cannot_make_is_said_with_the_reason(offer):
    surfaces, broken = offer.find("surfaces"), offer.find("/models/broken")
    assert surfaces.cannot_make("texture") == ""
    assert surfaces.cannot_make("mesh") == "Surfaces makes textures, no objects."
    assert broken.cannot_make("mesh") == "broken cannot be used. unet is missing."


@pytest.mark.parametrize(
    ("devices", "known"),
    [
        ([{"state": "idle", "device": "cuda:0"}], True),
        ([{"state": "idle", "device": "cpu"}], False),
        ([{"state": "starting"}], None),
        ([{"state": "starting"}, {"state": "busy", "device": "cuda"}], True),
        ([{"state": "down"}], False),
        ([], None),
    ],
)
def test_a_missing_graphics_card_is_only_claimed_when_every_device_is_known(devices, known):
    offer = read_offer(capabilities() | {"devices": devices})
    large = offer.find("hub:somebody/large@main")
    assert offer.has_cuda is known
    assert offer.is_too_slow(large) == (known is False)
    assert not offer.is_too_slow(offer.find("embedded"))


def test_a_server_that_says_little_is_taken_at_its_word():
    offer = read_offer({"priors": [{"name": "exact"}]})
    (model,) = offer.models
    assert (model.title, model.cannot_make("mesh"), model.unknown_words("xyzzy")) == ("exact", "", [])
    assert read_offer({}) == Offer()


def test_the_server_is_asked_again_until_it_knows_its_devices():
    fake = FakeServer()
    fake.capabilities = capabilities() | {"devices": [{"state": "starting"}]}
    offers = follow_offer(Client(fake.url, fake.token), Interrupt())
    assert next(offers).has_cuda is None
    fake.capabilities = capabilities()
    assert [offer.has_cuda for offer in offers] == [False]
    fake.close()


def test_a_server_that_was_stopped_while_it_was_asked_is_no_problem():
    fake = FakeServer()
    client, stop = Client(fake.url, fake.token), Interrupt()
    fake.close()
    with pytest.raises(Problem):
        next(follow_offer(client, stop))
    stop.set()
    with pytest.raises(Interrupted):
        next(follow_offer(client, stop))


def test_a_server_that_is_started_is_told_where_the_models_lie(tmp_path):
    local = LocalServer(make_home(tmp_path / "home", "make_cube"), tmp_path / "data")
    client = local.connect(sys.executable, Interrupt(), tmp_path / "my models")
    said = client.capabilities()
    assert said["folders"] == said["allowed_folders"] == [str(tmp_path / "my models")]
    assert said["hub"] is False
    local.stop()


@pytest.mark.parametrize(("chosen", "online"), [(True, True), (True, False), (False, True)])
def test_the_hub_is_allowed_when_it_was_chosen_and_blender_may_go_online(tmp_path, chosen, online):
    local = LocalServer(make_home(tmp_path / "home", "make_cube"), tmp_path / "data")
    setup = Setup(Path(sys.executable), "", "", online, allow_hub=chosen)
    said = choose_connection(setup, local).connect(Interrupt()).capabilities()
    assert (said["hub"], said["folders"], said["allowed_folders"]) == (chosen and online, [], [])
    local.stop()


def test_a_large_texture_costs_the_pass_that_adds_its_detail_as_well():
    said = capabilities()
    cost = {"denoiser_calls": 300, "look_calls": 60, "detail_calls": 200}
    said["priors"][0] |= {"costs": {"texture": {"sketch": cost}}, "seconds_per_call": {"texture": 0.1}}
    said["priors"][0]["detail_from"] = 1024
    model = read_offer(said).models[0]
    found = [model.seconds("texture", "sketch", side) for side in (0, 512, 1023, 1024, 4096)]
    assert found == pytest.approx([30.0, 30.0, 30.0, 50.0, 50.0])
    assert model.look_share("texture", "sketch", 512) == pytest.approx(0.2)
    assert model.look_share("texture", "sketch", 2048) == pytest.approx(0.12)


def test_a_preset_costs_calls_and_time_where_it_was_measured():
    said = capabilities()
    said["priors"][0]["costs"] = {"mesh": {"sketch": {"denoiser_calls": 600}, "fine": {"denoiser_calls": 412_341}}}
    said["priors"][0]["seconds_per_call"] = {"mesh": 0.05}
    said["priors"][1]["costs"] = {"mesh": {"sketch": {"denoiser_calls": 600}}}
    model, unmeasured, older = read_offer(said).models[:3]
    assert model.cost("mesh", "fine") == "asks the model 412,341 times."
    assert model.seconds("mesh", "sketch") == pytest.approx(30.0)
    assert in_words(model.seconds("mesh", "fine")) == "5.7 h"
    assert model.seconds("texture", "sketch") is None
    assert unmeasured.seconds("mesh", "sketch") is None
    assert model.cost("texture", "sketch") == ""
    assert unmeasured.cost("mesh", "sketch") == "asks the model 600 times."
    assert older.cost("mesh", "sketch") == ""
