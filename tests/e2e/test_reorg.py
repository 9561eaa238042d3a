"""Reorganisations under a running operator: what the chain takes back, it answers again, and only that."""

from oracle.chain.protocol import Status
from oracle.demo.devnet import Devnet
from oracle.demo.processes import Worker
from tests.e2e.asking import Asker


def test_attack_05_reorgs_of_depth_one_to_ten_lose_no_answer(devnet: Devnet, asker: Asker) -> None:
    """The chain of a real node forks; requests and answers come, go, and come again in other blocks."""
    folder = devnet.config.parent
    with Worker.start("operator-1", ("operator",), devnet.config, folder) as worker:
        kept = asker.ask(2)
        asker.wait_for(kept, {Status.FINAL})
        for depth in range(1, 11):
            asked = asker.ask(2)
            if depth % 2:
                asker.wait_for(asked, {Status.ANSWERED, Status.FINAL})
            before = asker.provider.block_number()
            devnet.anvil.rpc("anvil_reorg", depth, [])
            asker.sender.reopen(before - depth)
            asker.wait_for(asked, {Status.ANSWERED, Status.FINAL}, seconds=90)
            worker.require_running()
        asker.wait_for(kept, {Status.FINAL})
        worker.require_running()
        worker.end()


def test_a_snapshot_taken_back_is_followed_like_a_reorg(devnet: Devnet, asker: Asker) -> None:
    """Whole stretches of chain can vanish below the head the store has seen."""
    folder = devnet.config.parent
    with Worker.start("operator-1", ("operator",), devnet.config, folder) as worker:
        first = asker.ask(1)
        asker.wait_for(first, {Status.ANSWERED, Status.FINAL})
        snapshot, at = devnet.anvil.rpc("evm_snapshot"), asker.provider.block_number()
        second = asker.ask(2)
        asker.wait_for(second, {Status.ANSWERED, Status.FINAL})
        assert devnet.anvil.rpc("evm_revert", snapshot) is True
        asker.sender.reopen(at)
        asker.wait_for(second, {Status.ANSWERED, Status.FINAL}, seconds=90)
        asker.wait_for(first, {Status.FINAL}, seconds=90)
        worker.require_running()
