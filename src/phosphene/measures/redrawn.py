"""Sums over images drawn anew, while the images stream: a bootstrap whose memory does not grow with them.

Each image counts in each of the draws as often as a Poisson variable of mean 1 says, instead of the multinomial counts
of draws with replacement, which need all images at once (J. Hanley and B. MacGibbon, *Creating non-parametric bootstrap
samples using Poisson frequencies*, Computer Methods and Programs in Biomedicine 2006). An image's counts hang on its
place alone, so that sums of different images merge.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch


class RedrawnSums:
    """The sums of images' values (size,): of all images once, and in so many draws."""

    def __init__(self, size: int, draws: int, seed: int) -> None:
        self.seed = seed
        self.all = np.zeros(size)
        self.drawn = np.zeros((draws, size))

    def add(self, place: int, values: np.ndarray) -> None:
        """Adds the image at that place of the source."""
        counts = np.random.default_rng([self.seed, place]).poisson(1.0, len(self.drawn))
        self.all += values
        self.drawn += counts[:, None] * values

    def merge(self, other: RedrawnSums) -> None:
        self.all += other.all
        self.drawn += other.drawn

    def state(self) -> dict[str, Any]:
        return {"all": torch.from_numpy(self.all), "drawn": torch.from_numpy(self.drawn)}

    def load(self, state: Mapping[str, Any]) -> None:
        self.all, self.drawn = state["all"].numpy().copy(), state["drawn"].numpy().copy()
