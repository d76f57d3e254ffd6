"""Gradient steps of a fixed mean size, as DeepDream takes them: the same however strong a layer answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from ..ascent import Optimisers


class NormalisedSteps(Optimizer):
    """x ← x − rate · g / mean|g|, the mean taken for each image (L1): values change by `rate` on average."""

    def __init__(self, values: Iterable[Tensor], rate: float) -> None:
        super().__init__(values, {"rate": rate})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        for group in self.param_groups:
            for value in group["params"]:
                size = value.grad.abs().flatten(1).mean(1).clamp(min=1e-30)
                value -= group["rate"] * value.grad / size.reshape(-1, *[1] * (value.ndim - 1))


def normalised_steps(rate: float) -> Optimisers:
    """Steps by which each image changes by `rate` on average, in [0, 1]."""
    return lambda values: NormalisedSteps(values, rate)
