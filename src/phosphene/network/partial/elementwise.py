"""Rules for changed tensors, of operations that work place by place or join or move values.

They work on the changed rectangles as they are; where two changed tensors meet, on rectangles that hold both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..running.rules import functions
from .changed import Changed
from .sliding import RULES, rule


def elementwise(func: Callable, writing: Callable | None = None) -> Callable:
    """The rule of a function of one changed tensor and of constants; `writing` is its kind that works in place."""

    def rule(input: Tensor, *args: Any, **kwargs: Any) -> Any:
        if any(isinstance(value, Changed) for value in (*args, *kwargs.values())):
            return NotImplemented
        if not isinstance(input, Changed):
            return NotImplemented
        inplace = kwargs.pop("inplace", False)
        clean = input.plan.once("clean", lambda: func(input.clean, *args, **kwargs))
        if not (writing or inplace):
            return input.like(clean, func(input.patch, *args, **kwargs), exclusive=func not in _SHARING)
        patch = input.writable()
        if patch is None:
            patch = func(input.patch, *args, **kwargs)
        elif writing:
            writing(patch, *args, **kwargs)
        else:
            func(patch, *args, inplace=True, **kwargs)
        return input.become(input.like(clean, patch, exclusive=True))

    return rule


UNARY = (
    "relu relu6 leaky_relu elu selu celu gelu silu mish hardtanh hardswish hardsigmoid softplus sigmoid tanh abs exp "
    "neg clamp clamp_min clamp_max clip sqrt square dropout dropout2d dropout1d clone contiguous detach"
).split()
_SHARING = {f for name in ("dropout", "dropout1d", "dropout2d", "contiguous", "detach") for f in functions(name)}
for _name in UNARY:
    _plain = next(f for f in functions(_name) if not f.__name__.endswith("_") or f.__name__.startswith("__"))
    for _function in functions(_name):
        RULES[_function] = elementwise(_plain, _function if _function.__name__.endswith("_") else None)


@rule("batch_norm")
def batch_norm(
    input: Tensor, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None, training: bool = False,
    momentum: float = 0.1, eps: float = 1e-5,
) -> Any:  # fmt: skip
    if training or not isinstance(input, Changed) or input.at != (2, 3):
        return NotImplemented

    def run(maps: Tensor) -> Tensor:
        return F.batch_norm(maps, running_mean, running_var, weight, bias, False, momentum, eps)

    clean, pending = input.plan.once("clean", lambda: run(input.clean)), input.pending
    if pending is None:
        return input.like(clean, run(input.patch), exclusive=True)

    def folded() -> tuple[Tensor, Tensor]:
        scale = torch.rsqrt(running_var + eps) * (1 if weight is None else weight)
        shift = (0 if pending.bias is None else pending.bias) - running_mean
        return pending.weight * scale[:, None, None, None], shift * scale + (0 if bias is None else bias)

    into, onto = input.plan.once("folded", folded)
    return input.like(clean, replace(pending, weight=into, bias=onto))


@rule("layer_norm")
def layer_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    if not isinstance(input, Changed) or max(input.at) >= input.ndim - len(normalized_shape):
        return NotImplemented

    def run(maps: Tensor) -> Tensor:
        return F.layer_norm(maps, normalized_shape, weight, bias, eps)

    return input.like(input.plan.once("clean", lambda: run(input.clean)), run(input.patch), exclusive=True)


@rule("linear")
def linear(input: Tensor, weight: Tensor, bias: Any = None) -> Any:
    if not isinstance(input, Changed) or isinstance(weight, Changed) or input.ndim - 1 in input.at:
        return NotImplemented
    clean = input.plan.once("clean", lambda: F.linear(input.clean, weight, bias))
    patch = F.linear(input.patch, weight, bias)
    input.plan.spared += (len(patch) * clean.numel() - patch.numel()) * weight.shape[1]
    return input.like(clean, patch, exclusive=True)


def together(several: Sequence[Changed]) -> tuple[list[Tensor], list[int], list[int], bool]:
    """The values of all in rectangles that hold the changes of all, where those lie, and whether they are copies."""
    first, spans = several[0], []
    # most lie where another does
    spots = dict.fromkeys((tuple(x.top), tuple(x.left), x.patch_size) for x in several)
    for axis, size in enumerate(first.map_size):
        starts = [(tops, lefts)[axis] for tops, lefts, _ in spots]
        ends = [[a + sides[axis] for a in s] for s, (_, _, sides) in zip(starts, spots, strict=True)]
        start = [min(a) for a in zip(*starts, strict=True)]
        length = min(max(max(e) - a for e, a in zip(zip(*ends, strict=True), start, strict=True)), size)
        spans.append(([min(a, size - length) for a in start], length))
    (top, height), (left, width) = spans
    if first.plan.in_full(height, width, first.map_size):
        zeros = [0] * len(top)
        return [x.full() for x in several], zeros, zeros, False
    if list(spots) == [(tuple(top), tuple(left), (height, width))]:
        return [x.patch for x in several], top, left, False
    return [x.window(top, left, height, width) for x in several], top, left, True


def joining(func: Callable, *, in_place: bool = False) -> Callable:
    """The rule of a function of two tensors, of which one or both changed."""

    def rule(a: Any, b: Any, *args: Any, **kwargs: Any) -> Any:
        changed = [x for x in (a, b) if isinstance(x, Changed)]
        if len(changed) == 2:
            if a.clean.shape != b.clean.shape or a.at != b.at:
                return NotImplemented
            (pa, pb), top, left, copies = together(changed)
            clean = a.plan.once("clean", lambda: func(a.clean, b.clean, *args, **kwargs))
            into = {"out": pa} if copies and pa.dtype == clean.dtype else {}
            out = Changed(clean, func(pa, pb, *args, **kwargs, **into), top, left, a.at, a.plan, exclusive=True)
        else:
            x, other = (a, b) if isinstance(a, Changed) else (b, a)
            if isinstance(other, Tensor) and not _constant(other, x):
                return NotImplemented

            def run(maps: Tensor) -> Tensor:
                return func(maps, other, *args, **kwargs) if x is a else func(other, maps, *args, **kwargs)

            out = x.like(x.plan.once("clean", lambda: run(x.clean)), run(x.patch), exclusive=True)
            if out.clean.shape != x.clean.shape:
                return NotImplemented
        if not in_place:
            return out
        if not isinstance(a, Changed):
            return NotImplemented
        return a.become(out)

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
    patches, top, left, _ = together(tensors)  # type: ignore[arg-type]
    clean = first.plan.once("clean", lambda: torch.cat([t.clean for t in tensors], dim))  # type: ignore[attr-defined]
    return Changed(clean, torch.cat(patches, dim), top, left, first.at, first.plan, exclusive=True)


@rule("permute")
def permute(input: Tensor, *dims: Any) -> Any:
    order = [d % input.ndim for d in (dims[0] if isinstance(dims[0], (tuple, list)) else dims)]
    if not isinstance(input, Changed) or order[0] != 0:
        return NotImplemented
    at = order.index(input.at[0]), order.index(input.at[1])
    clean = input.plan.once("clean", lambda: input.clean.permute(order))
    return Changed(clean, input.patch.permute(order), input.top, input.left, at, input.plan)


@rule("chunk")
def chunk(input: Tensor, chunks: int, dim: int = 0) -> Any:
    if not isinstance(input, Changed) or dim % input.ndim in (0, *input.at):
        return NotImplemented
    cleans = input.plan.once("clean", lambda: tuple(input.clean.chunk(chunks, dim)))
    patches = input.patch.chunk(chunks, dim)
    return tuple(input.like(clean, patch) for clean, patch in zip(cleans, patches, strict=True))
