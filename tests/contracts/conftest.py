"""Contract tests run against one anvil for the session, started by the project's launcher; ape connects to it.

`ape test tests/contracts`; with `--update-gas-snapshot` the gas test writes its file instead of comparing.
"""

import os
from contextlib import ExitStack

import pytest

from oracle.chain.anvil import Anvil
from tests.contracts.world import World

_running = ExitStack()


def pytest_addoption(parser):
    """The flag that accepts new gas figures."""
    parser.addoption("--update-gas-snapshot", action="store_true", help="write gas-snapshot.json instead of comparing")


def pytest_configure(config):
    """Start the chain before ape connects to it."""
    os.environ["APE_FOUNDRY_HOST"] = _running.enter_context(Anvil.start()).url


def pytest_unconfigure(config):
    """Stop the chain, whatever the tests did."""
    _running.close()


@pytest.fixture(scope="session")
def session_world(project, accounts, chain):
    """The contracts, deployed once; ape takes the chain back to here after each test."""
    return World.deploy(project, accounts, chain)


@pytest.fixture
def world(session_world):
    """The contracts and everything tests do to them; a fresh salt counter is not needed, ids differ by salt."""
    return session_world
