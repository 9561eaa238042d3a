"""An operator that is killed: whatever the instruction, nothing is lost and nothing is sent twice."""

import random
import time

from oracle.chain.protocol import Status
from oracle.demo.devnet import Devnet
from oracle.demo.processes import Worker
from tests.e2e.asking import Asker

KILLS = 20


def test_attack_48_killed_at_random_points_an_operator_answers_each_request_once(devnet: Devnet, asker: Asker) -> None:
    """SIGKILL leaves no time for tidying: only what was stored before acting can be resumed."""
    chance = random.Random(48)  # noqa: S311 (moments of killing, no secret)
    folder = devnet.config.parent
    command = ("operator", "--model", str(devnet.models["credit"].path))
    asked = []
    for _ in range(KILLS):
        asked += asker.ask(3)
        with Worker.start("operator-1", command, devnet.config, folder) as worker:
            until = time.monotonic() + 20
            while not worker.events("started") and time.monotonic() < until:
                worker.require_running()
                time.sleep(0.02)
            time.sleep(chance.uniform(0, 1.5))
            worker.process.kill()
            worker.process.wait()
    with Worker.start("operator-1", command, devnet.config, folder) as worker:
        asker.wait_for(asked, {Status.FINAL}, seconds=90)
        worker.require_running()
        worker.end()
    answers = asker.answers()
    assert {answers[each] for each in asked} == {1}
    balance, locked = (
        getattr(asker.oracle.stake_of(asker.provider, devnet.accounts["operator-1"].address), part)
        for part in ("balance", "locked")
    )
    assert locked == 0
    assert balance >= 10**19
