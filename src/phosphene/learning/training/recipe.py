"""How a system is trained: how many steps, how large they are, and what the weights are averaged over."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from torch import nn
from torch.optim import Adam, AdamW, Optimizer

Schedule = Literal["constant", "cosine"]
Precision = Literal["32", "bf16"]


@dataclass(frozen=True)
class Recipe:
    """The settings of training. A step is one batch, and all moves of all players on it.

    `rate` is the learning rate, `betas` Adam's. `warmup` is the share of the steps in which the rate rises from 0;
    "cosine" lets it fall to 0 at the end. `clip` is the largest norm of a player's gradient. `average` is the decay of
    an exponential moving average of the weights, which then are those that are used.
    """

    steps: int = 2000
    batch: int = 128
    rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    decay: float = 0.0  # of weights
    schedule: Schedule = "constant"
    warmup: float = 0.0
    clip: float | None = None
    average: float | None = None
    precision: Precision = "32"

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("batch", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is at least {least}, not {getattr(self, name)}")
        if not (math.isfinite(self.rate) and self.rate > 0):
            raise ValueError(f"rate, the learning rate, is above 0, not {self.rate}")
        if self.average is not None and not 0 <= self.average < 1:
            raise ValueError(f"average is a decay from 0 to below 1, such as .999, not {self.average}")
        if self.schedule not in ("constant", "cosine"):
            raise ValueError(f"schedule is 'constant' or 'cosine', not {self.schedule!r}")
        if self.precision not in ("32", "bf16"):
            raise ValueError(f"precision is '32' or 'bf16', not {self.precision!r}")

    def optimiser(self, parameters: Iterable[nn.Parameter]) -> Optimizer:
        """Adam; with `decay` AdamW."""
        if self.decay:
            return AdamW(parameters, self.rate, self.betas, weight_decay=self.decay)
        return Adam(parameters, self.rate, self.betas)

    def rate_at(self, step: int) -> float:
        """The share of its learning rate that an optimiser has at a step."""
        rising = self.warmup * self.steps
        if step < rising:
            return (step + 1) / (rising + 1)
        if self.schedule == "constant":
            return 1.0
        return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, self.steps - rising)))
