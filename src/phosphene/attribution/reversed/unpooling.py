"""How a signal passes back through max pooling: to the recorded places, or to the centre of every window.

Where windows overlap, several of them may lead to one place. Reversing as autograd does adds what they bring; unpooling
as M. Zeiler and R. Fergus describe it writes each value to its place, and the last window in reading order stands
(A. Mahendran and A. Vedaldi, *Salient Deconvolutional Networks*, 2016, compare recorded places with fixed centres). The
centre of a window of k taps is its tap (k - 1) // 2, moved into the map where it lies in the padding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ...network import functions

Pooling = Literal["places", "centre"]
Reading = Literal["sum", "overwrite"]


class _Pooled(torch.autograd.Function):
    """Max pooling whose signal goes back to `indices` (N, C, rows, columns), indices into each map."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, indices: Tensor, reading: Reading) -> Tensor:
        ctx.save_for_backward(indices)
        ctx.shape, ctx.reading = x.shape, reading
        return y.clone()

    @staticmethod
    def backward(ctx: Any, signal: Tensor) -> tuple[Tensor | None, ...]:
        (indices,) = ctx.saved_tensors
        back = unpooled(signal, indices, ctx.shape[-2:], ctx.reading)
        return back, None, None, None


def unpooled(signal: Tensor, indices: Tensor, size: Sequence[int], reading: Reading) -> Tensor:
    """The signal (..., rows, columns) brought to `indices` of maps of `size`."""
    # not flatten and unflatten, which have no rule for many signals that run back together
    flat = signal.reshape(*signal.shape[:-2], -1)
    to = indices.reshape(*indices.shape[:-2], -1).expand(flat.shape)
    blank = flat.new_zeros(*flat.shape[:-1], int(size[0]) * int(size[1]))
    if reading == "sum":
        return blank.scatter_add(-1, to, flat).reshape(*flat.shape[:-1], *size)
    order = torch.arange(flat.shape[-1], device=flat.device).expand_as(to)
    last = torch.full_like(blank, -1, dtype=torch.long).scatter_reduce(-1, to, order, "amax")
    return torch.where(last >= 0, flat.gather(-1, last.clamp(min=0)), blank).reshape(*flat.shape[:-1], *size)


def poolings(pooling: Pooling, reading: Reading) -> dict[Callable, Callable]:
    """What stands for max pooling; nothing where autograd's own way back is the one asked for."""
    if (pooling, reading) == ("places", "sum"):
        return {}

    def max_pool2d(
        input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
        ceil_mode: bool = False, return_indices: bool = False,
    ) -> Any:  # fmt: skip
        with torch.no_grad():
            y, indices = F.max_pool2d(
                input, kernel_size, stride, padding, dilation, ceil_mode=ceil_mode, return_indices=True
            )
            recorded = indices
            if pooling == "centre":
                indices = _centres(input, y, kernel_size, stride or kernel_size, padding, dilation)
        out = _Pooled.apply(input, y, indices, reading)
        return (out, recorded) if return_indices else out

    return dict.fromkeys(functions("max_pool2d", "max_pool2d_with_indices"), max_pool2d)


def _centres(x: Tensor, y: Tensor, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Tensor:
    """The index of every window's centre in its map (rows, columns), for all samples and channels."""
    at = []
    for axis in (0, 1):
        k, s, p, d = (
            v if isinstance(v, int) else v[axis] if len(v) > 1 else v[0] for v in (kernel, stride, padding, dilation)
        )
        centres = torch.arange(y.shape[axis - 2], device=x.device) * s - p + d * ((k - 1) // 2)
        at.append(centres.clamp(0, x.shape[axis - 2] - 1))
    return (at[0][:, None] * x.shape[-1] + at[1]).expand(y.shape)
