"""The story of an operator's conviction in the demo, in three lines."""

from typing import TYPE_CHECKING

import numpy as np

from oracle.canonical.model import Model
from oracle.canonical.tensor import decode
from oracle.canonical.tolerance import float64_of, wrong_elements
from oracle.chain.events import Claimed, Proven
from oracle.chain.protocol import GWEI, Fault
from oracle.cli.moves import payments
from oracle.cli.records import Record, find, read_records
from oracle.cli.scrutiny import Scrutiny, scrutinize
from oracle.cli.units import show_ether
from oracle.demo.samples import sample_model
from oracle.errors import AssayError
from oracle.inference.canonical_model import CanonicalModel, compile_model
from oracle.inference.model_file import load_model_file
from oracle.services.context import Chain

if TYPE_CHECKING:
    from oracle.demo.devnet import Devnet
    from oracle.demo.report import Line


def explain(chain: Chain, line: "Line", network: "Devnet") -> str:
    """Who lied, what the EVM found wrong, who was paid, and what the consumer got in the end.

    Raises `AssayError` where the answer to the line's request was not refuted by a proof of a step or a constant.
    """
    record = find(read_records(chain), line.request_id.hex())
    proven, name = record.game.ending, line.ask.sample.model
    if not isinstance(proven, Proven):
        raise AssayError(f"The answer to request {line.number} was not refuted by a proof.")
    file = network.models[name].path
    program = compile_model(load_model_file(file))
    model = sample_model(name, program)
    scrutiny = scrutinize(file, record.requested, model)
    roles = {account.address: role for role, account in network.accounts.items()}
    return "\n".join(
        (
            f'{line.liar} lied about {line.ask.sample.title}: "{line.lie}", {_off(line, program, model, record)}.',
            f"{roles.get(proven.prover, proven.prover)} proved it: the chain found {_found(record, scrutiny, proven)}.",
            f"{roles.get(proven.finder, proven.finder)} got {_paid(chain, record, proven)}. "
            f'{line.operator} answered instead: "{line.answer}". {line.ask.consumer}: {line.decision}.',
        )
    )


def _off(line: "Line", program: CanonicalModel, model: Model, record: Record) -> str:
    """How far the answer is from the canonical one, where most, and what is allowed."""
    right = program.run(line.ask.sample.tensors)
    given = decode(record.answered.output, model.output_tensors)
    slot, _ = wrong_elements(given, right, model.outputs)[0]
    most = np.max(np.abs(given[slot].astype(np.float64) - right[slot]))
    return f"off by {most:.6g} where {float64_of(model.outputs[slot].atol):g} is allowed"


def _found(record: Record, scrutiny: Scrutiny, proven: Proven) -> str:
    """What the proof is about, in ONNX terms."""
    node = scrutiny.node(proven.tensor)
    values = scrutiny.values(record, proven)
    if proven.fault is Fault.STEP and values is not None:
        return f"{values.where} of {node} to be {values.right}, not {values.given}"
    if proven.fault is Fault.CONSTANT:
        return f"{node} not to hold the weights that were published"
    raise AssayError(f"The game ended with a proof of another kind: {proven.fault.name}.")


def _paid(chain: Chain, record: Record, proven: Proven) -> str:
    """What the finder got of the liar's bond, and what was burnt."""
    paid = payments(record, chain.oracle.parameters(chain.provider))
    claimed = sum(move.event.amount for move in record.moves if isinstance(move.event, Claimed))
    got = sum(each.wei for each in paid if each.to == proven.finder) - claimed
    burnt = sum(each.wei for each in paid if each.to_json()["to"] is None)
    bond = record.requested.request.policy.operator_bond * GWEI
    return f"{show_ether(got)} of the liar's {show_ether(bond)} ether, {show_ether(burnt)} were burnt"
