import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from server.errors import BadRequest
from server.priors.embedded.card import trained_views
from server.priors.embedded.light_field import LightField
from server.priors.embedded.patch_code import PatchCode
from server.priors.embedded.wording import build_tokenizer, tokens_of, vocabulary, word_tokens
from server.training.captions_table import object_captions, object_table, surface_captions, surface_table
from server.training.export import export
from server.training.heldout import HELD_OUT_COLOUR, HELD_OUT_PAIR, is_held_out
from server.training.model_card import model_card
from server.training.networks import Networks, build_networks, predict_velocity
from server.training.pictures import PictureBank
from server.training.plan import Plan, Size
from server.training.training import Trainer
from server.world.captions import KINDS, PATTERNS, Caption, read_caption, usual_second
from server.world.views import Views
from tests.closeness import assert_close_to_rounding

CPU = torch.device("cpu")
TINY = Size(image=32, channels=(16, 32), words=32, light_width=32, light_blocks=2)
PLAN = Plan(size=TINY, light_steps=3, light_batch=4, steps=4, batch=4, views=6, windows=3)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pictures")


def finished_run(folder: Path, cache: Path) -> Trainer:
    trainer = Trainer(PLAN, folder, cache, CPU)
    while not trainer.done:
        trainer.advance()
    return trainer


def weights(trainer: Trainer) -> torch.Tensor:
    networks = trainer.networks
    modules = (networks.patch_code, networks.light_field, networks.text_encoder, networks.unet)
    return torch.cat([p.detach().flatten() for m in modules for p in m.parameters()])


def test_one_colour_of_every_kind_and_one_pair_of_every_surface_is_held_out() -> None:
    assert set(HELD_OUT_COLOUR) == set(KINDS)
    assert set(HELD_OUT_PAIR) == set(PATTERNS)
    assert len({caption.colour for caption in object_captions()}) == 12


def test_held_out_combinations_are_never_drawn() -> None:
    for caption in object_captions():
        assert caption.colour != HELD_OUT_COLOUR[caption.name]
    for caption in surface_captions():
        assert (caption.colour, caption.second or usual_second(caption)) != HELD_OUT_PAIR[caption.name]
    assert is_held_out(Caption("mesh", "duck", "purple", "red"))
    assert is_held_out(Caption("texture", "bricks", "blue", "white"))


def test_a_pair_is_held_out_even_when_its_second_colour_is_left_unsaid() -> None:
    drawn = {(c.name, c.colour, c.second or usual_second(c)) for c in surface_captions()}
    assert not drawn & {(name, *pair) for name, pair in HELD_OUT_PAIR.items()}


def test_every_wording_reads_back_as_the_caption_it_words() -> None:
    tokenizer = build_tokenizer()
    for table in (object_table(tokenizer), surface_table(tokenizer)):
        for i in range(0, len(table.captions), 97):
            caption = table.captions[i]
            for ids in table.tokens[i].flatten(0, 1):
                said = read_caption(tokenizer.decode(ids, skip_special_tokens=True))
                assert (said.name, said.colour) == (caption.name, caption.colour)
                assert (said.second or caption.second) == (caption.second or said.second)


def test_token_numbers_are_the_same_in_every_process() -> None:
    code = "from server.priors.embedded.wording import build_tokenizer as b; print(sorted(b().get_vocab().items()))"
    elsewhere = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8").stdout
    assert elsewhere.strip() == str(sorted(build_tokenizer().get_vocab().items()))


def test_the_quick_way_to_tokens_gives_the_tokenizers_own() -> None:
    tokenizer = build_tokenizer()
    texts = ["a red mug with a blue handle, side view", "grey cobblestone on green"]
    assert torch.equal(word_tokens(tokenizer, texts), tokens_of(tokenizer, texts))


def test_every_word_is_one_token_and_captions_fit() -> None:
    tokenizer = build_tokenizer()
    assert all(len(tokenizer.tokenize(word)) == 1 for word in vocabulary())
    longest = Caption("mesh", "snowman", "purple", "orange", "overhead").text()
    assert len(tokenizer(longest)["input_ids"]) <= 16
    tokens = tokens_of(tokenizer, ["a red duck", ""])
    assert tokens.shape == (2, 16)
    assert (tokens[1, 1:] == tokenizer.eos_token_id).all()


