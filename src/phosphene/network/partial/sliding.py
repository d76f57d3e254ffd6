"""Rules for changed tensors: what each operation computes anew.

A sliding operation with reach r (kernel and dilation), stride s and padding p changes the units whose windows meet the
rectangle: from ceil((top + p - r + 1) / s) to floor((bottom + p) / s). It is computed on the rectangles that these see.
Rules for other operations stand in `elementwise`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..geometry.sliding import pair
from ..running.rules import functions
from .changed import Changed, Pending

RULES = Changed.rules


def rule(*names: str) -> Callable[[Callable], Callable]:
    """Notes the decorated function as the rule of the functions of these names."""

    def note(function: Callable) -> Callable:
        RULES.update(dict.fromkeys(functions(*names), function))
        return function

    return note


@dataclass(frozen=True)
class Slid:
    """What a sliding operation is to be run on, and where its results change."""

    clean: Tensor
    maps: Tensor
    padded: bool  # whether what is seen is all maps, which are padded; a rectangle comes with its context
    top: list[int]
    left: list[int]
    size: tuple[int, int]


def slide(
    x: Changed, run: Callable[[Tensor, bool], Tensor], kernel: Any, stride: Any, padding: Any, dilation: Any = 1,
    outside: float = 0.0, cost: int = 0,
) -> Slid:  # fmt: skip
    """A sliding operation; `run(maps, padded)` is the operation itself, with or without its padding.

    `cost` is the multiply-adds of one output number.
    """
    clean = x.plan.once("clean", lambda: run(x.clean, True))
    sizes = (clean.shape[-2], clean.shape[-1])
    ends = [
        _span(at, size, d * (k - 1) + 1, s, p, count)
        for at, size, k, s, p, d, count in zip(
            (x.top, x.left), x.patch_size, pair(kernel), pair(stride), pair(padding), pair(dilation), sizes, strict=True
        )
    ]
    (top, rows), (left, columns) = ends
    if x.plan.in_full(rows, columns, sizes):
        zeros = [0] * len(top)
        return Slid(clean, x.full(), True, zeros, zeros, sizes)
    x.plan.spared += len(top) * (clean.numel() - clean.shape[1] * rows * columns) * cost
    (sy, sx), (py, px) = pair(stride), pair(padding)
    reach = [d * (k - 1) + 1 for k, d in zip(pair(kernel), pair(dilation), strict=True)]
    height, width = (rows - 1) * sy + reach[0], (columns - 1) * sx + reach[1]
    starts = [y * sy - py for y in top], [x * sx - px for x in left]
    same = (height, width) == x.patch_size and starts == (x.top, x.left)
    maps = x.patch if same else x.window(*starts, height, width, outside)
    return Slid(clean, maps, False, top, left, (rows, columns))


def _span(at: Sequence[int], size: int, reach: int, stride: int, pad: int, count: int) -> tuple[list[int], int]:
    """First changed unit of each sample, and how many units hold the change in every one of them."""
    first = [min(max(-((reach - 1 - pad - a) // stride), 0), count - 1) for a in at]
    last = [min(max((a + size - 1 + pad) // stride, 0), count - 1) for a in at]
    most = min(max(b - a for a, b in zip(first, last, strict=True)) + 1, count)
    return [min(a, count - most) for a in first], most


@rule("conv2d")
def conv2d(
    input: Tensor, weight: Tensor, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Any:  # fmt: skip
    if not isinstance(input, Changed) or isinstance(weight, Changed) or input.at != (2, 3):
        return NotImplemented
    if padding == "valid":
        padding = 0
    if padding == "same":
        reach = [d * (k - 1) for k, d in zip(weight.shape[2:], pair(dilation), strict=True)]
        if any(r % 2 for r in reach):
            return NotImplemented
        padding = [r // 2 for r in reach]

    def run(maps: Tensor, padded: bool) -> Tensor:
        return F.conv2d(maps, weight, bias, stride, padding if padded else 0, dilation, groups)

    single = tuple(weight.shape[2:]) == (1, 1) == pair(stride) and pair(padding) == (0, 0) and groups == 1

    def later(maps: Tensor, weight: Tensor, bias: Any) -> Tensor:
        if single and maps.device.type == "cpu":  # as fast, and does not slow down in small batches
            return F.linear(maps.permute(0, 2, 3, 1), weight[:, :, 0, 0], bias).permute(0, 3, 1, 2)
        return F.conv2d(maps, weight, bias, stride, padding if slid.padded else 0, dilation, groups)

    slid = slide(input, run, tuple(weight.shape[2:]), stride, padding, dilation, cost=weight[0].numel())
    quick = input.plan.once("weight", lambda: weight.contiguous(memory_format=torch.channels_last))
    pending = Pending(later, slid.maps, quick, bias, slid.size, slid.maps._version)
    return Changed(slid.clean, pending, slid.top, slid.left, input.at, input.plan)


@rule("max_pool2d")
def max_pool2d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    if return_indices or not isinstance(input, Changed) or input.at != (2, 3):
        return NotImplemented
    stride = stride or kernel_size

    def run(maps: Tensor, padded: bool) -> Tensor:
        return F.max_pool2d(maps, kernel_size, stride, padding if padded else 0, dilation, padded and ceil_mode)

    return _pooled(input, run, slide(input, run, kernel_size, stride, padding, dilation, outside=-torch.inf))


@rule("avg_pool2d")
def avg_pool2d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: Any = None,
) -> Any:  # fmt: skip
    padded_unevenly = padding not in (0, (0, 0)) and not count_include_pad
    if not isinstance(input, Changed) or input.at != (2, 3) or ceil_mode or padded_unevenly:
        return NotImplemented
    stride = stride or kernel_size

    def run(maps: Tensor, padded: bool) -> Tensor:
        return F.avg_pool2d(maps, kernel_size, stride, padding if padded else 0, divisor_override=divisor_override)

    return _pooled(input, run, slide(input, run, kernel_size, stride, padding))


def _pooled(x: Changed, run: Callable[[Tensor, bool], Tensor], slid: Slid) -> Changed:
    return Changed(slid.clean, run(slid.maps, slid.padded), slid.top, slid.left, x.at, x.plan, exclusive=True)


@rule("pad")
def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: Any = None) -> Any:
    if mode != "constant" or len(pad) > 4 or not isinstance(input, Changed) or input.at != (2, 3) or min(pad) < 0:
        return NotImplemented
    left, _, top, _ = (*pad, 0, 0, 0, 0)[:4]
    clean = input.plan.once("clean", lambda: F.pad(input.clean, pad, value=value or 0.0))
    tops, lefts = [t + top for t in input.top], [x + left for x in input.left]
    return Changed(clean, input.patch, tops, lefts, input.at, input.plan)
