"""What "the same bits" rests on: no number depends on where in memory an array happens to lie."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

ELSEWHERE = """
import hashlib, server, torch
torch.set_num_threads(1)

def at(values, shift):
    "A copy that begins `shift` numbers behind an address that is a multiple of 64 bytes."
    room = torch.empty(values.numel() + 64)
    begin = -(room.data_ptr() // 4) % 16 + shift
    return room[begin : begin + values.numel()].view(values.shape).copy_(values)

def digest(tensors):
    return hashlib.sha256(b"".join(tensor.contiguous().numpy().tobytes() for tensor in tensors)).hexdigest()

generator = torch.Generator().manual_seed(0)
"""
PRODUCTS = """
sizes = [(1, 24, 72), (2, 24, 72), (2, 768, 5), (9, 33, 17), (300, 64, 4), (64, 64, 64)]
pairs = [(torch.randn(m, k, generator=generator), torch.randn(n, k, generator=generator)) for m, k, n in sizes]
for shift in range(16):
    print(digest(torch.nn.functional.linear(at(a, shift), at(b, 5 * shift % 16)) for a, b in pairs))
"""
EMBEDDED = """
from server.priors.embedded.prior import EmbeddedPrior
from server.world.views import Views

noisy, sigma = torch.randn(2, *EmbeddedPrior.card.latent_shape, generator=generator), torch.tensor([0.5, 3.0])
for shift in (0, 4, 7):
    prior = EmbeddedPrior()
    for network in (prior._unet, prior._light_field, prior._text_encoder):
        for weight in network.parameters():
            weight.data = at(weight.data, shift)
    condition = prior.condition("a yellow duck", Views.orbit([0.0, 130.0]))
    print(digest([condition.states, *prior.denoise(at(noisy, shift), sigma, [condition])]))
"""


def answers(script: str) -> list[str]:
    """The lines that it prints in a process where nobody chose how MKL rounds."""
    environment = {name: value for name, value in os.environ.items() if name != "MKL_CBWR"}
    command = [sys.executable, "-c", ELSEWHERE + script]
    ran = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=True, encoding="utf-8"
    )
    return ran.stdout.split()


@pytest.mark.parametrize(("script", "places"), [(PRODUCTS, 16), (EMBEDDED, 3)], ids=["products", "the embedded prior"])
def test_the_place_of_arrays_in_memory_changes_no_bit(script: str, places: int) -> None:
    digests = answers(script)
    assert len(digests) == places
    assert len(set(digests)) == 1


ENTRANCES = ["server.__main__", "server.jobs.worker", "server.api.serving", "server.training.training"]


@pytest.mark.parametrize("entrance", ENTRANCES)
@pytest.mark.parametrize("chosen", [None, "COMPATIBLE", ""], ids=["not chosen", "chosen", "chosen to be none"])
def test_every_process_has_the_setting_before_torch_and_a_persons_own_wins(entrance: str, chosen: str | None) -> None:
    code = (
        "import os, sys\n"
        "class Watch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'torch': print(os.environ['MKL_CBWR']); sys.stdout.flush(); os._exit(0)\n"
        "sys.meta_path.insert(0, Watch())\n"
        f"import {entrance}\n"
        "print(os.environ['MKL_CBWR'])"
    )
    environment = {name: value for name, value in os.environ.items() if name != "MKL_CBWR"}
    environment |= {} if chosen is None else {"MKL_CBWR": chosen}
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, encoding="utf-8"
    )
    assert ran.stdout == ("AUTO" if chosen is None else chosen) + "\n", ran.stderr
