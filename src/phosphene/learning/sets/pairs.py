"""Pairs of examples that belong together or apart, in equal numbers, and moved sideways where shifts should not count.

With shifts every image of a pair is moved by one of them or by none, and an image may be paired with itself: the pairs
(b) to (e) of Hadsell, Chopra & LeCun 2006, section 4.2, drawn at random.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from .examples import Examples
from .partners import Partners
from .shifts import shifted

ITSELF = 1 / 6  # as one of itself and its five neighbours


class Pair(NamedTuple):
    """Two examples each (n, ...), and whether they belong apart (n,)."""

    a: Tensor
    b: Tensor
    different: Tensor


@dataclass(frozen=True, eq=False)
class Pairs:
    """Examples in pairs: a batch of n places gives n pairs that belong together, and n that belong apart."""

    examples: Examples
    partners: Partners
    shifts: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.examples)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.examples.shape

    def batch(self, places: Tensor) -> Pair:
        alike = self.partners.alike(places)
        if self.shifts:
            alike = torch.where(torch.rand(len(places)) < ITSELF, places, alike)
        a = self.examples.batch(torch.cat([places, places])).x
        b = self.examples.batch(torch.cat([alike, self.partners.apart(places)])).x
        if self.shifts:
            a, b = self._moved(a), self._moved(b)
        different = torch.arange(len(a)) >= len(places)
        return Pair(a, b, different)

    def _moved(self, x: Tensor) -> Tensor:
        pixels = torch.tensor((0, *self.shifts))
        return shifted(x, pixels[torch.randint(len(pixels), (len(x),))])
