"""Rules of functions that compute something anew for each row that changed.

A function that treats rows alike and apart, as a batch's, runs on those that changed. Where two tensors meet, on the
rows that changed in either. What mixes rows has no rule and sees everything. Moves are in `row_moves`.
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
from .row_registry import RULES, rule
from .rows import Rows, as_rows


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
