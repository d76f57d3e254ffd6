"""Rules for tensors that know which rows changed: moves, and what each function computes anew.

A function that treats rows alike and apart, as a batch's, runs on those that changed. Where two tensors meet, on the
rows that changed in either. What mixes rows has no rule and sees everything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..running.rules import functions
from .changed import Followed
from .elementwise import UNARY
from .rows import Moved, Rows, as_rows, moving

RULES = Followed.row_rules


def rule(*names: str) -> Callable[[Callable], Callable]:
    """Notes the decorated function, which is given the plain one first, as the rule of the functions of these names."""

    def note(function: Callable) -> Callable:
        for plain in dict.fromkeys(f for name in names for f in functions(name)):
            if not plain.__name__.endswith("_") or plain.__name__.startswith("__"):

                def ruled(*args: Any, plain: Callable = plain, **kwargs: Any) -> Any:
                    return function(plain, *args, **kwargs)

                RULES[plain] = ruled
        return function

    return note


# ---- moves


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


# ---- what is computed for each row


def _alone(func: Callable, x: Any, *args: Any, **kwargs: Any) -> Any:
    """The function on the changed rows of one tensor."""
    rows = as_rows(x) if isinstance(x, Followed) else None
    if rows is None or any(isinstance(part, Followed) for part in (*args, *kwargs.values())):
        return NotImplemented
    clean = rows.plan.once("clean", lambda: func(rows.clean, *args, **kwargs))
    return rows.like(clean, func(rows.fresh, *args, **kwargs))


@rule(*(name for name in UNARY if name != "contiguous"))
def unary(plain: Callable, input: Any, *args: Any, inplace: bool = False, **kwargs: Any) -> Any:
    return NotImplemented if inplace or True in args else _alone(plain, input, *args, **kwargs)


@rule("linear")
def linear(plain: Callable, input: Any, weight: Any, bias: Any = None) -> Any:
    out = _alone(F.linear, input, weight, bias) if not getattr(input, "axis", 0) else NotImplemented
    if isinstance(out, Rows):
        spare(out, weight.shape[1])
    return out


def spare(out: Rows, cost: int) -> None:
    """Notes what the rows that did not change would have taken: `cost` multiply-adds for each number."""
    out.plan.spared += (out.count * out.each - len(out.which)) * out.clean[0].numel() * cost


@rule("layer_norm")
def layer_norm(plain: Callable, input: Any, normalized_shape: Sequence[int], *args: Any, **kwargs: Any) -> Any:
    rows = as_rows(input) if isinstance(input, Followed) else None
    if rows is None or rows.axis or len(normalized_shape) >= rows.clean.ndim:
        return NotImplemented
    return _alone(F.layer_norm, rows, normalized_shape, *args, **kwargs)


@rule("softmax", "normalize")
def along(plain: Callable, input: Any, *args: Any, dim: Any = None, **kwargs: Any) -> Any:
    if dim is None and plain is not F.normalize and args:
        dim, args = args[0], args[1:]
    dim = 1 if dim is None and plain is F.normalize else dim
    rows = as_rows(input) if isinstance(input, Followed) else None
    if rows is None or rows.axis or dim is None or dim % rows.ndim < len(rows.lead):
        return NotImplemented
    return _alone(plain, rows, *args, dim=dim % rows.ndim - rows.ndim, **kwargs)


@rule("matmul", "__matmul__", "bmm")
def matmul(plain: Callable, a: Any, b: Any) -> Any:
    if not _paired(a, b):
        return NotImplemented
    clean = a.plan.once("clean", lambda: torch.matmul(a.clean, b.clean))
    out = a.like(clean, torch.matmul(a.fresh, b.fresh))
    spare(out, a.shape[-1])
    return out


def _paired(*several: Any) -> bool:
    """Whether all are matrices, one or several a row, of the same rows."""
    first = several[0]
    return all(
        isinstance(x, Rows) and x.memory is None and x.which is first.which and not x.axis and len(x.lead) == 1
        and x.clean.ndim >= 3
        for x in several
    )  # fmt: skip


@rule("scaled_dot_product_attention")
def attention(
    plain: Callable, query: Any, key: Any, value: Any, attn_mask: Any = None, *args: Any, **kwargs: Any
) -> Any:
    if not _paired(query, key, value) or isinstance(attn_mask, Followed):
        return NotImplemented
    if attn_mask is not None and attn_mask.ndim == query.ndim and attn_mask.shape[0] != 1:
        return NotImplemented

    def run(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(q, k, v, attn_mask, *args, **kwargs)

    clean = query.plan.once("clean", lambda: run(query.clean, key.clean, value.clean))
    out = query.like(clean, run(query.fresh, key.fresh, value.fresh))
    spare(out, 2 * key.shape[-2])
    return out


@rule("new_zeros", "new_ones", "new_full", "new_empty")
def new(plain: Callable, input: Any, *args: Any, **kwargs: Any) -> Any:
    return plain(input.clean, *args, **kwargs)


def _on_either(func: Callable, a: Rows, b: Rows, args: tuple, kwargs: dict) -> Any:
    """The function of two tensors on the rows that changed in either."""
    if a.axis or b.axis or a.clean.shape != b.clean.shape:
        return NotImplemented
    # the rows that changed in either; both are computed there, also where only one has changed
    which = a.which if a.which is b.which else torch.cat([a.which, b.which]).unique()
    if len(which) >= a.plan.full_from * a.count * a.each:
        return NotImplemented
    clean = a.plan.once("clean", lambda: func(a.clean, b.clean, *args, **kwargs))
    values = func(a.at_rows(which), b.at_rows(which), *args, **kwargs)
    return Rows(clean, values, which, a.count, a.lead, a.plan)


def joining(func: Callable) -> Callable:
    """The rule of a function of two tensors, of which one or both know their rows."""

    def rule(a: Any, b: Any, *args: Any, **kwargs: Any) -> Any:
        # both follow their rows: on the rows that changed in either
        if isinstance(a, Followed) and isinstance(b, Followed):
            if a.shape != b.shape:
                return NotImplemented
            first, second = as_rows(a), as_rows(b, "other ")
            return NotImplemented if first is None or second is None else _on_either(func, first, second, args, kwargs)
        # one does, the other is a constant: on the rows that changed, with the part of the constant that is theirs
        followed, other = (a, b) if isinstance(a, Followed) else (b, a)
        x = as_rows(followed)
        if x is None:
            return NotImplemented
        for_clean, for_values = _constants(x, other)
        if for_clean is None:
            return NotImplemented

        def run(value: Tensor, constant: Any) -> Tensor:
            return func(value, constant, *args, **kwargs) if followed is a else func(constant, value, *args, **kwargs)

        clean = x.plan.once("clean", lambda: run(x.clean, for_clean))
        out = run(x.fresh, for_values)
        return x.like(clean, out) if out.shape == x.fresh.shape and clean.shape == x.clean.shape else NotImplemented

    return rule


def _constants(x: Rows, other: Any) -> tuple[Any, Any]:
    """A number or tensor that is the same for all samples, for the clean rows and for those that changed; or None."""
    if not isinstance(other, Tensor):
        return other, other
    unit = x.clean.ndim - 1  # dimensions inside a row
    if x.axis:
        return (other, other) if other.ndim == 0 else (None, None)
    if other.ndim <= unit:  # the same for every row
        return other, other
    if other.ndim != x.ndim or other.shape[0] != 1:
        return None, None
    before, inside = other.shape[: len(x.lead)], other.shape[len(x.lead) :]
    if math.prod(before) == 1:  # one for all rows
        single = other.reshape(1, *inside)
        return single, single
    if before[1:] != x.lead[1:]:
        return None, None
    # one for each of a sample's rows: those that changed pick theirs by their number within the sample
    each = other.reshape(x.each, *inside)
    return each, each.index_select(0, x.which % x.each)


_BINARY: dict[str, Callable] = {"add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div}
for _name, _plain in _BINARY.items():
    for _function in functions(_name):
        if not _function.__name__.endswith("_") or _function.__name__.startswith("__"):
            RULES[_function] = joining(_plain)
    _magic = "truediv" if _name == "div" else _name
    RULES[getattr(Tensor, f"__{_magic}__")] = joining(_plain)
    RULES[getattr(Tensor, f"__r{_magic}__")] = joining(lambda a, b, func=_plain: func(torch.as_tensor(b), a))
