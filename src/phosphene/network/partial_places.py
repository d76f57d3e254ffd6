"""Rules for changed tensors, of operations that work place by place or join or move values.

They work on the changed rectangles as they are; where two changed tensors meet, on rectangles that hold both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .changed import Changed
from .partial import RULES, rule
from .rules import functions


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
