"""The one exception hierarchy of Assay.

Every error a person may have to act on is an `AssayError`: what happened, to what, and (`hint`) what to
do now. The CLI prints it as a sentence and exits with its `exit_code`; it never prints a traceback.
"""

from typing import ClassVar


class AssayError(Exception):
    """What happened and to what, with an optional hint that says what to do now."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message


class ConfigError(AssayError):
    """A setting is missing, malformed or contradicts another one."""

    exit_code = 3


class ChainError(AssayError):
    """An endpoint cannot be reached, lags, lies, or is on the wrong chain."""

    exit_code = 4


class WrongChainError(ChainError):
    """The endpoint serves another chain, or no contract lives at the configured address."""


class ModelError(AssayError):
    """A model file is missing, corrupt, not what it claims to be, or cannot be run here."""

    exit_code = 5


class ProgramError(ModelError):
    """A canonical program is malformed, or a model cannot be lowered to one."""


class ProofError(AssayError):
    """An opening or a one-step proof does not fit what it should prove."""

    exit_code = 5


class InputError(AssayError):
    """An input has the wrong length, dtype or shape for its model."""

    exit_code = 5


class FundsError(AssayError):
    """Not enough ether for gas, fee or bond."""

    exit_code = 6


class RejectedError(AssayError):
    """A contract refused the call; the message names the contract's own reason."""

    exit_code = 7


class WaitTimeout(AssayError):
    """What was waited for did not happen in time."""

    exit_code = 8


class StoreError(AssayError):
    """The database is locked, full, corrupt, or from a newer version."""

    exit_code = 9


class SignerError(AssayError):
    """A keystore is missing, unreadable, or its password is wrong."""

    exit_code = 10


class EndedWithoutAnswer(AssayError):
    """A request expired or was voided; its fee is back with the requester."""

    exit_code = 11
