"""The panel of a chart in pixels: where a value stands on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .axis import Scale

Values = Sequence[float] | np.ndarray


@dataclass(frozen=True)
class Frame:
    """The panel's edges and its two scales."""

    left: float
    top: float
    right: float
    bottom: float
    across: Scale
    up: Scale

    def xs(self, values: Values) -> np.ndarray:
        """Values in pixels from the left; NaN for what has no place."""
        return self.left + (self.right - self.left) * self.across.at(values)

    def ys(self, values: Values) -> np.ndarray:
        """Values in pixels from the top; NaN for what has no place."""
        return self.bottom - (self.bottom - self.top) * self.up.at(values)

    def x(self, value: float) -> float:
        return float(self.xs([value])[0])

    def y(self, value: float) -> float:
        return float(self.ys([value])[0])

    @property
    def lying(self) -> bool:
        """Whether the categories are on the axis up, so that bars lie."""
        return self.up.down

    def slot(self, positions: Values) -> float:
        """Pixels from one of the positions to the next."""
        if self.lying:
            return (self.bottom - self.top) / (self.up.high - self.up.low)
        return (self.right - self.left) * gap(positions) / (self.across.high - self.across.low)


def gap(positions: Values) -> float:
    """The smallest distance of two positions; 1 for fewer than two."""
    apart = np.diff(np.unique(np.asarray(positions, float)))
    return float(apart.min()) if len(apart) else 1.0
