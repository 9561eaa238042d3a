"""`python -m oracle.cli`: the same as `assay`."""

from oracle.cli.main import run

run()
