"""Typed calls of the dispute contract: what to send, and what views say."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_typing import ChecksumAddress

from oracle.canonical.claims import NodeOpening, OutputElement, SourceClaim
from oracle.canonical.layers import Position, Revelation
from oracle.canonical.model import Model
from oracle.canonical.prove import StepProof
from oracle.chain.abi import artifact
from oracle.chain.calls import Call, Reader
from oracle.chain.protocol import AnswerRef, GameId, Request, Subject, Verdict, checksum


@dataclass(frozen=True, slots=True)
class GameView:
    """A game as the contract keeps it: times in seconds since the epoch, 0 where not yet; `bond` in wei."""

    verdict: Verdict
    opener: ChecksumAddress
    challenged_at: int
    posted_at: int
    window_end: int
    trace_time: int
    proof_period: int
    move_time: int
    bond: int
    node_count: int
    program_root: bytes
    trace_root: bytes
    last_due: int
    latest: int
    open_demands: int
    bonds: int


@dataclass(frozen=True, slots=True)
class DemandView:
    """A demand as the contract keeps it; the zero address owns what nobody demanded, `revealed_at` 0: not yet."""

    owner: ChecksumAddress
    due: int
    revealed_at: int


@dataclass(frozen=True, slots=True)
class ChainView:
    """An account's chain as the contract keeps it; `last` and its time mean nothing where `demands` is 0."""

    bonds: int
    demands: int
    demanded_at: int
    last: Position


@dataclass(frozen=True, slots=True)
class Constants:
    """K, Q, and what an upheld operator gets of challengers' bonds, in ten-thousandths."""

    max_demands: int
    demands_per_move: int
    upheld_share: int


