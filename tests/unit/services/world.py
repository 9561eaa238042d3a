"""A chain, an account and a store for services: what they send is seen here, and what the chain does is told here."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from threading import Event

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from oracle.canonical.model import Model, OutputSpec
from oracle.canonical.tolerance import bits_of
from oracle.chain.abi import artifact
from oracle.chain.calls import OracleContract, RegistryContract
from oracle.chain.deploy import LOCAL
from oracle.chain.dispute import DisputeContract
from oracle.chain.events import GameEvent
from oracle.chain.fees import FeeRules
from oracle.chain.indexer import Indexer
from oracle.chain.protocol import Request, checksum
from oracle.chain.sender import Sender
from oracle.errors import RejectedError
from oracle.inference.canonical_model import CanonicalModel, compile_model
from oracle.inference.model_file import ModelFile, load_model_file
from oracle.metrics import Metrics
from oracle.services.context import Chain
from oracle.services.follower import Follower
from oracle.services.http import HealthState
from oracle.services.moves import Moves
from oracle.services.upkeep import Upkeep
from oracle.settings import ScheduleSettings, Settings
from tests.unit.chain.mempool import ME, SIGNER, Mempool, Sent
from tests.unit.chain.model_chain import (
    ADDRESSES,
    CHAIN_ID,
    DISPUTE,
    MANIFEST,
    ORACLE,
    REGISTRY,
    SOFTWARE,
    ModelChain,
    content,
    id_of,
    make_request,
)
from tests.unit.chain.model_chain import Content as EventContent
from tests.unit.chain.playing import log_of
from tests.unit.fresh_store import fresh_store

MODELS = Path(__file__).parents[3] / "models"
FUNCTIONS = artifact("InferenceOracle").functions
MOVES = artifact("Dispute").functions
NAMES = {entry.selector: name for name, entry in (FUNCTIONS | MOVES).items()}
PERIODIC = ("balance", "lag", "rescan", "sweep", "work")
OTHER = checksum("0x" + "33" * 20)


@cache
def model_file(name: str) -> ModelFile:
    """A committed model."""
    return load_model_file(MODELS / f"{name}.onnx")


@cache
def compiled(name: str) -> CanonicalModel:
    """A committed model's program."""
    return compile_model(model_file(name))


def with_program(name: str, atol: float = 1e-4) -> Model:
    """A committed model as it is published with its program and an absolute tolerance."""
    return tolerant(compiled(name).model, atol)


def tolerant(model: Model, atol: float) -> Model:
    """The model with an absolute tolerance on every output."""
    return replace(model, outputs=tuple(OutputSpec(spec, bits_of(atol)) for spec in model.output_tensors))


class Node(Mempool):
    """One node: the model chain's reads, the pool's writes, and calls as the test says."""

    def __init__(self, chain: ModelChain) -> None:
        super().__init__()
        self.chain = chain
        self.stake = (10**18, 0)
        self.credit = 0
        self.refused: dict[str, str] = {}
        """Functions that would revert, and why."""

    def call(self, to: str, data: bytes, **_options: object) -> bytes:
        assert to in {ORACLE, DISPUTE}
        name = NAMES[data[:4]]
        if name in self.refused:
            raise RejectedError(self.refused[name])
        if name == "creditOf":
            return encode(["uint256"], [self.credit])
        if name == "constants":
            return encode(MOVES[name].outputs, [7, 8, 7_500])
        if name == "parameters":
            return encode(FUNCTIONS[name].outputs, [LOCAL.to_abi()])
        return encode(["uint256", "uint256"], self.stake) if name == "accountOf" else b""

    def block_number(self) -> int:
        return self.chain.block_number()

    def block(self, tag: int | str):
        return self.chain.blocks[-1] if tag == "latest" else self.chain.block(tag)

    def __getattr__(self, name: str):
        return getattr(self.__dict__["chain"], name)