def test_the_patch_code_is_the_best_linear_one() -> None:
    generator = torch.Generator().manual_seed(0)
    basis = torch.linalg.qr(torch.randn(48, 12, generator=generator))[0]
    codes = torch.randn(4, 12, 4, 4, generator=generator)
    pictures = torch.nn.functional.pixel_shuffle(torch.einsum("pk,bkhw->bphw", basis, codes) + 0.2, 4)
    code = PatchCode()
    assert code.fit(pictures) < 1e-5
    latents = code.encode(pictures).latent_dist.mode()
    assert latents.shape == (4, 12, 4, 4)
    torch.testing.assert_close(code.decode(latents).sample, pictures, atol=1e-4, rtol=0)
    torch.testing.assert_close(torch.pdist(latents.flatten(1)), torch.pdist(pictures.flatten(1)), atol=1e-3, rtol=1e-3)


def test_a_light_field_tells_handles_from_mugs_and_cameras_apart() -> None:
    tokenizer = build_tokenizer()
    networks = build_networks(TINY, seed=0)
    tokens = tokens_of(tokenizer, ["a red mug with a blue handle", "a blue mug with a red handle"])
    field = networks.light_field
    torch.nn.init.normal_(field.blocks[0].fall.weight, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        one, other = field(tokens, Views.orbit([0.0, 0.0]))
        turned = field(tokens[:1], Views.orbit([90.0]))[0]
    assert (one - other).abs().max() > 1e-4
    assert (one - turned).abs().max() > 1e-4


def test_an_unknown_background_looks_like_none_at_all() -> None:
    networks = build_networks(TINY, seed=0)
    tokens = tokens_of(networks.tokenizer, ["a duck"])
    views = Views.orbit([30.0])
    hidden = Views(views.azimuth, views.elevation, views.distance, views.fov, torch.full((1, 3), float("nan")))
    with torch.no_grad():
        assert_close_to_rounding(networks.light_field(tokens, hidden), networks.light_field(tokens, views))


def test_drawn_pictures_show_what_their_captions_say(cache: Path) -> None:
    bank = PictureBank(cache, TINY.image, PLAN.views, PLAN.windows, CPU)
    table = object_table(build_tokenizer())
    batch = bank.draw_objects(table, 96, torch.Generator().manual_seed(0))
    assert batch.pictures.shape == (96, 3, 32, 32)
    corners = batch.pictures[:, :, 0, 0]
    torch.testing.assert_close(corners, batch.views.background, atol=1e-5, rtol=0)
    balls = [i for i in range(96) if table.captions[batch.row[i]].name == "ball"]
    assert balls
    for i in balls:
        likeness = torch.cosine_similarity(batch.pictures[i, :, 16, 16], table.colours[batch.row[i], 0], dim=0)
        assert likeness > 0.999


def test_a_step_draws_the_same_whenever_it_is_drawn(cache: Path) -> None:
    bank = PictureBank(cache, TINY.image, PLAN.views, PLAN.windows, CPU)
    table = surface_table(build_tokenizer())
    one, other = (bank.draw_surfaces(table, 8, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(one.pictures, other.pictures)
    assert torch.equal(one.tokens, other.tokens)


@pytest.mark.parametrize("stop_after", [2, 5], ids=["in the light field", "in the diffusion network"])
def test_a_resumed_run_goes_on_like_an_uninterrupted_one(tmp_path: Path, cache: Path, stop_after: int) -> None:
    straight = Trainer(PLAN, tmp_path, cache, CPU)
    for _ in range(stop_after):
        straight.advance()
    straight.save()
    resumed = Trainer(PLAN, tmp_path, cache, CPU)
    assert (resumed.stage, resumed.step) == (straight.stage, straight.step)
    assert torch.equal(weights(resumed), weights(straight))
    assert all(torch.equal(a, b) for a, b in zip(resumed.average.values, straight.average.values, strict=True))
    moments, own_moments = (t.optimiser.state_dict()["state"] for t in (straight, resumed))
    assert all(torch.equal(moments[i][key], own_moments[i][key]) for i in moments for key in moments[i])
    # From here on not bit by bit: sums of floats depend on where in memory a tensor happens to lie.
    for _ in range(2):
        torch.testing.assert_close(resumed.advance()["loss"], straight.advance()["loss"], atol=1e-3, rtol=1e-3)


def test_a_run_with_another_plan_is_refused(tmp_path: Path, cache: Path) -> None:
    trainer = Trainer(PLAN, tmp_path, cache, CPU)
    trainer.save()
    for other in ({"seed": 1}, {"views": 5}):
        with pytest.raises(BadRequest, match="another --out"):
            Trainer(replace(PLAN, **other), tmp_path, cache, CPU)


def test_training_learns_and_keeps_a_record(tmp_path: Path, cache: Path) -> None:
    plan = replace(PLAN, light_steps=120, light_batch=8, light_rate=5e-3, steps=2)
    trainer = Trainer(plan, tmp_path, cache, CPU)
    first = sum(float(trainer.advance()["loss"]) for _ in range(5))
    trainer.run(checkpoint_seconds=1e9, sheet_every=10**9)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["stage"] for line in lines] == ["light", "light", "light", "diffusion"]
    assert lines[2]["loss"] < 0.85 * first / 5
    assert (tmp_path / "sheets" / "diffusion-000002.png").exists()
    assert trainer.report()["images"] == {"light_field": 960, "diffusion": 8}


def test_an_export_opens_component_by_component_and_computes_the_same(tmp_path: Path, cache: Path) -> None:
    trainer = Trainer(PLAN, tmp_path / "run", cache, CPU)
    trainer.run(checkpoint_seconds=1e9, sheet_every=10**9)
    folder = tmp_path / "weights"
    export(tmp_path / "run", folder)
    assert trained_views(folder) == PLAN.views
    tokenizer = CLIPTokenizer.from_pretrained(folder, subfolder="tokenizer")
    text = CLIPTextModel.from_pretrained(folder, subfolder="text_encoder")
    unet = UNet2DConditionModel.from_pretrained(folder, subfolder="unet")
    light = LightField.from_pretrained(folder, subfolder="light_field")
    code = PatchCode.from_pretrained(folder, subfolder="vae")
    scheduler = DDIMScheduler.from_pretrained(folder, subfolder="scheduler")
    assert scheduler.config.prediction_type == "v_prediction"
    assert code.config.scaling_factor == trainer.networks.patch_code.config.scaling_factor
    tokens = tokens_of(tokenizer, ["a green car"])
    loaded = Networks(tokenizer=tokenizer, patch_code=code, light_field=light, text_encoder=text, unet=unet)
    trainer.average.swap([trainer.networks.text_encoder, trainer.networks.unet])
    noisy = torch.randn(1, 12, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        outputs = []
        for networks in (trainer.networks, loaded):
            seen = networks.light_field(tokens, Views.orbit([45.0])).float()
            networks.unet.float()
            networks.text_encoder.float()
            outputs.append(predict_velocity(networks, noisy, torch.tensor([500]), tokens, seen))
    torch.testing.assert_close(outputs[0], outputs[1], atol=0.01, rtol=0.02)


def test_the_model_card_counts_pictures_and_hours_and_names_what_was_held_out(tmp_path: Path) -> None:
    plan = {"light_steps": 100, "light_batch": 24, "batch": 32}
    line = {"stage": "diffusion", "step": 50, "images_per_second": 2.0}
    (tmp_path / "log.jsonl").write_text((json.dumps(line) + "\n") * 9, encoding="utf-8")
    card = model_card(plan, 450, tmp_path / "log.jsonl", "an abacus", None)
    assert "2,400 pictures for the light field and 14,400 for the diffusion network, 2.0 hours" in " ".join(
        card.split()
    )
    assert "an abacus" in card
    assert "purple duck" in card
    assert "Not judged yet" in card
