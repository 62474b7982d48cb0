from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.farm.clusters import HAS_RAY, Cluster, cluster
from tests.farm.served import Served, served


@pytest.fixture(scope="session")
def two_nodes() -> Iterator[Cluster]:
    """Beside the head, where no worker is: two nodes with room for one each."""
    if not HAS_RAY:
        pytest.skip("Ray is not installed here: pip install '.[farm]'")
    with cluster((1, 1)) as made:
        yield made


@pytest.fixture(scope="session")
def farm(two_nodes: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server whose workers are on both."""
    folder = tmp_path_factory.mktemp("farm") / "data"
    with served(folder, ["--ray", two_nodes.address, "--ray-cores", "1"], two_nodes.environment) as server:
        yield server
