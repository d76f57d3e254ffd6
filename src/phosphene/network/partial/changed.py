"""Tensors that know where they changed, so that only that is computed anew.

`Changed` stands for n maps that equal one clean map except inside a rectangle each: an image with a window covered, and
what a network makes of it. It flows through the network's own forward; operations that have a rule (`sliding`,
`elementwise`) compute the rectangle that their result changes in, with the context it needs, and everything else sees
full maps from there on.
The answer is exact up to float rounding, whatever the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor
from torch._C import DisableTorchFunctionSubclass as Plain

from .plan import Plan
from .rectangles import pasted, rectangles


@dataclass(frozen=True)
class Pending:
    """A convolution that has not run yet, so that a norm which follows can go into its weights."""

    run: Callable[[Tensor, Tensor, Tensor | None], Tensor]
    maps: Tensor
    weight: Tensor
    bias: Tensor | None
    size: tuple[int, int]  # of its result
    version: int  # of what it sees

    def __call__(self) -> Tensor:
        if self.maps._version != self.version:
            raise RuntimeError("what a convolution sees was written into before it ran")
        return self.run(self.maps, self.weight, self.bias)


class Followed(Tensor):
    """A tensor of n samples that stands for a clean value and for what of it changed in each; subclasses say how."""

    clean: Tensor
    plan: Plan
    count: int  # of samples
    memory: Tensor | None = None  # all its values, once something wanted to see or write all of them
    rules: ClassVar[dict[Callable, Callable]] = {}  # for rectangles; `sliding` and `elementwise` fill it
    row_rules: ClassVar[dict[Callable, Callable]] = {}  # for rows; `row_rules` fills it

    def full(self) -> Tensor:
        """All values as a plain tensor, from now on this one's own memory: who writes into it writes into this one."""
        with Plain():
            if self.memory is None:
                self.memory = self.whole()
            return self.memory

    def whole(self) -> Tensor:
        """All values as a plain tensor of new memory."""
        raise NotImplementedError

    @classmethod
    def __torch_function__(cls, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__name__", "") in _SHAPES:
            with Plain():
                return func(*args, **kwargs)
        followed = list(_followed((args, kwargs)))
        followed[0].plan.enter([x.clean for x in followed])
        rectangles = all(isinstance(x, Changed) for x in followed)
        with Plain():
            out = NotImplemented
            for table in (cls.rules, cls.row_rules) if rectangles else (cls.row_rules,):
                if out is NotImplemented and (rule := table.get(func)) is not None:
                    out = rule(*args, **kwargs)
            return func(*_filled(args), **_filled(kwargs)) if out is NotImplemented else out

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        raise RuntimeError(f"{func} met a changed tensor below the functions that know it")


class Changed(Followed):
    """n maps that equal `clean` (1, ...) except where `patch` (n, ...) lies at (`top`, `left`), one of each a sample.

    `at` are the dimensions of rows and columns; the patch has the clean map's dimensions in the same order.
    """

    top: list[int]
    left: list[int]
    at: tuple[int, int]
    exclusive: bool  # whether no one else has seen the patch's memory
    row_form: Followed | None  # the same values by place, once something asked for them so
    _patch: Tensor | Pending

    @staticmethod
    def __new__(
        cls, clean: Tensor, patch: Tensor | Pending, top: Sequence[int], left: Sequence[int], at: tuple[int, int],
        plan: Plan, exclusive: bool = False,
    ) -> Changed:  # fmt: skip
        return Tensor._make_wrapper_subclass(cls, (len(top), *clean.shape[1:]), dtype=clean.dtype, device=clean.device)

    def __init__(
        self, clean: Tensor, patch: Tensor | Pending, top: Sequence[int], left: Sequence[int], at: tuple[int, int],
        plan: Plan, exclusive: bool = False,
    ) -> None:  # fmt: skip
        self.clean, self._patch, self.top, self.left = clean, patch, list(top), list(left)
        self.at, self.plan, self.exclusive, self.row_form = at, plan, exclusive, None

    @property
    def count(self) -> int:  # type: ignore[override]
        return len(self.top)

    def become(self, other: Changed) -> Changed:
        """Takes another's values, as an in-place operation gives them."""
        self.clean, self._patch, self.top, self.left = other.clean, other._patch, other.top, other.left
        self.at, self.plan, self.exclusive, self.row_form = other.at, other.plan, other.exclusive, None
        return self

    def like(self, clean: Tensor, patch: Tensor | Pending, exclusive: bool = False) -> Changed:
        """Other values in the same rectangles."""
        return Changed(clean, patch, self.top, self.left, self.at, self.plan, exclusive)

    @property
    def patch(self) -> Tensor:
        """The changed values (n, ...), from now on not this one's own alone."""
        patch, self.exclusive = self._values(), False
        return patch

    @property
    def pending(self) -> Pending | None:
        return self._patch if isinstance(self._patch, Pending) else None

    def _values(self) -> Tensor:
        if isinstance(self._patch, Pending):
            self._patch, self.exclusive = self._patch(), True
        return self._patch

    def writable(self) -> Tensor | None:
        """The patch, if no one else holds its memory."""
        patch = self._values()
        return patch if self.exclusive else None

    @property
    def map_size(self) -> tuple[int, int]:
        return self.clean.shape[self.at[0]], self.clean.shape[self.at[1]]

    @property
    def patch_size(self) -> tuple[int, int]:
        patch = self._patch
        return patch.size if isinstance(patch, Pending) else (patch.shape[self.at[0]], patch.shape[self.at[1]])

    def full(self) -> Tensor:
        """All maps as a plain tensor, from now on this one's own memory: who writes into it writes into this one."""
        with Plain():
            if self.patch_size != self.map_size:
                self._patch = self.window([0] * len(self.top), [0] * len(self.top), *self.map_size)
                self.top, self.left = [0] * len(self.top), [0] * len(self.top)
            return self.patch

    def window(self, top: Sequence[int], left: Sequence[int], height: int, width: int, outside: float = 0.0) -> Tensor:
        """The rectangles (n, ..., height, width) of the maps at (top, left); beyond the map they hold `outside`.

        They lie in memory with the rows and columns first, as channels-last maps do, if the patch does.
        """
        order = (0, *self.at, *(d for d in range(1, self.clean.ndim) if d not in self.at))
        patch = self._values()
        clean = self.clean.permute(order)[0]
        down, right = ([y - a for y, a in zip(*pair, strict=True)] for pair in ((self.top, top), (self.left, left)))
        out = rectangles(clean, top, left, height, width, outside, self.plan)
        window = pasted(out, patch.permute(order), down, right).permute([order.index(d) for d in range(len(order))])
        return window.contiguous() if patch.is_contiguous() else window


_SHAPES = frozenset("__get__ size dim numel stride is_floating_point is_complex is_contiguous ndimension".split())


def _followed(value: Any) -> Iterator[Followed]:
    if isinstance(value, Followed):
        yield value
    elif type(value) in (tuple, list):
        for part in value:
            yield from _followed(part)
    elif isinstance(value, dict):
        yield from _followed(tuple(value.values()))


def _filled(value: Any) -> Any:
    if isinstance(value, Followed):
        return value.full()
    if type(value) in (tuple, list):
        return type(value)(_filled(part) for part in value)
    if isinstance(value, dict):
        return {key: _filled(part) for key, part in value.items()}
    return value
