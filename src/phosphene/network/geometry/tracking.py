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

from ..running.call_names import function_name
from ..running.outputs import tensors_in
from . import concatenating, joining, meeting, moving, pointwise, scatter_rules, sliding  # noqa: F401  (they fill the tables of rules)
from .fields import join
from .memory import Memory, said_to_be_written, storage_of, transformed, version
from .numbers import READING, may_hold_numbers
from .places import Place
from .registry import RULES, SCATTER_RULES, Rule
from .scatter import Scatter, nothing

Placed = Place | Scatter


class Tracking:
    """Calls functions as `Run` asks it to, on meta tensors if `meta`, and remembers the place of every value."""

    def __init__(self, *, meta: bool) -> None:
        self.meta = meta
        self._places: WeakIdKeyDictionary = WeakIdKeyDictionary()
        self._empty: WeakIdKeyDictionary = WeakIdKeyDictionary()
        self._stand_ins: WeakIdKeyDictionary = WeakIdKeyDictionary()
        self._memory = Memory()
        self._read = False  # whether numbers were read out of a value of the image
        self.unruled: set[str] = set()  # functions that took something of the image and have no rule for it

    def place(self, value: Any) -> Placed | None:
        if not isinstance(value, Tensor):
            return None
        place = self._places.get(value)
        if place is None and value in self._memory:
            place = self._places[value] = _forgotten(value)
        return place

    def scatter(self, value: Tensor) -> Scatter:
        """The same, element by element."""
        place = self.place(value)
        if place is None:
            return nothing(value.ndim)
        return place if isinstance(place, Scatter) else Scatter.of(place, tuple(value.shape))

    def start(self, images: Tensor) -> None:
        self._places[images] = Place.image(images)

    def __call__(self, func: Callable, args: tuple, kwargs: dict) -> Any:
        if self.meta and any(value.is_meta for value in tensors_in((args, kwargs))):
            args, kwargs = self._emptied(args), self._emptied(kwargs)
        versions = [(value, version(value)) for value in tensors_in((args, kwargs))]
        tracked = [place for value, _ in versions if (place := self.place(value)) is not None]
        out = func(*args, **kwargs)
        for value in transformed(tensors_in(out)):
            self._memory.write(value)
        if tracked:
            self._read |= getattr(func, "__name__", "") in READING
            named = {id(value) for value in said_to_be_written(func, args, kwargs, out)}
            written = [value for value, before in versions
                       if version(value) != before or (id(value) in named and _unversioned(func, value))]  # fmt: skip
            if any(value in self._stand_ins for value in written):
                raise RuntimeError("values of the image are written into a tensor that is not on the meta device")
            self._note(function_name(func), args, kwargs, out, tracked, written)
        return out

    def _emptied(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            if value.is_meta:
                return value
            if value not in self._empty:
                self._empty[value] = torch.empty_like(value, device="meta")
                self._stand_ins[self._empty[value]] = True
            return self._empty[value]
        if type(value) in (tuple, list):
            return type(value)(self._emptied(part) for part in value)
        if isinstance(value, dict):
            return {key: self._emptied(part) for key, part in value.items()}
        return value

    def _note(
        self, name: str, args: tuple, kwargs: dict, out: Any, tracked: list[Placed], written: list[Tensor]
    ) -> None:
        results = [v for v in (out if isinstance(out, (tuple, list)) else [out]) if isinstance(v, Tensor)]
        if name in pointwise.SHAPE_ONLY or not (results or written):
            return
        if name in pointwise.LIKE_ANOTHER and args and self.place(args[0]) is None:
            return
        places = self._places_by_rule(name, args, kwargs, out)
        if not isinstance(places, list):
            places = [places] * len(results)
        for target in written:
            self._overwritten(target)
        spatial = any(place.spatial for place in tracked)
        untracked = [value for value in tensors_in((args, kwargs)) if value not in self._places] if self._read else []
        doubtful = self._read and may_hold_numbers(name, (*args, *kwargs.values()), untracked)
        for result, place in zip(results, places, strict=False):
            if place is None or not _fits(place, result):
                place = None
            if not spatial and (place is None or place.window is None):
                place = _everywhere(tracked, result)  # all has met before: what is computed from it sees what it saw
            if place is None:
                self.unruled.add(name)
                place = self._places.get(result) if any(result is target for target in written) else None
            place = place or _forgotten(result)
            self._places[result] = place.blind() if doubtful else place

    def _places_by_rule(self, name: str, args: tuple, kwargs: dict, out: Any) -> Any:
        """What the rules for `name` say; None where there is none or the call has a form it doesn't expect."""
        tracked = [value for value in tensors_in((args, kwargs)) if value in self._places]
        if not any(isinstance(self._places[value], Scatter) for value in tracked):
            result = _answer_of(RULES.get(name), self, out, args, kwargs)
            if result is not None and not (isinstance(result, list) and None in result):
                return result
        return _answer_of(_settling(SCATTER_RULES.get(name)), self, out, args, kwargs)

    def _overwritten(self, target: Tensor) -> None:
        """What shares memory with a value that was written to lies as before, but what it sees is not known."""
        for value in (target, target._base):
            if value is not None and value not in self._places:
                self._places[value] = _forgotten(value)
        self._memory.write(target)
        storage = storage_of(target)
        for other, place in list(self._places.items()):
            other_storage = storage_of(other)
            if other_storage is not None and storage is not None and other_storage._cdata == storage._cdata:
                self._places[other] = place.blind()


def _unversioned(func: Callable, value: Tensor) -> bool:
    """Whether a value's version does not tell that `func` wrote to it: `x.data = y`, and inference tensors."""
    return value.is_inference() or getattr(func, "__name__", "") == "__set__"


def _answer_of(rule: Rule | None, tracker: Tracking, out: Any, args: tuple, kwargs: dict) -> Any:
    kwargs = {key: value for key, value in kwargs.items() if key != "out"}
    try:
        return rule and rule(tracker, out, *args, **kwargs)
    except Exception:  # a call of a form that the rule doesn't expect; whatever that does to it, it has no answer
        return None


def _settling(rule: Rule | None) -> Rule | None:
    """The same rule, its answers as places where they lie in rows and columns."""

    def settle(tracker: Tracking, out: Any, *args: Any, **kwargs: Any) -> Any:
        answer = rule(tracker, out, *args, **kwargs)  # type: ignore[misc]
        results = list(out) if isinstance(out, (tuple, list)) else [out]
        if isinstance(answer, list):
            return [_settled(one, result) for one, result in zip(answer, results, strict=True)]
        return _settled(answer, results[0])

    return rule and settle


def _settled(scatter: Scatter | None, result: Any) -> Placed | None:
    """The place that a scattered value of the shape of `result` has, if its units lie in rows and columns."""
    if scatter is None or not isinstance(result, Tensor):
        return None
    return scatter.place(result.shape) or scatter


def _forgotten(value: Tensor) -> Place:
    """Of a value of which nothing is known."""
    return Place("-" * value.ndim, ((0, None),))


def _everywhere(tracked: list[Placed], result: Tensor) -> Place:
    return Place("-" * result.ndim, ((0, join([place.seen for place in tracked])),))


def _fits(place: Placed, value: Tensor) -> bool:
    """Whether the place says of each dimension what can be true."""
    if isinstance(place, Scatter):
        return place.fits(tuple(value.shape))
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
        return value.shape[place.roles.index("t")] == len(place.extras) + place.grid[0] * place.grid[1]
    return True
