"""How many operations a pass takes, by PyTorch's own formulas: a multiply-add counts as two.

`FlopCounterMode` counts by the same formulas, but also follows modules by hooks on what they are given, which fails
where a network gives a module something that is made of a parameter alone, such as a learned query.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry


class Operations(TorchDispatchMode):
    """Counts the operations of all that runs inside the block; what has no formula counts as none."""

    supports_higher_order_operators = True

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        packet = getattr(func, "_overloadpacket", None)
        formula = flop_registry.get(packet)
        if formula is None and packet is not None and func is not torch.ops.prim.device.default:
            with self:
                out = func.decompose(*args, **kwargs)
                if out is not NotImplemented:
                    return out
        out = func(*args, **kwargs)
        if formula is not None:
            with suppress(Exception):  # a formula that does not know this call; the network runs all the same
                self.total += formula(*args, **kwargs, out_val=out)
        return out
