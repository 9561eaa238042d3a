"""A devnet for each module of end-to-end tests."""

from collections.abc import Iterator

import pytest

from oracle.demo.devnet import Devnet
from tests.e2e.asking import Asker, asking


@pytest.fixture(scope="module")
def devnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    """A running devnet with a block a second."""
    with Devnet.start(tmp_path_factory.mktemp("assay"), window=2) as running:
        yield running


@pytest.fixture(scope="module")
def asker(devnet: Devnet) -> Iterator[Asker]:
    """A requester on it."""
    with asking(devnet) as someone:
        yield someone
