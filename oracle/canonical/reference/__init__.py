"""The reference: docs/canonical.md written as plainly as Python allows, one element at a time, and slow.

Elements are their bits, as ints. A function decodes them to exact numbers (ints, fractions, infinities, NaN), computes
the exact result, and encodes it: the only rounding is the one in `formats.encode`. It follows that no order of
summation and no precision matters, except for functions whose results are no fractions. Those go through
`elementary.decide`, which says why it ends and why it is right.

Nothing here is used where speed counts. It judges the other ways to compute an element, and says which elements of
which operands a one-step proof opens.
"""
