"""Rules for operations that move places about: permuting, reshaping, concatenating, slicing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from .fields import NOTHING, Window, alike, hull
from .places import Place, pointwise, reshaped
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


@rule("cat", "concat", "concatenate")
def cat(g: Tracker, out: Tensor, tensors: Sequence[Tensor], dim: int = 0, **kwargs: Any) -> Place | None:
    dim = kwargs.get("axis", dim) % out.ndim
    places = [g.place(t) for t in tensors]
    known = [(p, t) for p, t in zip(places, tensors, strict=True) if p is not None]
    role = next((p.roles[dim] for p, _ in known if p.roles[dim] != "-"), "-")
    if role == "t":
        return _lengthened(places, tensors, dim)
    if role == "-" and not all(_same(place, places[0]) for place in places):  # what sees differently is told apart
        role = "c" if dim and not any("c" in p.roles for p, _ in known) else "?"
    if role not in "c-":
        return None
    rest = [(p if p.roles[dim] != "c" else p.merged(), [1 if d == dim else s for d, s in enumerate(t.shape)])
            for p, t in known]  # fmt: skip
    joined = pointwise(rest, [1 if d == dim else s for d, s in enumerate(out.shape)])
    if joined is None:
        return None
    roles = joined.roles[:dim] + role + joined.roles[dim + 1 :]
    if role == "-":
        return replace(joined, roles=roles)
    parts: list[tuple[int, Window | None]] = []
    for place, tensor in zip(places, tensors, strict=True):
        count = tensor.shape[dim]
        parts += [(count, NOTHING)] if place is None else place.channels(0, count)
    return replace(joined, roles=roles, parts=tuple(parts))


def _lengthened(places: Sequence[Place | None], tensors: Sequence[Tensor], dim: int) -> Place | None:
    """Of tokens with others before and after them, which have no place."""
    whole = [place for place in places if place is not None and place.roles[dim] == "t"]
    if len(whole) != 1 or any(place and place.roles[dim] not in "-t" for place in places):
        return None
    before: list[Window | None] = []
    after: list[Window | None] = []
    prefix: int | None = None
    for place, tensor in zip(places, tensors, strict=True):
        if place is whole[0]:
            before += place.extras[: place.prefix]
            after += place.extras[place.prefix :]
            prefix = len(before)
        else:
            seen = hull(place.window) if place else NOTHING
            (before if prefix is None else after).extend([seen] * tensor.shape[dim])
    return replace(whole[0], prefix=prefix or 0, extras=(*before, *after))


def _same(one: Place | None, other: Place | None) -> bool:
    """Whether two values of one shape, but for a dimension, have the same places that see the same."""
    if one is None or other is None:
        return one is other
    if (one.roles, one.grid, one.prefix) != (other.roles, other.grid, other.prefix):
        return False
    windows = [window for place in (one, other) for window in (*(w for _, w in place.parts), *place.extras)]
    if all(alike(window, windows[0]) for window in windows):
        return True
    counts = [count for count, _ in one.parts] == [count for count, _ in other.parts]
    parts = [[window for _, window in place.parts] for place in (one, other)]
    return counts and _same_windows(*parts) and _same_windows(one.extras, other.extras)


def _same_windows(some: Sequence[Window | None], others: Sequence[Window | None]) -> bool:
    return len(some) == len(others) and all(alike(a, b) for a, b in zip(some, others, strict=True))


@rule("stack")
def stack(g: Tracker, out: Tensor, tensors: Sequence[Tensor], dim: int = 0) -> Place | None:
    places = [g.place(t) for t in tensors]
    known = [p for p in places if p is not None]
    joined = pointwise([(p.merged(), tensors[0].shape) for p in known], tensors[0].shape)
    if joined is None or any(not _same_windows(p.extras, known[0].extras) for p in known):
        return None
    dim %= out.ndim
    windows = [p.window if p else NOTHING for p in places]
    if any(not alike(window, windows[0]) for window in windows):
        roles = joined.roles.replace("c", "-")  # what is stacked sees differently: the new dimension tells it apart
        parts = tuple((1, window) for window in windows)
        return replace(joined, roles=roles[:dim] + "c" + roles[dim:], parts=parts)
    return replace(joined, roles=joined.roles[:dim] + "-" + joined.roles[dim:])


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
        return replace(place, parts=tuple((count, _taken(window, which, index)) for count, window in place.parts))
    return _some_tokens(place, index) if role == "t" and len(index) else None


def _some_tokens(place: Place, index: np.ndarray) -> Place | None:
    """Of the tokens at `index`, in that order: the whole grid, or tokens that all see the same."""
    grid = np.arange(place.grid[0] * place.grid[1]) + place.prefix
    extra = np.setdiff1d(np.arange(len(grid) + len(place.extras)), grid)
    seen = dict(zip(extra.tolist(), place.extras, strict=True))
    left = [seen[at] for at in index.tolist() if at in seen]
    if len(index) == len(grid) + len(left) and (np.diff(index) > 0).all():
        return replace(place, prefix=int((index < place.prefix).sum()), extras=tuple(left))
    window = place.window
    if len(left) < len(index):  # some of the grid
        if window is None or any(span.axis is not None or span.regular() is None for span in window):
            return place.seeing(None, place.roles.replace("t", "-"))
        left.append(hull(window))
    told = left[0] if all(alike(one, left[0]) for one in left) else None
    return place.seeing(told, place.roles.replace("t", "-"))


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
            parts = tuple((count, _taken(window, which, order)) for count, window in parts)
    return replace(place, parts=parts)


def _taken(window: Window | None, which: int, index: np.ndarray) -> Window | None:
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