class DisputeContract:
    """The dispute contract at an address: methods named as the contract's own yield the `Call` to send."""

    def __init__(self, address: ChecksumAddress) -> None:
        self.address = address
        self._functions = artifact("Dispute").functions

    def challenge(self, request: Request, ref: AnswerRef, model: Model, bond_wei: int) -> Call:
        """Opens a game over a provisional answer; the call carries the bond."""
        return self._call("challenge", request.to_abi(), ref.to_abi(), model.to_abi(), value=bond_wei)

    def post_trace(self, subject: Subject, root: bytes, roots: Sequence[bytes]) -> Call:
        """Fixes the operator's trace; `roots` are its tensors' for at most 256 nodes, else none."""
        return self._call("postTrace", subject.to_abi(), root, list(roots))

    def post_trace_for(self, subject: Subject, root: bytes, roots: Sequence[bytes], signature: bytes) -> Call:
        """Relays an operator's signed trace."""
        return self._call("postTraceFor", subject.to_abi(), root, list(roots), signature)

    def open_chain(
        self, game_id: GameId, position: Position, node: bytes, node_path: Sequence[bytes], bond_wei: int
    ) -> Call:
        """Opens a chain with a bond and its first demand; `node` counts only for the first demand in a tensor."""
        return self._call("openChain", game_id, position.to_abi(), node, list(node_path), value=bond_wei)

    def demand(self, game_id: GameId, position: Position, node: bytes, node_path: Sequence[bytes]) -> Call:
        """Makes the next demand of the sender's chain; `node` counts only for the first demand in a tensor."""
        return self._call("demand", game_id, position.to_abi(), node, list(node_path))

    def reveal(self, game_id: GameId, revelation: Revelation) -> Call:
        """Shows what was demanded."""
        return self._call("reveal", game_id, revelation.to_abi())

    def reveal_many(self, game_id: GameId, revelations: Sequence[Revelation]) -> Call:
        """Shows several positions; those already revealed are passed over."""
        return self._call("revealMany", game_id, [revelation.to_abi() for revelation in revelations])

    def prove_step(self, subject: Subject, proof: StepProof) -> Call:
        """Proves that an element is not what its node says."""
        return self._call("proveStep", subject.to_abi(), proof.to_abi())

    def prove_constant(self, subject: Subject, claim: SourceClaim) -> Call:
        """Proves that a CONST tensor is not the program's."""
        return self._call("proveConstant", subject.to_abi(), claim.to_abi())

    def prove_input(self, subject: Subject, model: Model, claim: SourceClaim, packed: bytes) -> Call:
        """Proves that an INPUT tensor is not the request's; `packed` is the packed input."""
        return self._call("proveInput", subject.to_abi(), model.to_abi(), claim.to_abi(), packed)

    def prove_input_root(self, subject: Subject, model: Model, claim: SourceClaim, roots: Sequence[bytes]) -> Call:
        """The same for a request that carries tensor roots."""
        return self._call("proveInputRoot", subject.to_abi(), model.to_abi(), claim.to_abi(), list(roots))

    def prove_answer(self, subject: Subject, model: Model, output: bytes, claim: OutputElement) -> Call:
        """Proves that the packed answer `output` is not the trace's."""
        return self._call("proveAnswer", subject.to_abi(), model.to_abi(), output, claim.to_abi())

    def prove_model(self, subject: Subject, model: Model) -> Call:
        """Proves that the model contradicts itself."""
        return self._call("proveModel", subject.to_abi(), model.to_abi())

    def prove_header(self, subject: Subject, model: Model, version: int, count: int, tree: bytes) -> Call:
        """Proves that the program is of another version or node count than the model's."""
        return self._call("proveHeader", subject.to_abi(), model.to_abi(), version, count, tree)

    def prove_node(self, subject: Subject, model: Model, opening: NodeOpening) -> Call:
        """Proves that a node is malformed, too dear, or contradicts the model."""
        return self._call("proveNode", subject.to_abi(), model.to_abi(), opening.to_abi())

    def prove_operand(
        self, subject: Subject, model: Model, opening: NodeOpening, operand: int, source: NodeOpening
    ) -> Call:
        """Proves that operand `operand` of a node, which is node `source`, is not what the node says."""
        return self._call("proveOperand", subject.to_abi(), model.to_abi(), opening.to_abi(), operand, source.to_abi())

    def forfeit_trace(self, subject: Subject) -> Call:
        """Ends the game: no trace was posted in time."""
        return self._call("forfeitTrace", subject.to_abi())

    def forfeit_demand(self, subject: Subject, position: Position) -> Call:
        """Ends the game: a demand was not met in time."""
        return self._call("forfeitDemand", subject.to_abi(), position.to_abi())

    def resolve(self, subject: Subject) -> Call:
        """Ends the game: nothing was proven and nothing is open."""
        return self._call("resolve", subject.to_abi())

    def claim(self, game_id: GameId, owner: ChecksumAddress) -> Call:
        """Credits an account its bonds of a game that ended against the operator."""
        return self._call("claim", game_id, owner)

    def withdraw(self, amount: int, to: ChecksumAddress) -> Call:
        """Pays `amount` wei of the sender's credit out."""
        return self._call("withdraw", amount, to)

    def id_of(self, reader: Reader, subject: Subject) -> GameId:
        """The game of an answer, whether it exists or not."""
        return GameId(bytes(self._view(reader, "idOf", subject.to_abi())[0]))

    def game_of(self, reader: Reader, game_id: GameId) -> GameView:
        """How a game stands."""
        verdict, opener, *rest = self._view(reader, "gameOf", game_id)[0]
        return GameView(Verdict(verdict), checksum(opener), *rest)

    def end_of(self, reader: Reader, game_id: GameId) -> int:
        """H as things stand; 0 without a trace."""
        return int(self._view(reader, "endOf", game_id)[0])

    def demand_of(self, reader: Reader, game_id: GameId, position: Position) -> DemandView:
        """How a demand stands."""
        owner, due, revealed_at = self._view(reader, "demandOf", game_id, position.to_abi())[0]
        return DemandView(checksum(owner), due, revealed_at)

    def chain_of(self, reader: Reader, game_id: GameId, owner: ChecksumAddress) -> ChainView:
        """An account's chain."""
        bonds, demands, demanded_at, last = self._view(reader, "chainOf", game_id, owner)[0]
        return ChainView(bonds, demands, demanded_at, Position(*last))

    def credit_of(self, reader: Reader, account: ChecksumAddress) -> int:
        """What an account can withdraw, in wei."""
        return int(self._view(reader, "creditOf", account)[0])

    def constants(self, reader: Reader) -> Constants:
        """The constants of this deployment."""
        return Constants(*self._view(reader, "constants"))

    def _call(self, name: str, *arguments: Any, value: int = 0) -> Call:
        return Call(self.address, self._functions[name].encode(*arguments), value)

    def _view(self, reader: Reader, name: str, *arguments: Any) -> tuple[Any, ...]:
        entry = self._functions[name]
        return entry.decode_output(reader.call(self.address, entry.encode(*arguments)))
