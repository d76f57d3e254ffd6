"""What the batches of one call share: clean values and folded weights, computed by the first of them that needs them.

Clean values are cached by the clean value that they come from and the number of functions that met it before. Each
changed tensor has a clean value of its own, so batches may decide differently where to go on in full.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

FULL_FROM = 0.9  # share of a map's area from which recomputing all of it is cheaper
ROOM = 1 << 29  # bytes of values that are kept for the next batch; what comes after is computed by each

# What following changes costs and what it saves, roughly, on one thread of a common processor: a decision only
MULTIPLY_ADDS = 3e10  # a second
BYTES = 3e9  # copied a second
CALL = 6e-5  # seconds for a function that meets changed tensors


@dataclass
class Plan:
    """When to go on in full, what is kept for the next batches, and the multiply-adds that were spared so far."""

    full_from: float = field(default_factory=lambda: FULL_FROM)
    spared: float = 0.0
    moved: float = 0.0  # bytes that were copied only to compute on less
    calls: int = 0  # of functions that met changed tensors
    room: int = field(default_factory=lambda: ROOM)
    cache: dict[Any, Any] = field(default_factory=dict)
    uses: Counter[int] = field(default_factory=Counter)
    call: tuple[int, int] = (0, 0)
    cleans: tuple[Tensor, ...] = ()  # of the function; kept with its values, so that no other gets the first one's id

    def start(self) -> None:
        """Before each batch."""
        self.uses.clear()

    def enter(self, cleans: Sequence[Tensor]) -> None:
        """Before each function that meets changed tensors with these clean values."""
        self.calls += 1
        self.uses.update({id(clean) for clean in cleans})
        self.cleans = tuple(cleans)
        self.call = id(cleans[0]), self.uses[id(cleans[0])]

    def once(self, what: str, compute: Callable[[], Any]) -> Any:
        """What `compute` gives in this function for every batch; names tell several of one function apart."""
        key = (*self.call, what)
        if key in self.cache:
            return self.cache[key][1]
        result = compute()
        result = tuple(map(self._another, result)) if isinstance(result, tuple) else self._another(result)
        self.room -= sum(
            part.nbytes for part in (result if isinstance(result, tuple) else (result,)) if part is not None
        )
        if self.room >= 0:
            self.cache[key] = self.cleans, result
        return result

    def _another(self, value: Any) -> Any:
        """A value that is the clean one itself, as dropout gives it in evaluation mode, as a tensor of its own.

        Else the uses of the two would be counted together: where one batch follows both and another batch one of
        them, the second would be given what was computed for another function.
        """
        return value.view_as(value) if any(value is clean for clean in self.cleans) else value

    def pays(self, threads: int) -> bool:
        """Whether what was spared so far would have taken longer than following the changes did, by count."""
        return self.spared / (MULTIPLY_ADDS * threads) > self.moved / BYTES + self.calls * CALL

    def in_full(self, height: int, width: int, size: tuple[int, int]) -> bool:
        """Whether rectangles of this height and width are most of a map."""
        return height * width >= self.full_from * size[0] * size[1]
