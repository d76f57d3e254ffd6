"""Rules for moving values whose places are spread over several dimensions: they follow every element.

They have the form of the others (`registry`), and are asked where those can't tell. Operations that move elements move
their homes and what they see; those in which elements meet stand in `meeting`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

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
        sizes = np.broadcast_shapes(*((*a.shape[: dim + 1], 1, *a.shape[dim + 2 :]) for a in arrays))
        full = [
            np.broadcast_to(array, (*sizes[: dim + 1], shape[dim], *sizes[dim + 2 :]))
            for array, shape in zip(arrays, shapes, strict=True)
        ]
        return np.concatenate(full, dim + 1)

    sights = [one.sight for one in several if one.sight is not None]
    regular = tuple(all(one.regular[axis] for one in several) for axis in (0, 1))
    scatter = Scatter(joined([one.home for one in several]), None, regular)  # type: ignore[arg-type]
    if len(sights) == len(several):
        scatter = Scatter(scatter.home, joined(sights), scatter.regular)
    return scatter.moved(lambda array: array)


def _sliced(x: Scatter, keys: Sequence[Any]) -> Scatter:
    """x[keys], with an index, a slice or None (a new dimension) for each dimension."""

    def move(array: np.ndarray) -> np.ndarray:
        array_keys: list[Any] = [FULL]
        at = 1
        for key in keys:
            varies = key is None or array.shape[at] > 1
            array_keys.append(key if varies else FULL if isinstance(key, slice) else 0)
            at += key is not None
        return array[tuple(array_keys)]

    return x.moved(move)


@scatter_rule("chunk", "split", "tensor_split", "split_with_sizes")
def split(g: Tracker, out: Sequence[Tensor], x: Tensor, *args: Any, dim: int | None = None, **_: Any) -> list[Scatter]:
    dim = ((args[1] if len(args) > 1 else 0) if dim is None else dim) % x.ndim
    start, result = 0, []
    for piece in out:
        result.append(_sliced(g.scatter(x), [FULL] * dim + [slice(start, start + piece.shape[dim])]))
        start += piece.shape[dim]
    return result


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


@scatter_rule("pad")
def pad(g: Tracker, out: Tensor, input: Tensor, pad: Sequence[int], mode: str = "constant", *_: Any, **__: Any) -> Any:
    """With elements that see nothing."""
    if mode != "constant" or min(pad) < 0:
        return None
    result, shape = g.scatter(input), list(input.shape)
    for at in range(len(pad) // 2):
        dim = input.ndim - 1 - at
        sizes = int(pad[2 * at]), shape[dim], int(pad[2 * at + 1])
        if sizes == (0, shape[dim], 0):
            continue
        shapes = [(*shape[:dim], size, *shape[dim + 1 :]) for size in sizes]
        result = _together([nothing(input.ndim), result, nothing(input.ndim)], shapes, dim)
        shape[dim] = sum(sizes)
    return result
