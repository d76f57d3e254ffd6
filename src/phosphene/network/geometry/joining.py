"""Rules for operations in which places meet: sums, norms, products, attention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from .fields import Window
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
    reduced = place and place.contracted(dims, x.shape, keep=kept)
    if reduced and kept:
        reduced = replace(reduced, roles="".join("-" if d in dims else r for d, r in enumerate(reduced.roles)))
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
    return place and place.contracted([dim % x.ndim], x.shape, keep=True)


@rule("layer_norm", "rms_norm")
def layer_norm(g: Tracker, out: Tensor, x: Tensor, normalized_shape: Sequence[int], *_: Any, **__: Any) -> Place | None:
    place = g.place(x)
    return place and place.contracted(range(x.ndim - len(normalized_shape), x.ndim), x.shape, keep=True)


@rule("group_norm", "instance_norm")
def over_the_map(g: Tracker, out: Tensor, x: Tensor, *_: Any, **__: Any) -> Place | None:
    place = g.place(x)
    return place and place.contracted(range(1, x.ndim), x.shape, keep=True)


@rule("linear")
def linear(g: Tracker, out: Tensor, x: Tensor, weight: Tensor, bias: Any = None) -> Place | None:
    place = g.place(x)
    if place is None or g.place(weight) is not None:
        return None
    joined = place.contracted([x.ndim - 1], x.shape, keep=True)
    return replace(joined, roles=joined.roles[:-1] + "c", parts=((out.shape[-1], joined.window),))


@rule("matmul", "bmm", "__matmul__", "baddbmm", "rmatmul")
def matmul(g: Tracker, out: Tensor, a: Tensor, b: Tensor) -> Place | None:
    left, right = g.place(a), g.place(b)
    if a.ndim < 2 or b.ndim < 2:
        return None
    if right is None and left is not None:
        joined = left.contracted([a.ndim - 1], a.shape, keep=True)
        roles = ("-" * (out.ndim - a.ndim) + joined.roles)[-out.ndim :]
        return replace(joined, roles=roles[:-1] + "c", parts=((out.shape[-1], joined.window),))
    if left is None and right is not None:
        joined = right.contracted([b.ndim - 2], b.shape, keep=True)
        roles = ("-" * (out.ndim - b.ndim) + joined.roles)[-out.ndim :]
        return replace(joined, roles=roles[:-2] + "-" + roles[-1], parts=((0, joined.window),))
    if left is None or right is None:
        return None
    return _attended(out, left, a, right, b)


def _attended(out: Tensor, left: Place, a: Tensor, right: Place, b: Tensor) -> Place | None:
    """Of a product of two values of the image. Every result of attention sees all the places that it sums over."""
    if (left.roles[:-2] + right.roles[:-2]).strip("-c"):  # places in the batch: windows are not followed
        return None
    rows, columns = left.roles[-2], right.roles[-1]
    if left.window is None or right.window is None:
        window = None
    else:
        window = tuple(a.hull().union(b.hull()) for a, b in zip(left.window, right.window, strict=True))
    sums_over_places = left.roles[-1] in "mt" and right.roles[-2] in "mt"
    roles = "-" * (out.ndim - 2) + (rows if rows in "t-" else "m")
    roles += "c" if columns in "c-" else "m"
    if not sums_over_places and set(rows + columns) & set("tm") and "m" not in roles:
        roles = roles[:-1] + "m"
    return replace(left, roles=roles, parts=((0, window),))  # type: ignore[arg-type]


@rule("scaled_dot_product_attention", "multi_head_attention_forward")
def attention(g: Tracker, out: Any, query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> Place | None:
    places = [g.place(v) for v in (query, key, value)]
    if any(p is None for p in places):
        return None
    q, k, v = places
    if any("m" in p.roles for p in (q, k, v)) or not set("thw") & set(k.roles):  # type: ignore[union-attr]
        return None
    window: Window | None = None
    if k.window is not None and v.window is not None:  # type: ignore[union-attr]
        rows, columns = k.window  # type: ignore[union-attr]
        window = rows.hull(), columns.hull()
    return q and q.seeing(window)
