"""What will not fit is refused before it is loaded, with numbers and with what would fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.errors import BadRequest
from server.priors.catalogue import load_prior
from server.priors.pretrained import memory
from server.priors.pretrained.finding import find_model
from tests.priors.tiny_families import LAYOUTS, random_networks, write_model
from tests.priors.tiny_single_file import write_single_file


@pytest.mark.parametrize("form", ["file", "folder"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_estimate_counts_every_number_of_every_network(
    tmp_path: Path, layout: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = {"file": write_single_file, "folder": write_model}[form]
    model = find_model(str(write(tmp_path / "model.safetensors", layout)))
    monkeypatch.setattr(memory, "FIELD_BYTES", 0.0)
    monkeypatch.setattr(memory, "ENCODER_TENSORS", 0)
    monkeypatch.setattr(memory, "DENOISER_TENSORS", 0)
    networks = random_networks(layout).values()
    tensors = [tensor for network in networks for tensor in (*network.parameters(), *network.buffers())]
    numbers = sum(tensor.numel() for tensor in tensors if tensor.is_floating_point())
    # A single file may leave a projection out, or bring a layer that is not used.
    assert memory.estimate(model, memory.count_weights(model), "cpu").device == pytest.approx(
        4 * numbers, rel=0.15 if form == "file" else 1e-3
    )


def test_a_card_holds_half_of_it_and_less_when_memory_is_spared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "has_bfloat16", lambda device: True)
    monkeypatch.setattr(memory, "FIELD_BYTES", 0.0)
    model = find_model(str(write_model(tmp_path / "model", "sd3 with T5")))
    weights = memory.count_weights(model)
    full, half, spare = (memory.estimate(model, weights, *how) for how in (("cpu",), ("cuda",), ("cuda", True)))
    assert full.main == 0
    assert spare.device < half.device < full.device
    assert half.main > 0


@pytest.mark.parametrize(
    ("device", "free", "hint"),
    [("cpu", 1e9, "smaller model"), ("cuda", 1e9, "smaller model"), ("cuda", 2e9, "With --low-vram it needs")],
)
def test_what_does_not_fit_is_refused_with_numbers_and_a_way_out(
    tmp_path: Path, device: str, free: float, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = find_model(str(write_model(tmp_path / "model", "sd1")))
    monkeypatch.setattr(memory, "has_bfloat16", lambda device: True)
    monkeypatch.setattr(memory, "memory_of", lambda device: (int(free), 8 * 10**9))
    monkeypatch.setattr(memory, "DENOISER_TENSORS", 10**5 if hint.startswith("With") else 16)
    with pytest.raises(BadRequest) as caught:
        memory.check_memory(model, device)
    assert caught.value.code == "memory-short"
    assert f"{free / 1e9:.1f} of 8.0 GB" in caught.value.message
    assert hint in caught.value.hint


def test_loading_asks_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_model(tmp_path / "model", "sd1")
    monkeypatch.setattr(memory, "memory_of", lambda device: (10**6, 10**9))
    with pytest.raises(BadRequest) as caught:
        load_prior(str(folder))
    assert caught.value.code == "memory-short"


def test_where_memory_cannot_be_told_nothing_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = find_model(str(write_model(tmp_path / "model", "sd1")))
    monkeypatch.setattr(memory, "memory_of", lambda device: None)
    memory.check_memory(model, "cpu")
