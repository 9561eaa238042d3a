"""A devnet for each module of end-to-end tests."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from oracle.demo.devnet import Devnet
from oracle.settings import load_settings
from tests.e2e.asking import Asker, asking


@pytest.fixture(scope="module")
def devnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    """A running devnet with a block a second, where what is not mined soon is replaced soon.

    anvil keeps the hashes of transactions that a reorg removed, and takes only a replacement in their stead.
    """
    with Devnet.start(tmp_path_factory.mktemp("assay"), window=2) as running:
        with running.config.open("a") as config:
            config.write("\n[fees]\nbump_after_seconds = 2\n")
        yield replace(running, settings=load_settings(running.config))


@pytest.fixture(scope="module")
def asker(devnet: Devnet) -> Iterator[Asker]:
    """A requester on it."""
    with asking(devnet) as someone:
        yield someone
