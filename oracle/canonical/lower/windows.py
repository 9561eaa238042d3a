"""Windows of convolutions and pools: where they lie, from the attributes that Conv and the pools share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.lower.op import Op
from oracle.canonical.lower.unsupported import Unsupported
from oracle.canonical.lower.value import Axis

_MOST: Final = 2**24


@dataclass(frozen=True, slots=True)
class Windows:
    """Along each spatial axis: `outputs` windows of `kernel` positions, from -`before` on, every `strides` positions.

    Positions of a window are `dilations` apart. `sizes` are the input's; `after` is padding at the end.
    """

    sizes: tuple[int, ...]
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    outputs: tuple[int, ...]

    def axes(self, window: int, inside: int) -> list[Axis]:
        """Reading of the input's spatial axes where axis `window` + a counts windows, `inside` + a what is in one."""
        return [
            Axis(-before, ((window + a, stride), (inside + a, dilation)))
            for a, (before, stride, dilation) in enumerate(zip(self.before, self.strides, self.dilations, strict=True))
        ]

    def counts(self, axis: int) -> NDArray[np.int64]:
        """For each window along spatial axis `axis`, how many of its positions lie in the input or its padding."""
        starts = self.strides[axis] * np.arange(self.outputs[axis]) - self.before[axis]
        room = self.sizes[axis] + self.after[axis] - starts
        return np.clip(-(-room // self.dilations[axis]), 0, self.kernel[axis])


def windows(op: Op, kernel: Sequence[int]) -> Windows:
    """The windows of `kernel` (its size along each spatial axis) over input 0, whose first two axes are not spatial."""
    sizes = op[0].shape[2:]
    rank = len(sizes)
    strides, dilations = op.listed("strides", int, [1] * rank), op.listed("dilations", int, [1] * rank)
    pads, auto_pad = op.listed("pads", int, [0] * (2 * rank)), op.attr("auto_pad", "NOTSET")
    if not rank or not len(kernel) == len(strides) == len(dilations) == rank or len(pads) != 2 * rank:
        raise Unsupported(
            f"its kernel {list(kernel)}, strides {strides}, dilations {dilations} and pads {pads} do not fit an input "
            f"of shape {list(op[0].shape)}."
        )
    if not all(1 <= n <= _MOST for n in (*kernel, *strides, *dilations)) or not all(0 <= n <= _MOST for n in pads):
        raise Unsupported(
            f"its kernel {list(kernel)}, strides {strides} and dilations {dilations} must be from 1 to {_MOST}, "
            f"its pads {pads} from 0."
        )
    spans = [dilation * (size - 1) + 1 for size, dilation in zip(kernel, dilations, strict=True)]
    if auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        if max(dilations) > 1:
            raise Unsupported(
                f"onnxruntime's {auto_pad} of windows with dilations is not ONNX's.",
                hint="Export explicit pads.",
            )
        needed = [
            (-(-size // stride) - 1) * stride + span - size
            for size, stride, span in zip(sizes, strides, spans, strict=True)
        ]
        if min(needed) < -1:
            raise Unsupported(
                f"its windows of {list(kernel)} positions, every {strides}, leave gaps, and runtimes place those of "
                f"{auto_pad} each in a way of their own.",
                hint="Export explicit pads.",
            )
        needed = [max(total, 0) for total in needed]
        less, more = [total // 2 for total in needed], [total - total // 2 for total in needed]
        pads = less + more if auto_pad == "SAME_UPPER" else more + less
    elif auto_pad == "VALID":
        pads = [0] * (2 * rank)
    elif auto_pad != "NOTSET":
        raise Unsupported(f"its auto_pad {auto_pad!r} does not exist.")
    before, after = pads[:rank], pads[rank:]
    ceil = bool(op.attr("ceil_mode", 0))
    outputs = [_outputs(*sides, ceil=ceil) for sides in zip(sizes, spans, strides, before, after, strict=True)]
    return Windows(sizes, *map(tuple, (kernel, strides, dilations, before, after, outputs)))


def _outputs(size: int, span: int, stride: int, before: int, after: int, *, ceil: bool) -> int:
    """Windows along an axis. With `ceil` the last one may reach beyond the padding, but not start in it."""
    room = size + before + after - span
    if room < 0:
        raise Unsupported(f"its window of {span} positions is longer than the {size + before + after} there are.")
    if room > _MOST:
        raise Unsupported(f"it pools or filters an axis of {size + before + after} positions.")
    count = (-(-room // stride) if ceil else room // stride) + 1
    return count - 1 if ceil and (count - 1) * stride >= size + before else count
