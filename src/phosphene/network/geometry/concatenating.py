"""Rules for operations that put values one beside the other: concatenating and stacking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from .fields import NOTHING, Window, alike, hull
from .places import Place, pointwise
from .registry import Tracker, rule


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
