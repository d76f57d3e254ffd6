"""An exponential moving average of a system's weights, which often serve better than the last ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Averages:
    """The averages of all floating values of a module's state; what else it holds is taken as it is.

    After few steps the decay is smaller, min(decay, (1 + step) / (10 + step)), so that the first weights don't linger.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.module, self.decay, self.count = module, decay, 0
        self.values = {name: value.clone() for name, value in module.state_dict().items()}

    @torch.no_grad()
    def update(self) -> None:
        self.count += 1
        weight = 1 - min(self.decay, (1 + self.count) / (10 + self.count))
        for name, value in self.module.state_dict().items():
            if value.is_floating_point():
                self.values[name].lerp_(value, weight)
            else:
                self.values[name].copy_(value)

    @contextmanager
    def used(self) -> Iterator[None]:
        """The module has the averages within."""
        own = {name: value.clone() for name, value in self.module.state_dict().items()}
        self.module.load_state_dict(self.values)
        try:
            yield
        finally:
            self.module.load_state_dict(own)

    def load(self, values: Mapping[str, Tensor], count: int) -> None:
        for name, value in values.items():
            self.values[name].copy_(value)
        self.count = count
