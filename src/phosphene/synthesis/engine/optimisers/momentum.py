"""Gradient descent with momentum and a schedule of rates, as papers before Adam took it.

    v ← m v − rate_t g,    x ← x + v,    v ← 0 where the rate changes

A. Mahendran and A. Vedaldi (2015) take it to invert layers. That v starts anew with every rate is in their program
(deep-goggle, core/invert_nn.m): the sum of long steps would carry the first short ones too far.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class Momentum(Optimizer):
    """Steps against the gradient, by the rates one after the other; the last one goes on."""

    def __init__(self, values: Iterable[Tensor], rates: Sequence[float], momentum: float = 0.0) -> None:
        super().__init__(values, {})
        self.rates, self.momentum, self.steps_taken = list(rates), momentum, 0

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        now, before = (
            self.rates[min(max(step, 0), len(self.rates) - 1)] for step in (self.steps_taken, self.steps_taken - 1)
        )
        self.steps_taken += 1
        for group in self.param_groups:
            for value in group["params"]:
                if value.grad is None:
                    continue
                known = self.state[value].get("velocity") if now == before else None
                velocity = -now * value.grad if known is None else self.momentum * known - now * value.grad
                self.state[value]["velocity"] = velocity
                value.add_(velocity)
