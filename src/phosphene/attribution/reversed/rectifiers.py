"""How a signal passes back through a rectifier, in four ways.

With y = f(x) forward and the signal g coming back from above (K. Simonyan, A. Vedaldi and A. Zisserman 2013; M. Zeiler
and R. Fergus 2013; J. Springenberg et al. 2014; A. Mahendran and A. Vedaldi 2016):

    forward    g · f'(x)          the gradient, where y has the photo's mask: 'SaliNet'
    backward   s(g)               the deconvnet: the rectifier meets the signal itself
    both       s(g · f'(x))       guided backprop, 'DeSaliNet'
    none       g                  the rectifier is not there

where s lets positive signals pass and multiplies negative ones by the rectifier's slope below zero: 0 for ReLU, so that
s(g) = max(g, 0). A ceiling, as of ReLU6, belongs to f' alone; a signal has no scale that a ceiling could cut.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ...network import functions

Mask = Literal["forward", "backward", "both", "none"]
MASKS: tuple[Mask, ...] = ("forward", "backward", "both", "none")


class _Rectified(torch.autograd.Function):
    """clamp(x, max=ceiling) above zero, slope · x below it; the signal comes back as `mask` says."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, mask: Mask, slope: float | Tensor, ceiling: float | None, inplace: bool) -> Tensor:
        y = x if inplace else x.detach().clone()
        if isinstance(slope, Tensor):
            y.copy_(torch.where(y > 0, y, slope * y))
        elif slope:
            F.leaky_relu_(y, slope)
        else:
            y.relu_() if ceiling is None else y.clamp_(0, ceiling)
        if inplace:
            ctx.mark_dirty(x)
        ctx.mask, ctx.slope, ctx.ceiling = mask, slope, ceiling
        if mask in ("forward", "both"):  # the sign of y is that of x
            ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, signal: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.mask in ("forward", "both"):
            signal = _differentiated(signal, ctx.saved_tensors[0], ctx.slope, ctx.ceiling)
        if ctx.mask in ("backward", "both"):
            signal = _rectified_signal(signal, ctx.slope)
        return signal, None, None, None, None


def _differentiated(signal: Tensor, y: Tensor, slope: float | Tensor, ceiling: float | None) -> Tensor:
    """g · f'(x), by autograd's own kernels where there is one."""
    if isinstance(slope, Tensor):
        return torch.where(y > 0, signal, slope * signal)
    if slope:
        return torch.ops.aten.leaky_relu_backward(signal, y, slope, True)
    if ceiling is None:
        return torch.ops.aten.threshold_backward(signal, y, 0)
    return torch.ops.aten.hardtanh_backward(signal, y, 0, ceiling)


def _rectified_signal(signal: Tensor, slope: float | Tensor) -> Tensor:
    """s(g)."""
    if isinstance(slope, Tensor):
        return torch.where(signal > 0, signal, slope * signal)
    return F.leaky_relu(signal, slope) if slope else signal.relu()


def rectifiers(mask: Mask) -> dict[Callable, Callable]:
    """What stands for every rectifier that PyTorch has, however a network may call it."""

    def rectify(x: Tensor, slope: float | Tensor = 0.0, ceiling: float | None = None, inplace: bool = False) -> Tensor:
        return _Rectified.apply(x, mask, slope, ceiling, inplace)

    def relu(input: Tensor, inplace: bool = False) -> Tensor:
        return rectify(input, inplace=inplace)

    def relu6(input: Tensor, inplace: bool = False) -> Tensor:
        return rectify(input, ceiling=6.0, inplace=inplace)

    def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
        return rectify(input, ceiling=float(max_val), inplace=inplace) if min_val == 0 else NotImplemented

    def clamp(input: Tensor, min: Any = None, max: Any = None, inplace: bool = False) -> Tensor:
        """A rectifier only where it cuts at zero."""
        if isinstance(min, Tensor) or isinstance(max, Tensor) or min is None or min != 0:
            return NotImplemented
        return rectify(input, ceiling=None if max is None else float(max), inplace=inplace)

    def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
        return rectify(input, inplace=inplace) if threshold == value == 0 else NotImplemented

    def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
        return rectify(input, slope=float(negative_slope), inplace=inplace)

    def prelu(input: Tensor, weight: Tensor) -> Tensor:
        slopes = weight.detach()
        return rectify(input, slope=slopes if slopes.numel() == 1 else slopes.view(-1, *[1] * (input.ndim - 2)))

    def rrelu(
        input: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, inplace: bool = False
    ) -> Tensor:
        return NotImplemented if training else rectify(input, slope=(lower + upper) / 2, inplace=inplace)

    rules: dict[str, Callable] = {
        "relu": relu, "relu6": relu6, "hardtanh": hardtanh, "clamp": clamp, "clip": clamp, "clamp_min": clamp,
        "threshold": threshold, "leaky_relu": leaky_relu, "prelu": prelu, "rrelu": rrelu,
    }  # fmt: skip
    for rule in rules.values():
        rule.in_place = rule is not prelu  # type: ignore[attr-defined]
    return {function: rule for name, rule in rules.items() for function in functions(name)}
