"""Mutation tests of the verifier contracts: `python -m bench.mutation`."""
