"""A stitched network: the bottom of one network, a learned layer, and the top of another one.

Both are copies that share their weights with the originals, so that these stay as they are. The bottom ends where its
layer's value stands. The top runs on an image of zeros, whose value at its layer is replaced by what comes from the
bottom: all that the answer depends on has passed the learned layer.
"""

from __future__ import annotations

import copy
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn

from ...network import Layer, Network
from ...network.running.outputs import main_tensor
from ..maps.going_on import maps_in, with_maps
from .places import Places

_passed: ContextVar[Tensor | None] = ContextVar("stitched_value", default=None)
_left: ContextVar[Any] = ContextVar("bottom_value", default=None)


class _Reached(BaseException):
    """The bottom's value stands. A BaseException, so that no `except Exception` in a network eats it."""


class _Leave:
    """A hook of the bottom's layer that keeps its value, and of all modules: the first one after it ends the bottom."""

    def __call__(self, module: nn.Module, args: Any, output: Any) -> None:
        if _left.get() is None:
            _left.set(_copied(output))

    def before(self, module: nn.Module, args: Any) -> None:
        if _left.get() is not None:
            raise _Reached


def _copied(value: Any) -> Tensor:
    """The value's tensor, which no later in-place operation changes."""
    tensor = main_tensor(value)
    assert tensor is not None
    return tensor.clone()


class _Enter:
    """A hook that puts what comes from the bottom in the place of the top's own value."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer

    def __call__(self, module: nn.Module, args: Any, output: Any) -> Any:
        maps = _passed.get()
        if maps is None:
            return output
        _passed.set(None)  # a module that is called again computes its own value
        return with_maps(self.layer, output, lambda own: maps)


class Stitched(nn.Module):
    """The network `bottom` up to a layer, an affine 1 × 1 layer `adapter`, and the network `top` from a layer on."""

    def __init__(
        self, a: Network, b: Network, layer_a: Layer, layer_b: Layer, places: Places, weight: Tensor, bias: Tensor
    ) -> None:
        super().__init__()
        self.layer_a, self.layer_b, self.places = layer_a, layer_b, places
        self.bottom, self.top = sharing(a.module), sharing(b.module)
        self.adapter = nn.Conv2d(weight.shape[1], weight.shape[0], 1)
        with torch.no_grad():
            self.adapter.weight.copy_(weight.reshape(*weight.shape[:2], 1, 1))
            self.adapter.bias.copy_(bias)  # type: ignore[union-attr]
        self.adapter.to(b.device, b.dtype).requires_grad_(False)
        self.size = (b.channels or 3, *b.preprocessing.size)
        leave = _Leave()
        for module in self.bottom.modules():
            module.register_forward_pre_hook(leave.before)
        self.bottom.get_submodule(layer_a.name).register_forward_hook(leave)
        self.top.get_submodule(layer_b.name).register_forward_hook(_Enter(layer_b))
        self.eval()

    def forward(self, x: Tensor) -> Any:
        token = _left.set(None)
        try:
            self.bottom(x)
        except _Reached:
            pass
        finally:
            value = _left.get()
            _left.reset(token)
        if value is None:
            raise RuntimeError(f"the bottom ended without computing {self.layer_a.name}")
        mapped = self.adapter(self.places(maps_in(self.layer_a, value).to(self.adapter.weight)))
        above = _passed.set(mapped)
        try:
            return self.top(mapped.new_zeros(len(mapped), *self.size))
        finally:
            _passed.reset(above)


def sharing(module: nn.Module) -> nn.Module:
    """A copy of a module in evaluation mode whose weights are the module's own tensors."""
    tensors = [*module.parameters(), *module.buffers()]
    return copy.deepcopy(module, {id(tensor): tensor for tensor in tensors}).eval()
