"""The order in which examples come, and the random numbers of a step: both hang on the seed and the step alone.

So nothing about chance has to be stored: training that was stopped goes on as if it had not been.
"""

from __future__ import annotations

import torch
from torch import Tensor

_STRIDE = 1_000_003  # a prime, so that two seeds share no step's numbers in any usual run


class Order:
    """Which examples each step takes: every epoch all of them in a new order, less those that fill no batch."""

    def __init__(self, count: int, batch: int, seed: int) -> None:
        self.count, self.batch, self.seed = count, min(batch, count), seed
        self._epoch, self._places = -1, torch.empty(0, dtype=torch.long)

    def places(self, step: int) -> Tensor:
        """The places (batch,) of a step's examples."""
        epoch, turn = divmod(step, self.count // self.batch)
        if epoch != self._epoch:
            chance = torch.Generator().manual_seed(self.seed * _STRIDE + epoch)
            self._epoch, self._places = epoch, torch.randperm(self.count, generator=chance)
        return self._places[turn * self.batch : (turn + 1) * self.batch]


def seed_of(step: int, seed: int) -> int:
    """The seed of all that is drawn at random within a step."""
    return (seed * _STRIDE + step) * 2 + 1
