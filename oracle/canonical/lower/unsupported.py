"""What an operator's lowering says when it cannot be done."""

from oracle.errors import ProgramError


class Unsupported(ProgramError):
    """The reason, and as hint a way out, without the node's name: the walk over the model adds that."""