class World:
    """One service's surroundings. Blocks come only from `mine`, 12 s apart; our own clock is `now`."""

    def __init__(self, folder: Path, kinds: Sequence[str], *, disputed: bool = False) -> None:
        self.chain = ModelChain()
        self.node = Node(self.chain)
        self.store = fresh_store(folder)
        self.now = 5_000.0
        self.metrics = Metrics(models=["credit", "digits"], jobs=PERIODIC)
        self.health = HealthState(progress_seconds=60, started=0)
        self.sender = Sender(self.node, SIGNER, self.store, FeeRules(), clock=self.clock)
        self.indexer = Indexer(
            self.node,
            self.store,
            ADDRESSES,
            start_block=0,
            confirmations=0,
            on_rewind=lambda rewind: self.sender.reopen(rewind.to),
        )
        section = {"rpc": ["http://node.invalid"], "chain_id": CHAIN_ID, "oracle": ORACLE, "registry": REGISTRY}
        settings = Settings(chain=section)
        self.oracle = OracleContract(ORACLE)
        self.dispute = DisputeContract(DISPUTE)
        self.moves = Moves(self.sender, self.store)
        dispute = self.dispute if disputed else None
        self.follower = Follower(
            Chain(settings, self.node, self.oracle, RegistryContract(REGISTRY), dispute),
            self.store,
            self.indexer,
            self.sender,
            self.metrics,
            self.health,
            ScheduleSettings(),
            kinds,
            Event(),
            self.clock,
        )

    def clock(self) -> float:
        """Our own clock."""
        return self.now

    def upkeep(self, owner: str = "me", max_batch: int = 64) -> Upkeep:
        """Upkeep that sends from this account."""
        return Upkeep(self.oracle, self.store, self.sender, owner=owner, max_batch=max_batch, clock=self.clock)

    def publish(self, model: Model) -> None:
        """A model is announced, in a block of its own."""
        announced = content(
            "ModelRegistry",
            "ModelPublished",
            modelId=model.id,
            publisher=OTHER,
            onnxDigest=model.onnx_digest,
            model=model.to_abi(),
            uris=[],
        )
        self.chain.mine(announced, address=REGISTRY)

    def mine(self, *contents: EventContent, status: int = 1) -> None:
        """A block with these events and everything our account has sent."""
        block = self.chain.mine(*contents)
        while self.node.mine(status=status, block=(block.number, block.hash)):
            pass

    def tell(self, *events: GameEvent) -> None:
        """A block with these events of the dispute contract and everything our account has sent; it is indexed."""
        block = self.chain.mine(*map(log_of, events), address=DISPUTE)
        while self.node.mine(block=(block.number, block.hash)):
            pass
        self.follower.look_after()
        self.follower.follow()

    def wait(self, seconds: int) -> None:
        """Empty blocks until so much of the chain's time has passed."""
        for _ in range(-(-seconds // 12)):
            self.chain.mine()

    def sent(self) -> list[str]:
        """The functions our account called, in order."""
        return [NAMES[each.data[:4]] for each in self.node.seen]

    def last(self) -> Sent:
        """The newest transaction."""
        return self.node.seen[-1]

    def jobs(self, request: Request) -> list[tuple[str, str]]:
        """Kind and state of every job of a request."""
        return [(job.kind, job.state) for job in self.store.jobs.history(id_of(request))]

    def reasons(self, request: Request) -> list[str | None]:
        """Why its jobs ended."""
        return [job.reason for job in self.store.jobs.history(id_of(request))]


def ask(salt: int, model: Model, packed: bytes, *, operator: str = ME, callback_gas: int = 0, **terms) -> Request:
    """A request for a model's output on an input."""
    request = make_request(salt, operator=operator, callback_gas=callback_gas)
    policy = replace(request.policy, **terms)
    return replace(request, model_id=model.id, input_hash=keccak(packed), policy=policy)


def answered_by(operator: str, request: Request, output: bytes = b"output", attempt: int = 1) -> EventContent:
    """The event of somebody's answer."""
    return content(
        "InferenceOracle",
        "Answered",
        requestId=id_of(request),
        operator=operator,
        attempt=attempt,
        software=SOFTWARE,
        manifestHash=MANIFEST,
        output=output,
    )
