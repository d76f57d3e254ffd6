"""Numbers that a network reads out of its values: what is computed with them afterwards sees the image unseen.

In `x / x.abs().max().item()` the divisor is a plain number, and a NumPy array that comes back as a tensor is a new one:
neither shows where it came from. So once a value of the image has been read, a result is believed only if nothing but
followed values and the network's own parameters goes into it. Which way a network takes, and which shape, may depend
on what it read; that is not followed.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from .pointwise import ARITHMETIC

READING = frozenset(("item", "tolist", "numpy", "__array__", "__float__", "__int__", "__complex__", "__dlpack__"))
_WITH_STATISTICS = frozenset(("batch_norm", "instance_norm"))  # which hold their own beside their parameters


def may_hold_numbers(name: str, args: Sequence[object], unplaced: Sequence[Tensor]) -> bool:
    """Whether numbers that were read may go into a call of that name: among its arguments, or in unplaced tensors."""
    if name in ARITHMETIC and any(isinstance(arg, (int, float, complex)) for arg in args):
        return True
    return name not in _WITH_STATISTICS and any(not isinstance(value, nn.Parameter) for value in unplaced)
