"""A program as a whole: its nodes in order, and the data of its constants."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from oracle.canonical.program.node import Node

LOWERING_VERSION = 1


@dataclass(frozen=True, slots=True)
class Program:
    """Node k defines tensor k; the last `outputs` nodes are the model's outputs in order.

    `constants` maps the root of each CONST node (32 bytes) to its flat array, the raw bits as the model file holds them.
    """

    version: int
    nodes: tuple[Node, ...]
    constants: Mapping[bytes, NDArray[Any]]
    outputs: int

    @property
    def output_nodes(self) -> range:
        """Numbers of the output nodes."""
        return range(len(self.nodes) - self.outputs, len(self.nodes))
