"""An honest operator against everybody, on a real chain: never refuted, always paid, final within the bound."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from oracle.chain.abi import artifact
from oracle.chain.calls import Call
from oracle.chain.deploy import DEMANDS_PER_MOVE
from oracle.chain.gas import TRANSACTION_CAP
from oracle.chain.protocol import GWEI, ZERO_ADDRESS, Status, Verdict
from tests.adversary.arena import CHALLENGERS, POLICY, Arena, Refused
from tests.adversary.duel import Duel, Manner
from tests.adversary.liars import shifted, truth
from tests.adversary.nuisances import nuisances
from tests.adversary.scenes import Scene, chain, heavy, scene
from tests.adversary.siege import Attacker, Result, Siege, crowd, flood
from tests.differential.models import program_of, real_input

SMALLEST_BLOCK = 30_000_000


@pytest.fixture(scope="module")
def arena() -> Iterator[Arena]:
    """One chain for all cases: each is undone after it."""
    with Arena.start() as running:
        yield running


def upheld(arena: Arena, lay: Callable[[], Siege]) -> Result:
    """A siege to its end and undone: the answer must be final, and every wei go where the rules say."""
    oracle, dispute, provider = arena.oracle, arena.dispute, arena.provider
    with arena.restored():
        burnt, siege = arena.balance(ZERO_ADDRESS), lay()
        result = siege.play()
        subject = siege.duel.subject
        status = oracle.status_of(provider, subject.request.id(provider.chain_id, oracle.address)).status
        assert (result.verdict, status) == (Verdict.UPHELD, Status.FINAL)
        assert oracle.stake_of(provider, arena.operator).locked == 0
        credit = dispute.credit_of(provider, arena.operator)
        assert credit == result.bonds * 3 // 4 == arena.balance(dispute.address)
        assert arena.balance(ZERO_ADDRESS) - burnt == result.bonds - credit
        arena.send(arena.operator, dispute.withdraw(credit, arena.operator))
        assert arena.balance(dispute.address) == 0
    assert credit > result.gas * GWEI  # the base fee of the terms
    assert result.lasted < result.bound
    assert result.due_in_a_move <= DEMANDS_PER_MOVE + 1
    assert result.gas_of_a_transaction < TRANSACTION_CAP
    assert result.gas_of_a_move < SMALLEST_BLOCK
    print(result)
    return result


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("name", ["credit", "many nodes"])
def test_attack_1_12_a_crowd_never_refutes_an_honest_operator(arena: Arena, name: str, *, late: bool) -> None:
    """Floods, joins, slow walks to the last second, junk proofs of every fault, proofs copied from other games."""
    where = chain(300, 70) if name == "many nodes" else sample("credit")
    result = upheld(arena, lambda: Siege(arena, where, crowd(arena, 1, opens_late=late)))
    assert result.demands >= 7 * CHALLENGERS
    assert len(result.refused) >= 15


def test_attack_63_a_flood_of_the_dearest_demands_is_met_within_each_move(arena: Arena) -> None:
    """Fifty tensors of 128 full leaves demanded in one block: what falls due within a moveTime fits half a block."""
    result = upheld(arena, lambda: flood(arena))
    assert (result.demands, result.reveals) == (CHALLENGERS, CHALLENGERS)
    assert result.gas_of_a_move < SMALLEST_BLOCK // 2


def test_attack_63_one_account_may_flood_as_well(arena: Arena) -> None:
    """Chains are paid for one by one, whoever opens them."""
    opener, rich = (Attacker(account, bonds=bonds) for account, bonds in zip(arena.challengers, (1, 20), strict=False))
    result = upheld(arena, lambda: Siege(arena, heavy(), [opener, rich]))
    assert result.bonds == 21 * POLICY.challenger_bond * GWEI
    assert result.demands == 7 + 19 + 7


def test_nothing_that_is_no_call_is_taken(arena: Arena) -> None:
    """Random bytes, calls cut short, ether where none is asked for: each reverts and moves nothing."""
    where = sample("credit")
    rng = np.random.default_rng(7)
    with arena.restored():
        duel = Duel(arena, where, truth(where))
        duel.challenge()
        duel.operate()
        address, functions = arena.dispute.address, artifact("Dispute").functions
        valid = {call.data[:4]: call.data for _, call in nuisances(arena.dispute, where, duel.subject, duel.id)}
        views = {entry["name"] for entry in artifact("Dispute").abi if entry.get("stateMutability") in ("view", "pure")}
        calls = [Call(address, b""), Call(address, b"", 1), Call(address, b"\xff\xff\xff\xff")]
        for name, entry in functions.items():
            if name not in views:
                calls += [Call(address, entry.selector), Call(address, entry.selector + rng.bytes(777))]
                whole = valid.get(entry.selector, b"")
                calls += [Call(address, whole[: len(whole) // 2]), Call(address, whole, 1)] if whole else []
        assert len(valid) >= len(functions) - len(views) - 2
        before = state(arena)
        for call in calls:
            (answer,) = arena.send_together([(arena.bystander, call, 3_000_000)])
            assert isinstance(answer, Refused), call.data.hex()
        assert state(arena) == before


def test_a_proof_is_worth_nothing_after_its_game(arena: Arena) -> None:
    """The winning transaction sent again, by anybody, ends and pays nothing."""
    where = sample("credit")
    with arena.restored():
        duel = Duel(arena, where, shifted(where, where.computed[0], 0))
        outcome = duel.play()
        won = arena.provider.rpc("eth_getTransactionByHash", outcome.made[-1].tx_hash)
        again = Call(arena.dispute.address, bytes.fromhex(won["input"][2:]))
        before = state(arena)
        for account in (duel.challenger, arena.operator, arena.bystander):
            with pytest.raises(Refused, match="Dispute_NotOpen"):
                arena.send(account, again)
        assert state(arena) == before


def test_the_last_second_is_in_time_and_the_next_one_is_not(arena: Arena) -> None:
    """A right answer stands with a trace posted in the last second; one second later it is lost, however right."""
    where = sample("credit")
    with arena.restored():
        duel = Duel(arena, where, truth(where))
        duel.challenge()
        arena.wait_until(duel.the_game.trace_deadline - 1)
        assert duel.play_on().verdict is Verdict.UPHELD
    with arena.restored():
        assert Duel(arena, where, truth(where), Manner(posts=False, late=True)).play().verdict is Verdict.REFUTED


def sample(name: str) -> Scene:
    """A sample model with a real input."""
    return scene(program_of(name), [real_input(name).reshape(-1)])


def state(arena: Arena) -> list[tuple[str, str]]:
    """Storage and ether of the contracts."""
    found = []
    for address in (arena.oracle.address, arena.dispute.address):
        proof = arena.provider.rpc("eth_getProof", address, [], "latest")
        found.append((proof["storageHash"], proof["balance"]))
    return found
