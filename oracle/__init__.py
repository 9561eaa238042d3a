"""Assay: an oracle that brings AI results on-chain without asking anyone to trust who computed them."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("assay-oracle")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"
