"""Rules for scattered values whose elements meet: they see together what each of them saw."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from .arguments import ALONG, REDUCING, along_dim, argument, reduced_dims
from .pointwise import POINTWISE
from .registry import Tracker, dims_of, scatter_rule
from .scatter import Scatter, pointwise


@scatter_rule(*POINTWISE)
def elementwise(g: Tracker, out: Tensor, *args: Any, **kwargs: Any) -> Scatter | None:
    values = [v for v in (*args, *kwargs.values()) if isinstance(v, Tensor) and g.place(v) is not None]
    return pointwise([g.scatter(v) for v in values])


@scatter_rule("to", "type_as", "prelu")
def unmoved(g: Tracker, out: Tensor, x: Tensor, *_: Any, **__: Any) -> Scatter | None:
    return g.scatter(x)


def reduce(g: Tracker, out: Any, x: Tensor, *args: Any, at: int, **kwargs: Any) -> Any:
    if at == 0 and any(isinstance(a, Tensor) for a in (*args[:1], kwargs.get("other"))):  # max(a, b), place by place
        return elementwise(g, out, x, *args, **kwargs)
    dims = dims_of(reduced_dims(args, kwargs, at), x.ndim)
    keeps_dims = (out[0] if isinstance(out, tuple) else out).ndim == x.ndim
    joined = g.scatter(x).joined(dims)
    return joined if keeps_dims else joined.moved(lambda array: array.squeeze(tuple(d + 1 for d in dims)))


def along(g: Tracker, out: Tensor, x: Tensor, *args: Any, at: int, default: int | None, **kwargs: Any) -> Scatter:
    """Operations along a dimension that keep it."""
    return g.scatter(x).joined(dims_of(along_dim(x, args, kwargs, at, default), x.ndim), homes=False)


for _name, _at in REDUCING.items():
    scatter_rule(_name)(partial(reduce, at=_at))
for _name in ("softmax", "log_softmax", "softmin", "normalize"):
    scatter_rule(_name)(partial(along, at=ALONG[_name][0], default=ALONG[_name][1]))


@scatter_rule("layer_norm", "rms_norm")
def layer_norm(g: Tracker, out: Tensor, x: Tensor, normalized_shape: Sequence[int], *_: Any, **__: Any) -> Scatter:
    return g.scatter(x).joined(range(x.ndim - len(normalized_shape), x.ndim), homes=False)


@scatter_rule("batch_norm")
def batch_norm(g: Tracker, out: Tensor, x: Tensor, *args: Any, **kwargs: Any) -> Scatter:
    joined = [d for d in range(x.ndim) if d != 1] if argument(args, kwargs, "training", 4, False) else []
    return g.scatter(x).joined(joined, homes=False)


@scatter_rule("instance_norm")
def instance_norm(g: Tracker, out: Tensor, x: Tensor, *args: Any, **kwargs: Any) -> Scatter:
    joined = range(2, x.ndim) if argument(args, kwargs, "use_input_stats", 4, True) else []
    return g.scatter(x).joined(joined, homes=False)


@scatter_rule("group_norm")
def group_norm(g: Tracker, out: Tensor, x: Tensor, *_: Any, **__: Any) -> Scatter:
    return g.scatter(x).joined(range(1, x.ndim), homes=False)


@scatter_rule("linear")
def linear(g: Tracker, out: Tensor, x: Tensor, weight: Tensor, bias: Any = None) -> Scatter | None:
    return None if g.place(weight) is not None else g.scatter(x).joined([x.ndim - 1])


@scatter_rule("conv2d", "conv1d")
def one_by_one(g: Tracker, out: Tensor, input: Tensor, weight: Tensor, *_: Any, **__: Any) -> Scatter | None:
    """A convolution of single places, as a linear layer over the channels; wider ones need rows and columns."""
    if g.place(input) is None or g.place(weight) is not None or out.shape[2:] != input.shape[2:]:
        return None
    return g.scatter(input).joined([1]) if set(weight.shape[2:]) == {1} else None


@scatter_rule("avg_pool1d", "max_pool1d")
def pool1d(g: Tracker, out: Tensor, input: Tensor, kernel: Any, stride: Any = None, padding: Any = 0, *_: Any) -> Any:
    size, step = (int(v[0]) if isinstance(v, (tuple, list)) else int(v) for v in (kernel, stride or kernel))
    if padding not in (0, (0,)):
        return None

    def move(array: np.ndarray) -> np.ndarray:
        if array.shape[-1] == 1:
            return array
        taps = np.arange(out.shape[-1])[:, None] * step + np.arange(size)
        return array[..., taps.clip(0, array.shape[-1] - 1)].min(-1)

    return g.scatter(input).moved(move)


@scatter_rule("matmul", "bmm", "__matmul__", "rmatmul")
def matmul(g: Tracker, out: Tensor, a: Tensor, b: Tensor) -> Scatter | None:
    if a.ndim < 2 or b.ndim < 2:
        return None
    left, right = g.scatter(a).joined([a.ndim - 1]), g.scatter(b).joined([b.ndim - 2])
    if left.home[0].size == 1 or g.place(a) is None:  # the right one's columns are what has a place
        left, right = right, left
    return left.with_sight_of([right])


@scatter_rule("einsum")
def einsum(g: Tracker, out: Tensor, equation: str, *operands: Any, **__: Any) -> Scatter | None:
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    terms, _, result = equation.replace(" ", "").partition("->")
    if "." in equation or not result:
        return None
    operand_scatters = []
    for term, value in zip(terms.split(","), operands, strict=True):
        if len(set(term)) < len(term):
            return None
        order = [term.index(letter) + 1 for letter in result if letter in term]
        joined = [at + 1 for at, letter in enumerate(term) if letter not in result]
        new = [at + 1 for at, letter in enumerate(result) if letter not in term]

        def move(array: np.ndarray, order: list = order, joined: list = joined, new: list = new) -> np.ndarray:
            return np.expand_dims(array.transpose(0, *order, *joined).squeeze(_last(len(joined))), new)

        operand_scatters.append(g.scatter(value).joined([at - 1 for at in joined]).moved(move))
    return pointwise(operand_scatters)


def _last(count: int) -> tuple[int, ...]:
    return tuple(range(-count, 0))


@scatter_rule("scaled_dot_product_attention")
def attention(g: Tracker, out: Any, query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> Scatter:
    query_scatter = g.scatter(query).joined([query.ndim - 1])
    return query_scatter.with_sight_of([g.scatter(v).joined([v.ndim - 2, v.ndim - 1]) for v in (key, value)])


@scatter_rule("multi_head_attention_forward")
def multi_head_attention(g: Tracker, out: Any, query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> Any:
    """Of (tokens, batch, channels)."""
    query_scatter = g.scatter(query).joined([query.ndim - 1])
    return [query_scatter.with_sight_of([g.scatter(v).joined([0, v.ndim - 1]) for v in (key, value)])] + [None] * (
        len(out) - 1 if isinstance(out, tuple) else 0
    )
