"""Rules for changed tensors: what each operation computes anew.

A sliding operation with reach r (kernel and dilation), stride s and padding p changes the units whose windows meet the
rectangle: from ceil((top + p - r + 1) / s) to floor((bottom + p) / s). It is computed on the rectangles that these see.
Rules for other operations stand in `partial_places`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .changed import Changed
from .geometry.sliding import pair
from .rules import functions

RULES = Changed.rules


def rule(*names: str) -> Callable[[Callable], Callable]:
    """Notes the decorated function as the rule of the functions of these names."""

    def note(function: Callable) -> Callable:
        RULES.update(dict.fromkeys(functions(*names), function))
        return function

    return note


def slide(
    x: Changed, run: Callable[[Tensor, bool], Tensor], kernel: Any, stride: Any, padding: Any, dilation: Any = 1,
    outside: float = 0.0, cost: int = 0,
) -> Tensor:  # fmt: skip
    """A sliding operation; `run(maps, padded)` is the operation itself, with or without its padding.

    `cost` is the multiply-adds of one output number.
    """
    clean = x.plan.once(lambda: run(x.clean, True))
    sizes, patch = clean.shape[-2:], x.patch_size
    ends = [
        _span(at, size, d * (k - 1) + 1, s, p, count)
        for at, size, k, s, p, d, count in zip(
            (x.top, x.left), patch, pair(kernel), pair(stride), pair(padding), pair(dilation), sizes, strict=True
        )
    ]
    (top, rows), (left, columns) = ends
    count = len(x.patch)
    if x.plan.once(lambda: rows * columns >= x.plan.full_from * sizes[0] * sizes[1]):
        return run(x.full(), True)
    x.plan.spared += count * (clean.numel() - clean.shape[1] * rows * columns) * cost
    (sy, sx), (py, px) = pair(stride), pair(padding)
    reach = [d * (k - 1) + 1 for k, d in zip(pair(kernel), pair(dilation), strict=True)]
    height, width = (rows - 1) * sy + reach[0], (columns - 1) * sx + reach[1]
    starts = [y * sy - py for y in top], [x * sx - px for x in left]
    same = (height, width) == patch and starts == (x.top, x.left)
    seen = x.patch if same else x.window(*starts, height, width, outside)
    return Changed(clean, run(seen, False), top, left, x.at, x.plan)


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

    cost = weight[0].numel()
    return slide(input, run, tuple(weight.shape[2:]), stride, padding, dilation, cost=cost)


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

    return slide(input, run, kernel_size, stride, padding, dilation, outside=-torch.inf)


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

    return slide(input, run, kernel_size, stride, padding)


@rule("pad")
def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: Any = None) -> Any:
    if mode != "constant" or len(pad) > 4 or not isinstance(input, Changed) or input.at != (2, 3) or min(pad) < 0:
        return NotImplemented
    left, _, top, _ = (*pad, 0, 0, 0, 0)[:4]
    clean = input.plan.once(lambda: F.pad(input.clean, pad, value=value or 0.0))
    tops, lefts = [t + top for t in input.top], [x + left for x in input.left]
    return Changed(clean, input.patch, tops, lefts, input.at, input.plan)
