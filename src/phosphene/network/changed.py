"""Tensors that know where they changed, so that only that is computed anew.

`Changed` stands for n maps that equal one clean map except inside a rectangle each: an image with a window covered, and
what a network makes of it. It flows through the network's own forward; operations that have a rule (`partial`) compute
the rectangle that their result changes in, with the context it needs, and everything else sees full maps from there on.
The answer is exact up to float rounding, whatever the network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch._C import DisableTorchFunctionSubclass as Plain

FULL_FROM = 0.7  # share of a map's area from which recomputing all of it is cheaper


@dataclass
class Plan:
    """When to go on in full, the clean values of one pass for the next ones, and what was spared so far."""

    full_from: float = field(default_factory=lambda: FULL_FROM)
    spared: float = 0.0  # multiply-adds of convolutions and matrices
    kept: list[Any] = field(default_factory=list)
    step: int = 0

    def once(self, compute: Callable[[], Any]) -> Any:
        """What the next step came to in the first pass: later ones take the same steps, with the same clean values."""
        if self.step == len(self.kept):
            self.kept.append(compute())
        self.step += 1
        return self.kept[self.step - 1]


class Changed(Tensor):
    """n maps that equal `clean` (1, ...) except where `patch` (n, ...) lies at (`top`, `left`), one of each a sample.

    `at` are the dimensions of rows and columns; the patch has the clean map's dimensions in the same order.
    """

    clean: Tensor
    patch: Tensor
    top: list[int]
    left: list[int]
    at: tuple[int, int]
    plan: Plan
    rules: ClassVar[dict[Callable, Callable]] = {}  # `partial` fills it

    @staticmethod
    def __new__(
        cls, clean: Tensor, patch: Tensor, top: Sequence[int], left: Sequence[int], at: tuple[int, int], plan: Plan
    ) -> Changed:
        shape = (len(patch), *clean.shape[1:])
        return Tensor._make_wrapper_subclass(cls, shape, dtype=clean.dtype, device=clean.device)

    def __init__(
        self, clean: Tensor, patch: Tensor, top: Sequence[int], left: Sequence[int], at: tuple[int, int], plan: Plan
    ) -> None:
        self.become(clean, patch, top, left, at, plan)

    def become(
        self, clean: Tensor, patch: Tensor, top: Sequence[int], left: Sequence[int], at: tuple[int, int], plan: Plan
    ) -> Changed:
        """Takes other values, as an in-place operation gives them."""
        self.clean, self.patch, self.top, self.left = clean, patch, list(top), list(left)
        self.at, self.plan = at, plan
        return self

    def like(self, clean: Tensor, patch: Tensor) -> Changed:
        """Other values in the same rectangles."""
        return Changed(clean, patch, self.top, self.left, self.at, self.plan)

    @property
    def map_size(self) -> tuple[int, int]:
        return self.clean.shape[self.at[0]], self.clean.shape[self.at[1]]

    @property
    def patch_size(self) -> tuple[int, int]:
        return self.patch.shape[self.at[0]], self.patch.shape[self.at[1]]

    def full(self) -> Tensor:
        """All maps as a plain tensor, from now on this one's own memory: who writes into it writes into this one."""
        with Plain():
            if self.patch_size != self.map_size:
                zeros = [0] * len(self.patch)
                self.become(self.clean, self.window(zeros, zeros, *self.map_size), zeros, zeros, self.at, self.plan)
            return self.patch

    def window(self, top: Sequence[int], left: Sequence[int], height: int, width: int, outside: float = 0.0) -> Tensor:
        """The rectangles (n, ..., height, width) of the maps at (top, left); beyond the map they hold `outside`."""
        rows, columns = self.at
        (map_h, map_w), (patch_h, patch_w) = self.map_size, self.patch_size
        shape = [len(self.patch), *self.clean.shape[1:]]
        shape[rows], shape[columns] = height, width
        out = _blank(shape, self.patch)
        if min(top) < 0 or min(left) < 0 or max(top) + height > map_h or max(left) + width > map_w:
            out.fill_(outside)
        for index, (y, x) in enumerate(zip(top, left, strict=True)):
            one = out[index : index + 1]
            y0, y1, x0, x1 = max(y, 0), min(y + height, map_h), max(x, 0), min(x + width, map_w)
            _part(one, self.at, y0 - y, y1 - y, x0 - x, x1 - x).copy_(_part(self.clean, self.at, y0, y1, x0, x1))
            own_y, own_x = self.top[index], self.left[index]
            y0, y1 = max(y0, own_y), min(y1, own_y + patch_h)
            x0, x1 = max(x0, own_x), min(x1, own_x + patch_w)
            if y0 < y1 and x0 < x1:
                patch = self.patch[index : index + 1]
                changed = _part(patch, self.at, y0 - own_y, y1 - own_y, x0 - own_x, x1 - own_x)
                _part(one, self.at, y0 - y, y1 - y, x0 - x, x1 - x).copy_(changed)
        return out

    @classmethod
    def __torch_function__(cls, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        rule = cls.rules.get(func)
        if rule is not None:
            with Plain():
                out = rule(*args, **kwargs)
            if out is not NotImplemented:
                return out
        return _in_full(func, args, kwargs)

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        raise RuntimeError(f"{func} met a changed tensor below the functions that know it")


_SHAPES = frozenset("__get__ size dim numel stride is_floating_point is_complex is_contiguous ndimension".split())


def _in_full(func: Callable, args: tuple, kwargs: dict) -> Any:
    name = getattr(func, "__name__", str(func))
    with Plain():
        if name in _SHAPES:
            return func(*args, **kwargs)
        return func(*_filled(args), **_filled(kwargs))


def _filled(value: Any) -> Any:
    if isinstance(value, Changed):
        return value.full()
    if type(value) in (tuple, list):
        return type(value)(_filled(part) for part in value)
    if isinstance(value, dict):
        return {key: _filled(part) for key, part in value.items()}
    return value


def _part(x: Tensor, at: tuple[int, int], y0: int, y1: int, x0: int, x1: int) -> Tensor:
    return x.narrow(at[0], y0, y1 - y0).narrow(at[1], x0, x1 - x0)


def _blank(shape: Sequence[int], like: Tensor) -> Tensor:
    """An empty tensor whose pixels lie in memory as those of `like`."""
    if like.ndim == 4 and like.is_contiguous(memory_format=torch.channels_last):
        return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last)
    return torch.empty(shape, dtype=like.dtype, device=like.device)
