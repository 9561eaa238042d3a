"""The endpoint goes away and comes back under a running operator."""

import time

import httpx
import pytest

from oracle.chain.protocol import Status
from oracle.demo.devnet import Devnet
from oracle.demo.processes import Worker
from tests.e2e.asking import Asker
from tests.e2e.cable import cable


@pytest.mark.parametrize("seconds", [1, 12])
def test_attack_47_a_cut_endpoint_costs_nothing_once_it_is_back(devnet: Devnet, asker: Asker, seconds: int) -> None:
    """Endpoints restart; the operator says so, keeps running, and answers what was asked meanwhile."""
    folder = devnet.config.parent
    with cable(devnet.anvil.port) as endpoint:
        command = ("--rpc", endpoint.url, "operator", "--http-port", "0")
        with Worker.start("operator-1", command, devnet.config, folder) as worker:
            asker.wait_for(asker.ask(1), {Status.ANSWERED, Status.FINAL})
            health = f"http://127.0.0.1:{worker.events('started')[-1]['port']}/health"
            assert httpx.get(health).status_code == 200
            asked = asker.ask(1)
            endpoint.cut()
            asked += asker.ask(2)
            time.sleep(seconds)
            if seconds > 10:
                assert httpx.get(health).status_code == 503
            worker.require_running()
            endpoint.mend()
            asker.wait_for(asked, {Status.FINAL}, seconds=90)
            assert httpx.get(health).status_code == 200
            worker.end()
    answers = asker.answers()
    assert {answers[each] for each in asked} == {1}
