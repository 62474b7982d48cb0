"""Before any test imports torch: numbers are computed as in the server."""

from collections.abc import Iterator

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
