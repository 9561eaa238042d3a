"""The contracts in an in-process EVM (revm), for differential tests: many cases in one call, judged in Python.

    harness = deploy("ArithmeticHarness")
    results = harness.map_words("round(uint256[])", words)      # uint256[] in, uint256[] out
    data = harness.call("prove(bytes,uint256)", encoded)        # raw ABI-encoded arguments in, raw return data out

Harness contracts live in `contracts/mocks/verifier/` and are read from what `make build` compiled. To try a few files
without building everything, give forge and pytest another output folder:

    export FOUNDRY_OUT=build/mine FOUNDRY_CACHE_PATH=build/mine-cache
    forge build contracts/mocks/verifier/ArithmeticHarness.sol && python -m pytest tests/differential/test_arithmetic.py

revm judges bits and counts gas (`gas_used`, the whole transaction's); only contract size and block gas are not limited.
"""

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

from eth_utils import keccak
from pyrevm import EVM, CfgEnv, Env

ROOT = Path(__file__).resolve().parents[2]
CALLER = "0x" + "11" * 20


class Reverted(Exception):
    """A call reverted or ran into an invalid instruction; `data` is its ABI-encoded error, empty if there is none."""

    def __init__(self, reason: str, data: bytes):
        super().__init__(reason)
        self.data = data


class Contract:
    """A deployed contract that keeps no state between calls."""

    def __init__(self, evm: EVM, address: str):
        self.evm = evm
        self.address = address
        self.gas_used = 0

    def call(self, signature: str, arguments: bytes = b"", gas: int | None = None) -> bytes:
        """Return data of a call of `signature`, as in `f(uint256[])`, with ABI-encoded arguments.

        Raises `Reverted` where the call reverts, or needs more than `gas`. `gas_used` is what the transaction took,
        calldata included.
        """
        try:
            return self.evm.message_call(CALLER, self.address, calldata=selector(signature) + arguments, gas=gas)
        except RuntimeError as error:
            # pyrevm hands revert data over in the message only: "Revert { gas_used: 21018, output: 0xab }".
            output = re.search(r"output: 0x([0-9a-f]*)", str(error))
            raise Reverted(str(error), bytes.fromhex(output[1]) if output else b"") from error
        finally:
            self.gas_used = self.evm.result.gas_used

    def map_words(self, signature: str, words: Iterable[int]) -> list[int]:
        """What `f(uint256[]) returns (uint256[])` returns; negative words go in two's complement."""
        packed = b"".join((word % 2**256).to_bytes(32, "big") for word in words)
        head = (32).to_bytes(32, "big") + (len(packed) // 32).to_bytes(32, "big")
        data = self.call(signature, head + packed)
        return [int.from_bytes(data[at : at + 32], "big") for at in range(64, len(data), 32)]


def selector(signature: str) -> bytes:
    """The four bytes that name a function."""
    return keccak(text=signature)[:4]


def deploy(
    contract: str, source: str | None = None, *, arguments: bytes = b"", beside: Contract | None = None
) -> Contract:
    """A new EVM with `contract` in it, compiled from the file `source` (its name without folder: `<contract>.sol`).

    `arguments` are the constructor's, ABI-encoded. With `beside` it comes into that contract's EVM, not a new one.

    Raises `FileNotFoundError` where it has not been compiled.
    """
    folder = ROOT / os.environ.get("FOUNDRY_OUT", "build/forge")
    path = folder / (source or f"{contract}.sol") / f"{contract}.json"
    if not path.exists():
        raise FileNotFoundError(f"{path.name} is not in {folder}: run `make build` first")
    code = bytes.fromhex(json.loads(path.read_text())["bytecode"]["object"].removeprefix("0x"))
    evm = beside.evm if beside else EVM(env=Env(cfg=CfgEnv(limit_contract_code_size=2**24)), spec_id="PRAGUE")
    return Contract(evm, evm.deploy(CALLER, code + arguments))
