"""`make bench`: every figure this project quotes, measured in one run and written to `build/bench.json`."""

import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from bench import canonical, challenger, crowd, dispute, gas, verifier, worker
from bench.mutation import run as mutation
from oracle.chain.anvil import Anvil, dev_account, find_anvil
from oracle.chain.deploy import LOCAL, deploy
from oracle.chain.fees import FeeRules
from oracle.chain.provider import Provider
from oracle.chain.sender import Sender
from oracle.chain.signer import KeySigner
from oracle.demo.samples import model_path
from oracle.inference.environment import this_environment
from oracle.inference.model_file import load_model_file
from oracle.store.database import Store

OUTPUT = Path("build") / "bench.json"
FORGE = Path(".build") / "bin" / "forge"


def main() -> None:
    """Measure, write, print; then run the long invariants."""
    quick = "--quick" in sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="assay-") as name:
        folder = Path(name)
        print("Gas, from receipts", flush=True)
        figures: dict[str, object] = {"gas": _gas(folder)}
        print(json.dumps(figures["gas"], indent=1), flush=True)
        print("The operator, one by one and by the thousand", flush=True)
        figures["worker"] = worker.measure(folder)
        print(json.dumps(figures["worker"], indent=1), flush=True)
        print("Canonical execution beside the plain run", flush=True)
        measured = canonical.measure(folder)
        print(json.dumps(measured, indent=1), flush=True)
        print("What it costs to watch", flush=True)
        figures["challenger"] = challenger.measure(folder)
        print(json.dumps(figures["challenger"], indent=1), flush=True)
        print("Disputes, from the challenge to the conviction", flush=True)
        figures["dispute"] = dispute.measure(folder)
        print(json.dumps(figures["dispute"], indent=1), flush=True)
    print("Fifty challengers against an honest operator", flush=True)
    figures["crowd"] = crowd.measure()
    print(json.dumps(figures["crowd"], indent=1), flush=True)
    print("The judge: what proofs take, and ways to compute against each other", flush=True)
    figures["verifier"] = verifier.measure(quick=quick)
    if "--mutation" in sys.argv[1:]:
        print("Small changes of the verifier contracts, and whether tests notice them", flush=True)
        figures["verifier"] |= mutation.measure()
    print(json.dumps(figures["verifier"], indent=1), flush=True)
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps({**_where(), **figures, **measured}, indent=1) + "\n")
    print(f"Written to {OUTPUT}", flush=True)
    if not quick:
        print("Coverage of the verifier contracts", flush=True)
        subprocess.run([sys.executable, "scripts/coverage.py"], check=True)
        print("The clocks of disputes, in every order of moves", flush=True)
        subprocess.run([sys.executable, "-m", "tests.unit.model"], check=True)
        print("Invariants, 10,000 runs", flush=True)
        subprocess.run([FORGE, "test"], env={**os.environ, "FOUNDRY_PROFILE": "bench"}, check=True)


def _gas(folder: Path) -> dict[str, int]:
    model = load_model_file(model_path("credit")).model
    with Anvil.start() as node:
        provider = Provider([node.url], chain_id=None)
        store = Store.open(f"sqlite:///{folder / 'outbox.db'}")
        try:
            deployment = deploy(Sender(provider, KeySigner(dev_account(0)), store, FeeRules()), LOCAL)
            return gas.measure(node, deployment, model)
        finally:
            store.close()
            provider.close()


def _where() -> dict[str, object]:
    machine = this_environment(threads=1, provider="CPUExecutionProvider", optimisation_level="all").machine
    anvil = subprocess.run([find_anvil(), "--version"], capture_output=True, text=True, check=True).stdout
    packages = ("assay-oracle", "numpy", "onnxruntime", "sqlalchemy", "web3")
    return {
        "machine": {"cpu": machine.cpu, "cores": os.cpu_count(), "os": platform.platform()},
        "versions": {
            "python": platform.python_version(),
            "anvil": anvil.split()[2],
            **{name: version(name) for name in packages},
        },
    }


if __name__ == "__main__":
    main()
