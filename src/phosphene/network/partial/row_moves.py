"""Rules of functions that move values and compute nothing: views, permutations, parts, joins.

Rows that changed stay rows as far as they can; beyond that the moves are kept, and made once something is computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .changed import Followed
from .row_registry import rule
from .rows import Moved, Rows, moving


def _move(x: Any, move: Callable[[Tensor, int], Tensor]) -> Any:
    start = moving(x) if isinstance(x, Followed) else None
    return NotImplemented if start is None else start.moved(move)


def _sizes(args: tuple) -> list[int]:
    return list(args[0] if len(args) == 1 and isinstance(args[0], (tuple, list)) else args)


@rule("view", "reshape")
def view(plain: Callable, input: Any, *args: Any, shape: Any = None) -> Any:
    sizes = _sizes((shape,) if shape is not None else args)
    if not all(isinstance(size, int) for size in sizes) or not isinstance(input, Followed):
        return NotImplemented
    if isinstance(input, Rows) and input.memory is None and (result := _rows_viewed(input, sizes)) is not None:
        return result
    if sizes[0] != -1 and sizes[0] % input.count:
        return NotImplemented

    def move(value: Tensor, count: int) -> Tensor:
        first = sizes[0] if sizes[0] == -1 else sizes[0] // input.count * count
        return value.reshape(first, *sizes[1:])

    return _move(input, move)


def _rows_viewed(x: Rows, sizes: list[int]) -> Rows | None:
    """The rows with other dimensions before or inside them; None where they would not stay rows."""
    if x.axis:
        return None
    if -1 in sizes:
        stated_elements = -math.prod(sizes)
        sizes = [x.numel() // stated_elements if size == -1 else size for size in sizes]
    unit = x.clean[0].numel()  # numbers in a row
    # look for the cut between the dimensions that count rows, (n k,) or (n, ...), and those inside a row
    for cut in range(1, len(sizes) + 1):
        one = cut == 1 and sizes[0] == x.count * x.each
        if (one or (cut > 1 and sizes[0] == x.count)) and math.prod(sizes[cut:]) == unit and cut < len(sizes) + 1:
            if math.prod(sizes[:cut]) != x.count * x.each:
                continue
            clean = x.plan.once("view", lambda cut=cut: x.clean.reshape(x.each, *sizes[cut:]))  # type: ignore[misc]
            return x.like(clean, x.fresh.reshape(len(x.which), *sizes[cut:]), sizes[:cut])
    return None


@rule("permute")
def permute(plain: Callable, input: Any, *dims: Any) -> Any:
    order = [d % input.ndim for d in _sizes(dims)]
    if isinstance(input, Rows) and input.memory is None and len(input.lead) == 1:
        clean = input.plan.once("permuted", lambda: input.clean.permute(order))
        return input.like(clean, input.fresh.permute(order), axis=order.index(input.axis))
    return _move(input, lambda value, count: value.permute(order)) if order[0] == 0 else NotImplemented


@rule("transpose", "swapaxes")
def transpose(plain: Callable, input: Any, dim0: int, dim1: int) -> Any:
    order = list(range(input.ndim))
    order[dim0], order[dim1] = order[dim1], order[dim0]
    return permute(plain, input, order)


@rule("contiguous")
def contiguous(plain: Callable, input: Any, **kwargs: Any) -> Any:
    if isinstance(input, Rows) and input.memory is None and not kwargs:
        return input.like(input.plan.once("clean", lambda: input.clean), input.fresh.contiguous())
    return _move(input, lambda value, count: value.contiguous()) if not kwargs else NotImplemented


@rule("roll")
def roll(plain: Callable, input: Any, shifts: Any, dims: Any = None) -> Any:
    along = [dims] if isinstance(dims, int) else list(dims or [])
    if not along or 0 in [d % input.ndim for d in along]:
        return NotImplemented
    return _move(input, lambda value, count: torch.roll(value, shifts, dims))


@rule("flatten")
def flatten(plain: Callable, input: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    if start_dim % input.ndim == 0:
        return NotImplemented
    return _move(input, lambda value, count: value.flatten(start_dim, end_dim))


@rule("pad")
def pad(plain: Callable, input: Any, pad: Sequence[int], mode: str = "constant", value: Any = None) -> Any:
    if mode != "constant" or value not in (None, 0) or len(pad) > 2 * (input.ndim - 1):
        return NotImplemented
    return _move(input, lambda maps, count: F.pad(maps, pad) if any(pad) else maps)


@rule("__getitem__")
def getitem(plain: Callable, input: Any, index: Any) -> Any:
    if isinstance(input, Rows) and input.axis == 1 and isinstance(index, int) and input.memory is None:
        return unbind(plain, input)[index]
    parts = index if isinstance(index, tuple) else (index,)
    if not all(part is Ellipsis or isinstance(part, (slice, int)) for part in parts):
        return NotImplemented
    first = parts[0]
    if not (first == slice(None) or (first is Ellipsis and len(parts) <= input.ndim)):
        return NotImplemented
    return _move(input, lambda value, count: value[index])


@rule("unbind")
def unbind(plain: Callable, input: Any, dim: int = 0) -> Any:
    if not isinstance(input, Rows) or input.axis != 1 or dim != 0 or input.memory is not None:
        return NotImplemented
    cleans = input.plan.once("unbound", lambda: input.clean.unbind(0))
    return tuple(input.like(c, v, axis=0) for c, v in zip(cleans, input.fresh.unbind(0), strict=True))


@rule("cat", "concat", "concatenate")
def cat(plain: Callable, tensors: Sequence[Any], dim: int = 0) -> Any:
    parts = [moving(x, f"{at} ") if isinstance(x, Followed) else None for at, x in enumerate(tensors)]
    first = parts[0]
    if first is None or any(not isinstance(part, Moved) or part.base is not first.base for part in parts):
        return NotImplemented
    if dim % first.ndim == 0:
        return NotImplemented
    several: list[Moved] = parts  # type: ignore[assignment]
    # all come from one base, whose elements have one numbering: so the numbers are joined as the values are
    clean = first.plan.once("joined", lambda: torch.cat([part.clean for part in several], dim))
    ids = first.plan.once("ids", lambda: torch.cat([part.ids for part in several], dim))

    def move(value: Tensor, count: int) -> Tensor:
        out = []
        for part in several:
            moved = value
            for step in part.moves:
                moved = step(moved, count)
            out.append(moved)
        return torch.cat(out, dim)

    return Moved(clean, ids, first.base, (move,))
