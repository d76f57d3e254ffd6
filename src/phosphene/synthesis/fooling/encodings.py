"""Encodings of images for evolution: how a genome is drawn, mutated, and becomes an image.

Genomes are dicts of tensors whose first dimension counts them; images are uint8 (N, 3, H, W), so that what is scored is
what a file holds. `Direct` is in this file, `Patterns` in patterns.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ..engine.objectives import Size

Genomes = dict[str, Tensor]


class Encoding(Protocol):
    """A way to write images down so that they can be varied; `founding` generations of it are worth drawing."""

    @property
    def text(self) -> str: ...

    @property
    def founding(self) -> int: ...

    def random(self, count: int, generator: torch.Generator) -> Genomes: ...

    def mutated(self, parents: Genomes, generation: int, generator: torch.Generator) -> Genomes: ...

    def images(self, genomes: Genomes) -> Tensor: ...


@dataclass(frozen=True)
class Direct:
    """Every number of the image by itself, drawn evenly from [0, 1] at first.

    Each number changes with the probability `rate`, which is halved every `halving` generations, by polynomial mutation
    with the index `strength` (K. Deb and D. Deb, 2014): Nguyen et al. 2014, section 2.3, with their constants.
    """

    size: Size
    rate: float = 0.1
    halving: int = 1000
    strength: float = 15.0

    @property
    def text(self) -> str:
        return "every number of the image by itself"

    @property
    def founding(self) -> int:
        return 1  # one noise is as good as another

    def random(self, count: int, generator: torch.Generator) -> Genomes:
        return {"values": torch.rand(count, 3, *self.size, generator=generator)}

    def mutated(self, parents: Genomes, generation: int, generator: torch.Generator) -> Genomes:
        values = parents["values"]
        rate = self.rate * 0.5 ** (generation // self.halving)
        mutates = torch.rand(values.shape, generator=generator) < rate
        mutated = values.clone()
        mutated[mutates] = polynomial(values[mutates], self.strength, generator)
        return {"values": mutated}

    def images(self, genomes: Genomes) -> Tensor:
        return (genomes["values"] * 255).round().to(torch.uint8)


def polynomial(values: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Values in [0, 1] moved by delta with the density (strength + 1) / 2 · (1 - |delta|)^strength, and clipped."""
    draw = torch.rand(values.shape, generator=generator)
    power = 1 / (strength + 1)
    below, above = (2 * draw).pow(power) - 1, 1 - (2 * (1 - draw)).clamp(min=0).pow(power)
    return (values + torch.where(draw < 0.5, below, above)).clamp(0, 1)
