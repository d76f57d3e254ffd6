"""Rules for operations that move places about: permuting, reshaping, slicing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from .fields import Window, alike, hull
from .places import Place, reshaped
from .registry import Tracker, dims_of, rule


@rule("permute")
def permute(g: Tracker, out: Tensor, x: Tensor, *dims: Any) -> Place | None:
    place = g.place(x)
    order = dims[0] if dims and isinstance(dims[0], (tuple, list)) else dims
    return place and replace(place, roles="".join(place.roles[d] for d in order))


@rule("transpose", "swapaxes", "swapdims")
def transpose(g: Tracker, out: Tensor, x: Tensor, dim0: int, dim1: int) -> Place | None:
    place = g.place(x)
    if place is None:
        return None
    roles = list(place.roles)
    roles[dim0], roles[dim1] = roles[dim1], roles[dim0]
    return replace(place, roles="".join(roles))


@rule("t", "T", "mT")
def turned(g: Tracker, out: Tensor, x: Tensor) -> Place | None:
    return transpose(g, out, x, -2, -1) if x.ndim == 2 or out.ndim > 2 else g.place(x)


@rule("movedim", "moveaxis")
def movedim(g: Tracker, out: Tensor, x: Tensor, source: Any, destination: Any) -> Place | None:
    place = g.place(x)
    sources, targets = dims_of(source, x.ndim), dims_of(destination, x.ndim)
    order = [d for d in range(x.ndim) if d not in sources]
    for target, moved in sorted(zip(targets, sources, strict=True)):
        order.insert(target, moved)
    return place and replace(place, roles="".join(place.roles[d] for d in order))


@rule("view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "view_as", "reshape_as", "ravel")
def reshape(g: Tracker, out: Tensor, x: Tensor, *_: Any, **__: Any) -> Place | None:
    place = g.place(x)
    return place and reshaped(place, x.shape, out.shape)


@rule("chunk", "split", "tensor_split", "split_with_sizes")
def split(g: Tracker, out: Sequence[Tensor], x: Tensor, *args: Any, dim: int | None = None, **_: Any) -> Any:
    dim = (args[1] if len(args) > 1 else 0) if dim is None else dim
    start, places = 0, []
    for piece in out:
        stop = start + piece.shape[dim]
        places.append(_sliced(g.place(x), x, dim % x.ndim, slice(start, stop)))
        start = stop
    return places


@rule("unbind")
def unbind(g: Tracker, out: Sequence[Tensor], x: Tensor, dim: int = 0) -> Any:
    return [select(g, piece, x, dim, index) for index, piece in enumerate(out)]


@rule("select")
def select(g: Tracker, out: Tensor, x: Tensor, dim: int, index: int) -> Place | None:
    dim %= x.ndim
    index %= x.shape[dim]
    place = _sliced(g.place(x), x, dim, slice(index, index + 1))
    return place and replace(place, roles=place.roles[:dim] + place.roles[dim + 1 :])


@rule("narrow")
def narrow(g: Tracker, out: Tensor, x: Tensor, dim: int, start: int, length: int) -> Place | None:
    return _sliced(g.place(x), x, dim % x.ndim, slice(start, start + length))


def _sliced(place: Place | None, x: Tensor, dim: int, at: slice) -> Place | None:
    """Of x[..., at, ...] at dimension `dim`."""
    if place is None:
        return None
    role, index = place.roles[dim], np.arange(x.shape[dim])[at]
    if role == "-" or len(index) == x.shape[dim]:
        return place
    if role == "c":
        step = int(index[1] - index[0]) if len(index) > 1 else 1
        parts = place.channels(int(index[0]), int(index[-1]) + 1) if step == 1 and len(index) else ((0, place.window),)
        return replace(place, parts=parts)
    if role in "hw" and len(index):
        which = 0 if role == "h" else 1
        return replace(place, parts=tuple((count, _window_at(window, which, index)) for count, window in place.parts))
    return _some_tokens(place, index) if role == "t" and len(index) else None


def _some_tokens(place: Place, index: np.ndarray) -> Place | None:
    """Of the tokens at `index`, in that order: the whole grid, or tokens that all see the same."""
    grid = np.arange(place.grid[0] * place.grid[1]) + place.prefix
    extra = np.setdiff1d(np.arange(len(grid) + len(place.extras)), grid)
    windows = dict(zip(extra.tolist(), place.extras, strict=True))
    remaining = [windows[at] for at in index.tolist() if at in windows]
    if len(index) == len(grid) + len(remaining) and (np.diff(index) > 0).all():
        return replace(place, prefix=int((index < place.prefix).sum()), extras=tuple(remaining))
    window = place.window
    if len(remaining) < len(index):  # some of the grid
        if window is None or any(span.axis is not None or span.regular() is None for span in window):
            return place.seeing(None, place.roles.replace("t", "-"))
        remaining.append(hull(window))
    shared_window = remaining[0] if all(alike(one, remaining[0]) for one in remaining) else None
    return place.seeing(shared_window, place.roles.replace("t", "-"))


@rule("__getitem__", "getitem")
def getitem(g: Tracker, out: Tensor, x: Tensor, index: Any) -> Place | None:
    keys = list(index) if isinstance(index, tuple) else [index]
    if any(not (k is None or k is Ellipsis or isinstance(k, (int, slice))) for k in keys):
        return None
    used = sum(isinstance(k, (int, slice)) for k in keys)
    if Ellipsis in keys:
        at = keys.index(Ellipsis)
        keys[at : at + 1] = [slice(None)] * (x.ndim - used)
    place, roles, dim = g.place(x), "", 0
    for key in keys:
        if key is None:
            roles += "-"
            continue
        if isinstance(key, int):
            key_slice = slice(key % x.shape[dim], key % x.shape[dim] + 1)
            place = _sliced(place, x, dim, key_slice)
        else:
            place = _sliced(place, x, dim, key)
            roles += place.roles[dim] if place else "-"
        dim += 1
    return place and replace(place, roles=roles + place.roles[dim:])


@rule("flip")
def flip(g: Tracker, out: Tensor, x: Tensor, *dims: Any, **named: Any) -> Place | None:
    along = dims_of(named.get("dims", dims[0] if len(dims) == 1 else dims), x.ndim)
    return _reordered(g.place(x), {d: np.arange(x.shape[d])[::-1] for d in along})


@rule("roll")
def roll(g: Tracker, out: Tensor, x: Tensor, shifts: Any, dims: Any = None) -> Place | None:
    if dims is None:
        return None
    amounts = shifts if isinstance(shifts, (tuple, list)) else (shifts,)
    along = zip(dims_of(dims, x.ndim), amounts, strict=True)
    return _reordered(g.place(x), {d: np.roll(np.arange(x.shape[d]), int(amount)) for d, amount in along})


def _reordered(place: Place | None, orders: dict[int, np.ndarray]) -> Place | None:
    """Of the same units in another order along some dimensions."""
    if place is None or any(place.roles[d] not in "-chw" for d in orders):
        return None
    parts = place.parts
    for d, order in orders.items():
        role = place.roles[d]
        if role == "c":
            parts = ((0, place.window),)
        elif role in "hw":
            which = 0 if role == "h" else 1
            parts = tuple((count, _window_at(window, which, order)) for count, window in parts)
    return replace(place, parts=parts)


def _window_at(window: Window | None, which: int, index: np.ndarray) -> Window | None:
    """The units at `index` along rows (0) or columns (1)."""
    if window is None or len(window[which]) == 1:
        return window
    span = window[which].take(index)
    return (span, window[1]) if which == 0 else (window[0], span)


@rule("repeat", "tile", "repeat_interleave")
def repeated(g: Tracker, out: Tensor, x: Tensor, *_: Any, **__: Any) -> Place | None:
    place = g.place(x)
    if place is None or out.ndim != x.ndim:
        return None
    grown = [d for d in range(x.ndim) if out.shape[d] != x.shape[d]]
    return None if any(place.roles[d] in "hwt" for d in grown) else place.merged()
