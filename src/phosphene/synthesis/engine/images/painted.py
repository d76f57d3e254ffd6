"""Images that functions of the place paint: a synthesis that can be had at any size."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..synthesis import Synthesis
from .cppn import CPPN

FINER = 2  # times as many pixels on each side, in the picture


@dataclass(frozen=True, eq=False, kw_only=True)
class Painted(Synthesis):
    """Images that `painter` paints; `painter.at((1024, 1024))` gives the same ones (N, 3, 1024, 1024), finer."""

    painter: CPPN = field(repr=False)

    @property
    def shown(self) -> Tensor:
        height, width = self.images.shape[-2:]
        with torch.no_grad():
            return self.painter.at((FINER * height, FINER * width)).cpu()

    @property
    def caption(self) -> str:
        return f"{super().caption} Painted here with {FINER} times as many pixels a side."
