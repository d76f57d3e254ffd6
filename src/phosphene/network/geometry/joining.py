"""Rules for operations in which places meet: sums, norms, products, attention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from .places import Place
from .pointwise import elementwise
from .registry import Tracker, dims_of, rule


@rule("sum", "mean", "amax", "amin", "max", "min", "prod", "std", "var", "logsumexp", "norm", "argmax", "argmin", "any",
      "all", "median", "vector_norm")  # fmt: skip
def reduce(g: Tracker, out: Any, x: Tensor, dim: Any = None, *args: Any, keepdim: bool = False, **kw: Any) -> Any:
    if isinstance(dim, Tensor):  # max(a, b), place by place
        return elementwise(g, out, x, dim)
    if "axis" in kw or (isinstance(dim, (float, str)) and not args):
        return None
    place = g.place(x)
    dims = dims_of(dim, x.ndim)
    kept = (out[0] if isinstance(out, tuple) else out).ndim == x.ndim and x.ndim > 0
    reduced = place and place.contracted(dims, keep=kept)
    if reduced and kept:
        reduced = replace(
            reduced, roles="".join("-" if d in dims and r in "ct" else r for d, r in enumerate(reduced.roles))
        )
    return reduced


@rule("softmax", "log_softmax", "softmin", "cumsum", "normalize", "glu", "std_mean", "sort", "topk")
def along(g: Tracker, out: Any, x: Tensor, *args: Any, **kwargs: Any) -> Place | None:
    """Operations along a dimension that keep it."""
    place = g.place(x)
    if "p" in kwargs or (args and isinstance(args[0], float)):  # normalize(x, p, dim)
        args = args[1:]
    dim = kwargs.get("dim", args[0] if args and isinstance(args[0], int) else None)
    if dim is None:
        dim = 1 if x.ndim > 1 else 0
    first = out[0] if isinstance(out, tuple) else out
    if not isinstance(dim, int) or first.ndim != x.ndim:
        return None
    return place and place.contracted([dim % x.ndim], keep=True)


@rule("layer_norm", "rms_norm")
def layer_norm(g: Tracker, out: Tensor, x: Tensor, normalized_shape: Sequence[int], *_: Any, **__: Any) -> Place | None:
    place = g.place(x)
    return place and place.contracted(range(x.ndim - len(normalized_shape), x.ndim), keep=True)


@rule("group_norm", "instance_norm")
def over_the_map(g: Tracker, out: Tensor, x: Tensor, *_: Any, **__: Any) -> Place | None:
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
