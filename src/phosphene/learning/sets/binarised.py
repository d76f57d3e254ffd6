"""Grey images as black and white ones, which a Bernoulli decoder needs: a pixel is white with its grey as probability.

Static: each image is drawn once. Dynamic: each time that it is taken; the same weights then reach a better likelihood,
so that a number says which of the two it belongs to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch

from ...network.opening.source import undisturbed
from .examples import Batch, Examples, TensorExamples, parts

Binarise = Literal["static", "dynamic"]
SEED, CHUNK = 0, 1024


def binarised(examples: Examples, how: Binarise) -> Examples:
    """The examples in black and white."""
    if how == "dynamic":
        return Drawn(examples)
    with undisturbed(SEED):
        drawn = [torch.bernoulli(_grey(batch)).to(torch.uint8).mul_(255) for batch in parts(examples, CHUNK)]
    return TensorExamples(torch.cat(drawn), getattr(examples, "labels", None), getattr(examples, "classes", None))


@dataclass(frozen=True, eq=False)
class Drawn:
    """Examples that are drawn anew for every batch."""

    examples: Examples

    def __len__(self) -> int:
        return len(self.examples)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.examples.shape

    def batch(self, places: torch.Tensor) -> Batch:
        batch = self.examples.batch(places)
        return Batch(torch.bernoulli(_grey(batch)), batch.labels)


def _grey(batch: Any) -> torch.Tensor:
    x = batch.x
    if x.min() < 0 or x.max() > 1:
        raise ValueError(
            f"black and white are drawn from values in [0, 1], and these go from {x.min():.3g} to {x.max():.3g}; scale "
            "them, or take likelihood=gaussian"
        )
    return x
