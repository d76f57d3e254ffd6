"""Rules for operations in which places meet: sums, norms, products, attention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from torch import Tensor

from .arguments import ALONG, REDUCING, along_dim, argument, reduced_dims
from .places import Place
from .pointwise import elementwise
from .registry import Tracker, dims_of, rule


def reduce(g: Tracker, out: Any, x: Tensor, *args: Any, at: int, **kwargs: Any) -> Any:
    """Operations that join all along some dimensions: sum(x, dim), norm(x, p, dim)."""
    if at == 0 and any(isinstance(a, Tensor) for a in (*args[:1], kwargs.get("other"))):  # max(a, b), place by place
        return elementwise(g, out, x, *args, **kwargs)
    place = g.place(x)
    dims = dims_of(reduced_dims(args, kwargs, at), x.ndim)
    keeps_dims = (out[0] if isinstance(out, tuple) else out).ndim == x.ndim and x.ndim > 0
    reduced = place and place.contracted(dims, keep=keeps_dims)
    if reduced and keeps_dims:
        reduced = replace(
            reduced, roles="".join("-" if d in dims and r in "ct" else r for d, r in enumerate(reduced.roles))
        )
    return reduced


def along(g: Tracker, out: Any, x: Tensor, *args: Any, at: int, default: int | None, **kwargs: Any) -> Place | None:
    """Operations along a dimension that keep it, each of whose results sees all of it."""
    place = g.place(x)
    dim = along_dim(x, args, kwargs, at, default) % x.ndim
    first = out[0] if isinstance(out, tuple) else out
    if place is None or (place.roles[dim] == "t" and first.shape != x.shape):
        return None
    return place.contracted([dim], keep=True)


for _name, _at in REDUCING.items():
    rule(_name)(partial(reduce, at=_at))
for _name, (_at, _default) in ALONG.items():
    rule(_name)(partial(along, at=_at, default=_default))


@rule("glu", "cumsum", "cumprod", "cummax", "cummin", "logcumsumexp")
def partly_along(g: Tracker, out: Any, x: Tensor, *args: Any, **kwargs: Any) -> Place | None:
    """Operations along a dimension each of whose results sees some of it: told only where all of it sees the same."""
    place = g.place(x)
    dim = argument(args, kwargs, "dim", 0, -1) % x.ndim
    if place is None or place.roles[dim] in "hwt" or (place.roles[dim] == "c" and len(place.parts) > 1):
        return None
    return place.contracted([dim], keep=True)


@rule("layer_norm", "rms_norm")
def layer_norm(g: Tracker, out: Tensor, x: Tensor, normalized_shape: Sequence[int], *_: Any, **__: Any) -> Place | None:
    place = g.place(x)
    return place and place.contracted(range(x.ndim - len(normalized_shape), x.ndim), keep=True)


@rule("batch_norm")
def batch_norm(g: Tracker, out: Tensor, x: Tensor, *args: Any, **kwargs: Any) -> Place | None:
    place = g.place(x)
    joined = [d for d in range(x.ndim) if d != 1] if argument(args, kwargs, "training", 4, False) else []
    return place and place.contracted(joined, keep=True)


@rule("instance_norm")
def instance_norm(g: Tracker, out: Tensor, x: Tensor, *args: Any, **kwargs: Any) -> Place | None:
    place = g.place(x)
    joined = range(2, x.ndim) if argument(args, kwargs, "use_input_stats", 4, True) else []
    return place and place.contracted(joined, keep=True)


@rule("group_norm")
def group_norm(g: Tracker, out: Tensor, x: Tensor, *_: Any, **__: Any) -> Place | None:
    place = g.place(x)
    return place and place.contracted(range(1, x.ndim), keep=True)


@rule("linear")
def linear(g: Tracker, out: Tensor, x: Tensor, weight: Tensor, bias: Any = None) -> Place | None:
    place = g.place(x)
    if place is None or g.place(weight) is not None:
        return None
    joined = place.contracted([x.ndim - 1], keep=True)
    return replace(joined, roles=joined.roles[:-1] + "c", parts=((out.shape[-1], joined.window),))


@rule("matmul", "bmm", "__matmul__", "baddbmm", "rmatmul")
def matmul(g: Tracker, out: Tensor, a: Tensor, b: Tensor) -> Place | None:
    left, right = g.place(a), g.place(b)
    if a.ndim < 2 or b.ndim < 2:
        return None
    if right is None and left is not None:
        joined = left.contracted([a.ndim - 1], keep=True)
        roles = ("-" * (out.ndim - a.ndim) + joined.roles)[-out.ndim :]
        return replace(joined, roles=roles[:-1] + "c", parts=((out.shape[-1], joined.window),))
    if left is None and right is not None:
        joined = right.contracted([b.ndim - 2], keep=True)
        roles = ("-" * (out.ndim - b.ndim) + joined.roles)[-out.ndim :]
        return replace(joined, roles=roles[:-2] + "-" + roles[-1], parts=((0, joined.window),))
    return None
