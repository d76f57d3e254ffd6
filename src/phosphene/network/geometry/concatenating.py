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
    of_image = [(place, t) for place, t in zip(places, tensors, strict=True) if place is not None]

    # what the joined dimension holds: channels "c", tokens "t", rows "h" or columns "w", or something else "-"
    role = next((place.roles[dim] for place, _ in of_image if place.roles[dim] != "-"), "-")
    if role == "t":
        return _lengthened(places, tensors, dim)
    if role == "-" and not all(_same(place, places[0]) for place in places):
        # values that see differently are joined: they can be told apart as channels, if there are no others
        role = "c" if dim and not any("c" in place.roles for place, _ in of_image) else "?"
    if role not in "c-":  # rows or columns joined end to end, or no way to tell the values apart
        return None

    # the other dimensions must agree, as if the values were added: the joined one counts as 1
    others = []
    for place, tensor in of_image:
        shape = [1 if d == dim else size for d, size in enumerate(tensor.shape)]
        others.append((place if place.roles[dim] != "c" else place.merged(), shape))
    joined = pointwise(others, [1 if d == dim else size for d, size in enumerate(out.shape)])
    if joined is None:
        return None
    roles = joined.roles[:dim] + role + joined.roles[dim + 1 :]
    if role == "-":
        return replace(joined, roles=roles)

    # along the channels, the windows of each tensor in turn; what does not come from the image sees nothing
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
    # the extra tokens before the grid and after it; `prefix` is how many stand before, once the grid has been met
    before: list[Window | None] = []
    after: list[Window | None] = []
    prefix: int | None = None
    for place, tensor in zip(places, tensors, strict=True):
        if place is whole[0]:
            before += place.extras[: place.prefix]
            after += place.extras[place.prefix :]
            prefix = len(before)
        else:
            window = hull(place.window) if place else NOTHING
            (before if prefix is None else after).extend([window] * tensor.shape[dim])
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


def _same_windows(windows: Sequence[Window | None], others: Sequence[Window | None]) -> bool:
    return len(windows) == len(others) and all(alike(a, b) for a, b in zip(windows, others, strict=True))


@rule("stack")
def stack(g: Tracker, out: Tensor, tensors: Sequence[Tensor], dim: int = 0) -> Place | None:
    places = [g.place(t) for t in tensors]
    of_image = [place for place in places if place is not None]
    joined = pointwise([(place.merged(), tensors[0].shape) for place in of_image], tensors[0].shape)
    if joined is None or any(not _same_windows(place.extras, of_image[0].extras) for place in of_image):
        return None
    dim %= out.ndim
    windows = [place.window if place else NOTHING for place in places]
    if any(not alike(window, windows[0]) for window in windows):
        roles = joined.roles.replace("c", "-")  # what is stacked sees differently: the new dimension tells it apart
        parts = tuple((1, window) for window in windows)
        return replace(joined, roles=roles[:dim] + "c" + roles[dim:], parts=parts)
    return replace(joined, roles=joined.roles[:dim] + "-" + joined.roles[dim:])
