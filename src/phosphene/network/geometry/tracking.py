"""Following places through a forward pass, on shapes alone.

The tracker computes every function on `meta` tensors, which have a shape and no values: arguments that hold values
(weights, buffers) are replaced by empty ones of their shape on the way, so that neither a copy of the network nor its
weights are needed. A network whose control flow looks at values can't run this way; then the same tracking runs on
real tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from ..seam import function_name
from . import joining, moving, pointwise, sliding  # noqa: F401  (they fill the table of rules)
from .fields import join
from .places import Place
from .registry import RULES


class Tracking:
    """Calls functions as `Run` asks it to, on meta tensors if `meta`, and remembers the place of every value."""

    def __init__(self, *, meta: bool) -> None:
        self.meta = meta
        self._places: WeakIdKeyDictionary = WeakIdKeyDictionary()
        self._empty: WeakIdKeyDictionary = WeakIdKeyDictionary()
        self.unruled: set[str] = set()  # functions that took something of the image and have no rule for it

    def place(self, value: Any) -> Place | None:
        return self._places.get(value) if isinstance(value, Tensor) else None

    def start(self, images: Tensor) -> None:
        self._places[images] = Place.image(images)

    def __call__(self, func: Callable, args: tuple, kwargs: dict) -> Any:
        if self.meta and any(value.is_meta for value in _tensors((args, kwargs))):
            args, kwargs = self._emptied(args), self._emptied(kwargs)
        given = [value for value in _tensors((args, kwargs)) if value in self._places]
        before = [(value, tuple(value.shape)) for value in given]
        out = func(*args, **kwargs)
        if given:
            self._note(function_name(func), args, kwargs, out, [self._places[v] for v, _ in before])
        return out

    def _emptied(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            if value.is_meta:
                return value
            if value not in self._empty:
                self._empty[value] = torch.empty_like(value, device="meta")
            return self._empty[value]
        if type(value) in (tuple, list):
            return type(value)(self._emptied(part) for part in value)
        if isinstance(value, dict):
            return {key: self._emptied(part) for key, part in value.items()}
        return value

    def _note(self, name: str, args: tuple, kwargs: dict, out: Any, given: list[Place]) -> None:
        if name in ("setitem", "copy"):
            target = args[0]
            if isinstance(target, Tensor):
                self._forget(target)
            return
        results = [v for v in (out if isinstance(out, (tuple, list)) else [out]) if isinstance(v, Tensor)]
        if not results or name in pointwise.SHAPE_ONLY:
            return
        if any(place.spatial for place in given):
            found = self._ruled(name, out, args, kwargs)
        else:  # everything has met before: whatever is computed from it sees what it saw
            found = [_everywhere(given, result) for result in results]
        for result, place in zip(results, found if isinstance(found, list) else [found] * len(results), strict=False):
            if place is None or not _fits(place, result):
                self.unruled.add(name)
                self._forget(result)
            else:
                self._places[result] = place

    def _ruled(self, name: str, out: Any, args: tuple, kwargs: dict) -> Any:
        """What the rule for `name` says; None where there is no rule or the call has a form it doesn't expect."""
        if name not in RULES:
            return None
        try:
            return RULES[name](self, out, *args, **kwargs)
        except (TypeError, ValueError, IndexError, KeyError, AttributeError):
            return None

    def _forget(self, value: Tensor) -> None:
        """Its receptive field is not known; four dimensions are still taken for maps."""
        self._places[value] = Place("-chw" if value.ndim == 4 else "-" * value.ndim, ((0, None),))


def _everywhere(given: list[Place], result: Tensor) -> Place:
    return Place("-" * result.ndim, ((0, join([place.window for place in given])),))


def _fits(place: Place, value: Tensor) -> bool:
    """Whether the place says of each dimension what can be true."""
    if len(place.roles) != value.ndim:
        return False
    for count, window in place.parts:
        if len(place.parts) > 1 and count <= 0:
            return False
        if window is None:
            continue
        for role, span in zip("hw", window, strict=True):
            if role in place.roles and len(span) not in (1, value.shape[place.roles.index(role)]):
                return False
    if "t" in place.roles:
        return value.shape[place.roles.index("t")] >= place.prefix + place.grid[0] * place.grid[1]
    return True


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, (tuple, list)):
        return [tensor for part in value for tensor in _tensors(part)]
    if isinstance(value, dict):
        return [tensor for part in value.values() for tensor in _tensors(part)]
    return []
