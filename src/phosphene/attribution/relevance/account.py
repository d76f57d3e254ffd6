"""Where relevance goes that does not reach the pixels: to biases, to constants, and to what keeps quotients finite."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Bias = Literal["absorb", "share", "safe"]
BIASES: tuple[Bias, ...] = ("absorb", "share", "safe")


class Account:
    """One pass back for `count` images: what biases do with their share, and how much of each image's they kept."""

    def __init__(self, count: int, bias: Bias = "absorb") -> None:
        self.count = count
        self.bias = bias
        self.absorbed = torch.zeros(count, dtype=torch.float64)

    def shares(self, steady: bool = False) -> bool:
        """Whether what a bias got goes to the inputs, in proportion to their own; a `steady` sum of theirs is one of
        numbers of one sign, which can't cancel."""
        return self.bias == "share" or (self.bias == "safe" and steady)

    def absorb(self, relevance: Tensor) -> None:
        """Notes relevance (any shape, the images first) that no input gets."""
        self.absorbed = self.absorbed + relevance.detach().reshape(self.count, -1).sum(1, dtype=torch.float64).cpu()
