"""MAP functions on the bits of their operands: docs/canonical.md section 3."""

from collections.abc import Sequence

from oracle.canonical.program.node import Fn
from oracle.canonical.reference.arithmetic import EXACT, cast, integer_power
from oracle.canonical.reference.elementary import ELEMENTARY, elementary
from oracle.canonical.reference.formats import decode, encode
from oracle.canonical.reference.power import power
from oracle.canonical.tensor import DType
from oracle.errors import ProgramError


def map_function(fn: int, dtype: DType, dtypes: Sequence[DType], bits: Sequence[int]) -> int:
    """The bits, of dtype `dtype`, of MAP function `fn` of the operands `bits`, of dtypes `dtypes`.

    Raises `ProgramError` for PICK and WHERE, which choose among reads and not among values: `element` does.
    """
    fn = Fn(fn)
    values = [decode(d, b) for d, b in zip(dtypes, bits, strict=True)]
    if fn in ELEMENTARY:
        return elementary(fn, *values)
    if fn is Fn.POW and dtype is DType.FLOAT:
        return power(*values)
    if fn is Fn.POW:
        return encode(dtype, integer_power(*map(int, values)))
    if fn is Fn.CAST:
        return encode(dtype, cast(dtype, *values))
    if fn not in EXACT:
        raise ProgramError(f"{fn.name} is no MAP function of its operands' values.")
    return encode(dtype, EXACT[fn](*values))
