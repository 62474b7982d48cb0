"""Before any test imports torch: numbers are computed as in the server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import server  # noqa: F401  (sets what torch's libraries read from the environment)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """For networks so small that threads would only wait for each other; the next module has its threads again."""
    import torch  # Blender's Python has none

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def no_hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Models that this machine has fetched from the hub are not seen."""
    from tests.priors.hub_cache import move_hub_cache

    move_hub_cache(monkeypatch, tmp_path / "no-hub")


@pytest.fixture
def accelerator() -> str:
    """The name of this machine's accelerator; without one the test is skipped."""
    from server.accelerators import choose_device  # Blender's Python has no torch

    device = choose_device("auto")
    if device == "cpu":
        pytest.skip("this machine has no accelerator")
    return device
