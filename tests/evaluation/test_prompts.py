"""Table 3: pictures of prompts, their distance from samples, and how they fit their prompts."""

import json
from pathlib import Path

import pytest
import torch
from scipy.linalg import sqrtm
from torch import Tensor, nn

from server.commands.main import main
from server.errors import BadRequest
from server.evaluation.features import (
    checked,
    clip_similarity,
    features_of_judge,
    frechet_distance,
    inception_features,
    similarity_of_judge,
)
from server.evaluation.prompts import METHODS, PROMPTS, evaluate_prompts, planned_steps
from server.training.judge import Judge
from tests.two_pictures import TwoPictures


def _normal(count: int, size: int, seed: int) -> Tensor:
    return torch.randn((count, size), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_distance_is_frechets() -> None:
    one, other = _normal(40, 6, 0) @ _normal(6, 6, 1), _normal(50, 6, 2) + 0.5
    covariances = [torch.cov(features.T).numpy() for features in (one, other)]
    root = sqrtm(covariances[0] @ covariances[1]).real
    expected = (
        float((one.mean(0) - other.mean(0)).square().sum()) + sum(c.trace() for c in covariances) - 2 * root.trace()
    )
    assert frechet_distance(one, other) == pytest.approx(expected, rel=1e-6)


def test_the_distance_is_exact_with_fewer_pictures_than_features() -> None:
    few = _normal(5, 300, 0)
    assert frechet_distance(few, few) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(few, few + 2) == pytest.approx(300 * 4, rel=1e-9)


def test_ten_prompts_that_the_classifier_reads() -> None:
    assert len(set(PROMPTS)) == 10
    similarity = checked(similarity_of_judge(Judge()), PROMPTS, 64)
    sure = similarity(torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0)), PROMPTS[0])
    assert sure.shape == (3,)
    assert bool(((sure > 0) & (sure < 1)).all())


def test_a_prompt_that_the_classifier_cannot_read_is_refused_before_anything_runs() -> None:
    with pytest.raises(BadRequest) as caught:
        checked(similarity_of_judge(Judge()), ["a corgi in a hat"], 64)
    assert caught.value.code == "prompt-unreadable"


def test_every_method_has_a_row_at_equal_calls_beside_the_priors_samples(tmp_path: Path) -> None:
    judge, done = Judge().eval(), []
    prompts = PROMPTS[:2]
    result = evaluate_prompts(
        TwoPictures(), "embedded", prompts, METHODS, range(2), 80, features_of_judge(judge),
        similarity_of_judge(judge), pictures=tmp_path, on_step=done.append,
    )  # fmt: skip
    assert [row["method"] for row in result["rows"]] == ["ddim", *METHODS]
    assert len(done) == planned_steps(2, len(METHODS), 2)
    for row in result["rows"]:
        assert row["pictures"] == 4
        assert row["fid"] >= 0
        assert (tmp_path / f"{row['method']}.png").is_file()
        if row["method"] != "ddim":
            assert row["steps"] >= 1
            assert row["calls"] <= 80


def test_a_run_comes_nearer_to_the_samples_than_the_grey_that_it_begins_with() -> None:
    prior = TwoPictures()

    def pixels(pictures: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(pictures, 16).flatten(1)

    def grey(pictures: Tensor, prompt: str) -> Tensor:
        return torch.zeros(len(pictures))

    rows = [
        evaluate_prompts(prior, "embedded", ["a red cube"], ["noised"], range(2), calls, pixels, grey)["rows"][1]
        for calls in (2, 200)
    ]
    assert rows[1]["fid"] < rows[0]["fid"] / 4


class _Features(nn.Module):
    def forward(self, pictures: Tensor, return_features: bool = False) -> Tensor:
        return pictures.mean((2, 3)) if return_features else pictures


def test_inception_is_read_from_a_file_and_sees_pictures_as_it_was_trained(tmp_path: Path) -> None:
    file = tmp_path / "inception.pt"
    torch.jit.script(_Features()).save(str(file))
    assert inception_features(file)(torch.full((2, 3, 64, 64), 0.5)) == pytest.approx(torch.full((2, 3), 127.5))


@pytest.mark.parametrize("load", [inception_features, clip_similarity])
def test_a_file_that_is_no_model_is_refused_in_one_sentence(load, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    broken = tmp_path / "broken"
    if load is inception_features:
        broken.write_bytes(b"no model")
    else:
        broken.mkdir()
    with pytest.raises(BadRequest) as caught:
        load(broken)
    assert caught.value.code == "feature-model-unusable"
    assert "\n" not in str(caught.value)


def _tiny_clip(folder: Path) -> Path:
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTokenizer

    vocabulary = {"<|startoftext|>": 0, "<|endoftext|>": 1, "a</w>": 2, "red</w>": 3, "cube</w>": 4}
    tower = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    words = {**tower, "vocab_size": 5, "bos_token_id": 0, "eos_token_id": 1, "max_position_embeddings": 16}
    config = CLIPConfig(
        text_config=words, vision_config={**tower, "image_size": 32, "patch_size": 16}, projection_dim=8
    )
    CLIPModel(config).save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt")).save_pretrained(folder)
    CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def test_with_models_on_disk_the_command_needs_no_classifier_and_its_title_says_what_was_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "inception.pt"
    torch.jit.script(_Features()).save(str(file))
    words = ["--prior", "embedded", "--prompts", "a red cube", "--methods", "noised", "--calls", "8", "--seeds", "2"]
    models = ["--inception", str(file), "--clip", str(_tiny_clip(tmp_path / "clip"))]
    cache = tmp_path / "cache"
    given = ["evaluate", "prompts", *words, *models, "--cache", str(cache), "--pictures", str(tmp_path / "out")]
    assert main(given) == 0
    title, heading, *rows, paper = capsys.readouterr().out.splitlines()
    assert title == "Table 3 with embedded, prompts of your own: FID of Inception's features, and CLIP similarity"
    assert heading.split()[:3] == ["method", "FID", "similarity"]
    assert [row.split()[0] for row in rows] == ["ddim", "noised"]
    assert paper.startswith("paper: ")
    assert not list(cache.glob("judge*"))
    assert json.loads((tmp_path / "out" / "prompts.json").read_text(encoding="utf-8"))["title"] == title
