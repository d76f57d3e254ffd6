"""How much memory a forward pass takes: the most bytes of values that are alive at once.

Every tensor that an operation returns is counted from then until nothing holds it, the input too. Weights are not
counted, nor what a kernel needs for itself while it runs. So the number is the same on every machine and device.
"""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ...network import Network
from ...network.running.evaluating import evaluating


class Alive(TorchDispatchMode):
    """Counts the bytes of the values that are alive inside the block; `peak` is the most at once."""

    supports_higher_order_operators = True

    def __init__(self, weights: list[Tensor]) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._counted = {weight.untyped_storage()._cdata for weight in weights}

    def count(self, value: Any) -> None:
        """Counts a tensor's storage until it is freed; a view shares that of another tensor."""
        if not isinstance(value, Tensor) or value.layout is not torch.strided:
            return
        storage = value.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key not in self._counted:
            self._counted.add(key)
            self.now += size
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self._freed, key, size)

    def _freed(self, key: int, size: int) -> None:
        self._counted.discard(key)
        self.now -= size

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for value in tree_leaves(out):
            self.count(value)
        return out


def peak_bytes(network: Network, x: Tensor) -> int:
    """The most bytes of values alive at once in a forward pass for inputs (N, C, H, W)."""
    module = network.module
    alive = Alive([*module.parameters(), *module.buffers()])
    with torch.no_grad(), evaluating(module), alive:
        alive.count(x)
        module(x)
    return alive.peak
