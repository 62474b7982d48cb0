"""Names of devices, and what can be said of them on a machine without an accelerator."""

from __future__ import annotations

import argparse

import pytest
import torch

from server import accelerators
from server.arguments import device
from server.commands.main import main
from server.errors import BadRequest
from server.generators.radiance_field.hash_grid import choose_backend

NONE_HERE = pytest.mark.skipif(torch.accelerator.is_available(), reason="this machine has an accelerator")


@pytest.mark.parametrize("name", ["auto", "cpu", "cuda", "cuda:1", "mps", "xpu", "xpu:12"])
def test_devices_of_every_brand_have_names(name: str) -> None:
    assert accelerators.is_device(name)


@pytest.mark.parametrize("name", ["", "gpu", "cpu:0", "cuda:", "cuda:x", "cuda:٣", "cuda:1000", "auto:1", "Cuda"])
def test_other_names_are_none(name: str) -> None:
    assert not accelerators.is_device(name)
    with pytest.raises(argparse.ArgumentTypeError):
        device(name)


@NONE_HERE
def test_auto_is_the_processor_where_there_is_nothing_else() -> None:
    assert device("auto") == "cpu"
    assert accelerators.all_devices() == ["cpu"]


@NONE_HERE
@pytest.mark.parametrize("name", ["cuda", "cuda:1", "mps", "xpu:0"])
def test_a_device_that_is_not_there_is_refused_before_anything_starts(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BadRequest) as caught:
        device(name)
    assert caught.value.code == "device-unavailable"
    for command in (["mesh", "a duck"], ["texture", "bricks"], ["sample", "a duck"], ["bench", "prior"]):
        assert main([*command, "--device", name]) == 2
        said = capsys.readouterr().err
        assert name in said
        assert said.count("\n") == 1


def test_the_processor_is_asked_the_same_as_accelerators() -> None:
    accelerators.use("cpu")
    accelerators.wait_for("cpu")
    accelerators.forget_peak("cpu")
    accelerators.free_cache()
    assert accelerators.peak_of("cpu") is None
    memory = accelerators.memory_of("cpu")
    assert memory is not None
    assert 0 < memory[0] <= memory[1]


@pytest.mark.parametrize("name", ["mps", "xpu:0"])
def test_brands_without_the_fused_kernel_get_the_plain_grid_and_a_reason(name: str) -> None:
    backend = choose_backend(name)
    assert backend.name == "torch"
    assert accelerators.brand_of(name) in backend.why


@pytest.mark.gpu
def test_an_accelerator_tells_its_name_and_its_memory(accelerator: str) -> None:
    assert accelerators.name_of(accelerator)
    memory = accelerators.memory_of(accelerator)
    assert memory is not None
    assert 0 < memory[0] <= memory[1]
    accelerators.forget_peak(accelerator)
    torch.ones(2**20, device=accelerator)
    accelerators.wait_for(accelerator)
    assert accelerators.peak_of(accelerator) is None or accelerators.peak_of(accelerator) >= 2**22


def test_auto_is_every_card_of_a_machine_and_nothing_beside_its_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    for cards, device_name, others in (
        (["cuda:0", "cuda:1", "cuda:2"], "cuda", ["cuda:1", "cuda:2"]),
        (["mps:0"], "mps", []),
        ([], "cpu", []),
    ):
        monkeypatch.setattr(accelerators, "all_devices", lambda cards=cards: ["cpu", *cards])
        assert accelerators.others_like(device_name) == others
