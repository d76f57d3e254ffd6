"""Rules for values whose places are spread over several dimensions: they follow every element.

They have the form of the others (`registry`), and are asked where those can't tell. Operations that move elements move
their homes and what they see; operations in which elements meet take what they see together.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from .arguments import ALONG, REDUCING, along_dim, given, given_dim
from .pointwise import POINTWISE
from .registry import Tracker, dims_of, scatter_rule
from .scatter import Scatter, nothing, pointwise

FULL = slice(None)


@scatter_rule("permute")
def permute(g: Tracker, out: Tensor, x: Tensor, *dims: Any) -> Scatter:
    order = dims[0] if dims and isinstance(dims[0], (tuple, list)) else dims
    return g.scatter(x).moved(lambda array: array.transpose(0, *(d % x.ndim + 1 for d in order)))


@scatter_rule("transpose", "swapaxes", "swapdims")
def transpose(g: Tracker, out: Tensor, x: Tensor, dim0: int, dim1: int) -> Scatter:
    return g.scatter(x).moved(lambda array: array.swapaxes(dim0 % x.ndim + 1, dim1 % x.ndim + 1))


@scatter_rule("T", "mT", "t")
def turned(g: Tracker, out: Tensor, x: Tensor) -> Scatter | None:
    return transpose(g, out, x, -2, -1) if x.ndim == 2 or tuple(out.shape[:-2]) == tuple(x.shape[:-2]) else None


@scatter_rule("movedim", "moveaxis")
def movedim(g: Tracker, out: Tensor, x: Tensor, source: Any, destination: Any) -> Scatter:
    sources, targets = ([d + 1 for d in dims_of(dims, x.ndim)] for dims in (source, destination))
    return g.scatter(x).moved(lambda array: np.moveaxis(array, sources, targets))


@scatter_rule("view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "view_as", "reshape_as", "ravel")
def reshape(g: Tracker, out: Tensor, x: Tensor, *_: Any, **__: Any) -> Scatter:
    return g.scatter(x).reshaped(x.shape, out.shape)


@scatter_rule("expand", "expand_as", "broadcast_to")
def expand(g: Tracker, out: Tensor, x: Tensor, *_: Any) -> Scatter:
    return pointwise([g.scatter(x), nothing(out.ndim)])  # type: ignore[return-value]


@scatter_rule("cat", "concat", "concatenate")
def cat(g: Tracker, out: Tensor, tensors: Sequence[Tensor], dim: int = 0, **kwargs: Any) -> Scatter:
    return _together([g.scatter(t) for t in tensors], [t.shape for t in tensors], kwargs.get("axis", dim) % out.ndim)


@scatter_rule("stack")
def stack(g: Tracker, out: Tensor, tensors: Sequence[Tensor], dim: int = 0) -> Scatter:
    dim %= out.ndim
    shapes = [(*t.shape[:dim], 1, *t.shape[dim:]) for t in tensors]
    return _together([g.scatter(t).reshaped(t.shape, s) for t, s in zip(tensors, shapes, strict=True)], shapes, dim)


def _together(several: Sequence[Scatter], shapes: Sequence[Sequence[int]], dim: int) -> Scatter:
    """One after the other along `dim`."""

    def joined(arrays: Sequence[np.ndarray]) -> np.ndarray:
        others = np.broadcast_shapes(*((*a.shape[: dim + 1], 1, *a.shape[dim + 2 :]) for a in arrays))
        full = [
            np.broadcast_to(array, (*others[: dim + 1], shape[dim], *others[dim + 2 :]))
            for array, shape in zip(arrays, shapes, strict=True)
        ]
        return np.concatenate(full, dim + 1)

    sights = [one.sight for one in several if one.sight is not None]
    regular = tuple(all(one.regular[axis] for one in several) for axis in (0, 1))
    found = Scatter(joined([one.home for one in several]), None, regular)  # type: ignore[arg-type]
    if len(sights) == len(several):
        found = Scatter(found.home, joined(sights), found.regular)
    return found.moved(lambda array: array)


def _sliced(x: Scatter, keys: Sequence[Any]) -> Scatter:
    """x[keys], with an index, a slice or None (a new dimension) for each dimension."""

    def move(array: np.ndarray) -> np.ndarray:
        found: list[Any] = [FULL]
        at = 1
        for key in keys:
            varies = key is None or array.shape[at] > 1
            found.append(key if varies else FULL if isinstance(key, slice) else 0)
            at += key is not None
        return array[tuple(found)]

    return x.moved(move)


@scatter_rule("chunk", "split", "tensor_split", "split_with_sizes")
def split(g: Tracker, out: Sequence[Tensor], x: Tensor, *args: Any, dim: int | None = None, **_: Any) -> list[Scatter]:
    dim = ((args[1] if len(args) > 1 else 0) if dim is None else dim) % x.ndim
    start, found = 0, []
    for piece in out:
        found.append(_sliced(g.scatter(x), [FULL] * dim + [slice(start, start + piece.shape[dim])]))
        start += piece.shape[dim]
    return found


@scatter_rule("unbind")
def unbind(g: Tracker, out: Sequence[Tensor], x: Tensor, dim: int = 0) -> list[Scatter]:
    return [select(g, piece, x, dim, index) for index, piece in enumerate(out)]


@scatter_rule("select")
def select(g: Tracker, out: Tensor, x: Tensor, dim: int, index: int) -> Scatter:
    return _sliced(g.scatter(x), [FULL] * (dim % x.ndim) + [index])


@scatter_rule("narrow")
def narrow(g: Tracker, out: Tensor, x: Tensor, dim: int, start: int, length: int) -> Scatter:
    return _sliced(g.scatter(x), [FULL] * (dim % x.ndim) + [slice(start, start + length)])


@scatter_rule("__getitem__", "getitem")
def getitem(g: Tracker, out: Tensor, x: Tensor, index: Any) -> Scatter | None:
    keys = list(index) if isinstance(index, tuple) else [index]
    if any(not (k is None or k is Ellipsis or isinstance(k, (int, slice))) for k in keys):
        return None
    if Ellipsis in keys:
        at = keys.index(Ellipsis)
        keys[at : at + 1] = [FULL] * (x.ndim - sum(isinstance(k, (int, slice)) for k in keys))
    return _sliced(g.scatter(x), keys)


@scatter_rule("flip")
def flip(g: Tracker, out: Tensor, x: Tensor, *dims: Any, **named: Any) -> Scatter:
    along = dims_of(named.get("dims", dims[0] if len(dims) == 1 else dims), x.ndim)
    return g.scatter(x).moved(lambda array: np.flip(array, tuple(d + 1 for d in along)))


@scatter_rule("roll")
def roll(g: Tracker, out: Tensor, x: Tensor, shifts: Any, dims: Any = None) -> Scatter | None:
    if dims is None:
        return None
    amounts = shifts if isinstance(shifts, (tuple, list)) else (shifts,)
    axes = [d + 1 for d in dims_of(dims, x.ndim)]
    return g.scatter(x).moved(lambda array: np.roll(array, [int(amount) for amount in amounts], axes))


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
    dims = dims_of(given_dim(args, kwargs, at), x.ndim)
    kept = (out[0] if isinstance(out, tuple) else out).ndim == x.ndim
    joined = g.scatter(x).joined(dims)
    return joined if kept else joined.moved(lambda array: array.squeeze(tuple(d + 1 for d in dims)))


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
    joined = [d for d in range(x.ndim) if d != 1] if given(args, kwargs, "training", 4, False) else []
    return g.scatter(x).joined(joined, homes=False)


@scatter_rule("instance_norm")
def instance_norm(g: Tracker, out: Tensor, x: Tensor, *args: Any, **kwargs: Any) -> Scatter:
    joined = range(2, x.ndim) if given(args, kwargs, "use_input_stats", 4, True) else []
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
    found = []
    for term, value in zip(terms.split(","), operands, strict=True):
        if len(set(term)) < len(term):
            return None
        order = [term.index(letter) + 1 for letter in result if letter in term]
        joined = [at + 1 for at, letter in enumerate(term) if letter not in result]
        new = [at + 1 for at, letter in enumerate(result) if letter not in term]

        def move(array: np.ndarray, order: list = order, joined: list = joined, new: list = new) -> np.ndarray:
            return np.expand_dims(array.transpose(0, *order, *joined).squeeze(_last(len(joined))), new)

        found.append(g.scatter(value).joined([at - 1 for at in joined]).moved(move))
    return pointwise(found)


def _last(count: int) -> tuple[int, ...]:
    return tuple(range(-count, 0))


@scatter_rule("pad")
def pad(g: Tracker, out: Tensor, input: Tensor, pad: Sequence[int], mode: str = "constant", *_: Any, **__: Any) -> Any:
    """With elements that see nothing."""
    if mode != "constant" or min(pad) < 0:
        return None
    found, shape = g.scatter(input), list(input.shape)
    for at in range(len(pad) // 2):
        dim = input.ndim - 1 - at
        sizes = int(pad[2 * at]), shape[dim], int(pad[2 * at + 1])
        if sizes == (0, shape[dim], 0):
            continue
        shapes = [(*shape[:dim], size, *shape[dim + 1 :]) for size in sizes]
        found = _together([nothing(input.ndim), found, nothing(input.ndim)], shapes, dim)
        shape[dim] = sum(sizes)
    return found


@scatter_rule("scaled_dot_product_attention")
def attention(g: Tracker, out: Any, query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> Scatter:
    own = g.scatter(query).joined([query.ndim - 1])
    return own.with_sight_of([g.scatter(v).joined([v.ndim - 2, v.ndim - 1]) for v in (key, value)])


@scatter_rule("multi_head_attention_forward")
def multi_head_attention(g: Tracker, out: Any, query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> Any:
    """Of (tokens, batch, channels)."""
    own = g.scatter(query).joined([query.ndim - 1])
    return [own.with_sight_of([g.scatter(v).joined([0, v.ndim - 1]) for v in (key, value)])] + [None] * (
        len(out) - 1 if isinstance(out, tuple) else 0
    )
