"""Rules for changed tensors: what each operation computes anew.

A sliding operation with reach r (kernel and dilation), stride s and padding p changes the units whose windows meet the
rectangle: from ceil((top + p - r + 1) / s) to floor((bottom + p) / s). It is computed on the rectangles that these see.
Operations place by place work on the rectangles as they are; where two changed tensors meet, on the rectangles that
hold both.
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


def rule(*names: str, of: Sequence[Callable] = ()) -> Callable[[Callable], Callable]:
    """Notes the decorated function as the rule of the functions of these names."""

    def note(function: Callable) -> Callable:
        RULES.update(dict.fromkeys((*functions(*names), *of), function))
        return function

    return note


# ---- sliding


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


# ---- place by place


def placewise(func: Callable, *, in_place: bool = False) -> Callable:
    """The rule of a function of one changed tensor and of constants."""

    def rule(input: Tensor, *args: Any, **kwargs: Any) -> Any:
        if any(isinstance(value, Changed) for value in (*args, *kwargs.values())):
            return NotImplemented
        if not isinstance(input, Changed):
            return NotImplemented
        writes = in_place or kwargs.pop("inplace", False)
        clean = input.plan.once(lambda: func(input.clean, *args, **kwargs))
        found = input.like(clean, func(input.patch, *args, **kwargs))
        return input.become(found.clean, found.patch, found.top, found.left, found.at, found.plan) if writes else found

    return rule


UNARY = (
    "relu relu6 leaky_relu elu selu celu gelu silu mish hardtanh hardswish hardsigmoid softplus sigmoid tanh abs exp "
    "neg clamp clamp_min clamp_max clip sqrt square dropout dropout2d dropout1d clone contiguous detach"
).split()
for _name in UNARY:
    _plain = next(f for f in functions(_name) if not f.__name__.endswith("_") or f.__name__.startswith("__"))
    for _function in functions(_name):
        RULES[_function] = placewise(_plain, in_place=getattr(_function, "__name__", "").endswith("_"))


@rule("batch_norm")
def batch_norm(
    input: Tensor, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None, training: bool = False,
    momentum: float = 0.1, eps: float = 1e-5,
) -> Any:  # fmt: skip
    if training or not isinstance(input, Changed) or input.at != (2, 3):
        return NotImplemented

    def run(maps: Tensor) -> Tensor:
        return F.batch_norm(maps, running_mean, running_var, weight, bias, False, momentum, eps)

    return input.like(input.plan.once(lambda: run(input.clean)), run(input.patch))


@rule("layer_norm")
def layer_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    if not isinstance(input, Changed) or max(input.at) >= input.ndim - len(normalized_shape):
        return NotImplemented

    def run(maps: Tensor) -> Tensor:
        return F.layer_norm(maps, normalized_shape, weight, bias, eps)

    return input.like(input.plan.once(lambda: run(input.clean)), run(input.patch))


@rule("linear")
def linear(input: Tensor, weight: Tensor, bias: Any = None) -> Any:
    if not isinstance(input, Changed) or isinstance(weight, Changed) or input.ndim - 1 in input.at:
        return NotImplemented
    clean, patch = input.plan.once(lambda: F.linear(input.clean, weight, bias)), F.linear(input.patch, weight, bias)
    input.plan.spared += (len(patch) * clean.numel() - patch.numel()) * weight.shape[1]
    return input.like(clean, patch)


def together(several: Sequence[Changed]) -> tuple[list[Tensor], list[int], list[int]] | None:
    """Rectangles that hold the changes of all, for each sample; None if they are most of the map."""
    first, found = several[0], []
    for axis, size in enumerate(first.map_size):
        starts = [[x.top, x.left][axis] for x in several]
        start = [min(a) for a in zip(*starts, strict=True)]
        ends = [[a + x.patch_size[axis] for a in s] for x, s in zip(several, starts, strict=True)]
        length = min(max(max(e) - a for e, a in zip(zip(*ends, strict=True), start, strict=True)), size)
        found.append(([min(a, size - length) for a in start], length))
    (top, height), (left, width) = found
    if first.plan.once(lambda: height * width >= first.plan.full_from * first.map_size[0] * first.map_size[1]):
        return None
    if all((x.top, x.left, x.patch_size) == (top, left, (height, width)) for x in several):
        return [x.patch for x in several], top, left
    return [x.window(top, left, height, width) for x in several], top, left


def joining(func: Callable, *, in_place: bool = False) -> Callable:
    """The rule of a function of two tensors, of which one or both changed."""

    def rule(a: Any, b: Any, *args: Any, **kwargs: Any) -> Any:
        changed = [x for x in (a, b) if isinstance(x, Changed)]
        if len(changed) == 2:
            if a.clean.shape != b.clean.shape or a.at != b.at:
                return NotImplemented
            met = together(changed)
            if met is None:
                return NotImplemented
            (pa, pb), top, left = met
            clean = a.plan.once(lambda: func(a.clean, b.clean, *args, **kwargs))
            out = Changed(clean, func(pa, pb, *args, **kwargs), top, left, a.at, a.plan)
        else:
            x, other = (a, b) if isinstance(a, Changed) else (b, a)
            if isinstance(other, Tensor) and not _constant(other, x):
                return NotImplemented

            def run(maps: Tensor) -> Tensor:
                return func(maps, other, *args, **kwargs) if x is a else func(other, maps, *args, **kwargs)

            out = x.like(x.plan.once(lambda: run(x.clean)), run(x.patch))
            if out.clean.shape != x.clean.shape:
                return NotImplemented
        if not in_place:
            return out
        if not isinstance(a, Changed):
            return NotImplemented
        return a.become(out.clean, out.patch, out.top, out.left, out.at, out.plan)

    return rule


def _constant(other: Tensor, x: Changed) -> bool:
    """Whether it is the same for all samples and places."""
    back = [d - x.ndim for d in (0, *x.at)]
    return other.ndim <= x.ndim and all(-d > other.ndim or other.shape[d] == 1 for d in back)


_BINARY: dict[str, Callable] = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "div": torch.div,
    "maximum": torch.maximum,
}
for _name, _plain in _BINARY.items():
    for _function in functions(_name):
        RULES[_function] = joining(_plain, in_place=_function.__name__.endswith("_"))
_OPERATORS: dict[str, Callable] = {"add": torch.add, "sub": torch.sub, "mul": torch.mul, "truediv": torch.div}
for _name, _plain in _OPERATORS.items():
    RULES[getattr(Tensor, f"__{_name}__")] = joining(_plain)
    if hasattr(Tensor, f"__r{_name}__"):
        RULES[getattr(Tensor, f"__r{_name}__")] = joining(lambda a, b, func=_plain: func(torch.as_tensor(b), a))
    if hasattr(Tensor, f"__i{_name}__"):
        RULES[getattr(Tensor, f"__i{_name}__")] = joining(_plain, in_place=True)


# ---- moving


@rule("cat", "concat", "concatenate")
def cat(tensors: Sequence[Tensor], dim: int = 0) -> Any:
    first = next(t for t in tensors if isinstance(t, Changed))
    if any(not isinstance(t, Changed) or t.at != first.at or t.map_size != first.map_size for t in tensors):
        return NotImplemented
    if dim % first.ndim in (0, *first.at):
        return NotImplemented
    met = together(tensors)  # type: ignore[arg-type]
    if met is None:
        return NotImplemented
    clean = first.plan.once(lambda: torch.cat([t.clean for t in tensors], dim))  # type: ignore[attr-defined]
    return Changed(clean, torch.cat(met[0], dim), met[1], met[2], first.at, first.plan)


@rule("permute")
def permute(input: Tensor, *dims: Any) -> Any:
    order = [d % input.ndim for d in (dims[0] if isinstance(dims[0], (tuple, list)) else dims)]
    if not isinstance(input, Changed) or order[0] != 0:
        return NotImplemented
    at = order.index(input.at[0]), order.index(input.at[1])
    return Changed(input.clean.permute(order), input.patch.permute(order), input.top, input.left, at, input.plan)


@rule("chunk")
def chunk(input: Tensor, chunks: int, dim: int = 0) -> Any:
    if not isinstance(input, Changed) or dim % input.ndim in (0, *input.at):
        return NotImplemented
    return tuple(
        input.like(clean, patch)
        for clean, patch in zip(input.clean.chunk(chunks, dim), input.patch.chunk(chunks, dim), strict=True)
    )
