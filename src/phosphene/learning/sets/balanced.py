"""Batches of a few examples each of several classes, which losses over all pairs of a batch take."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .examples import Batch, TensorExamples


@dataclass(frozen=True, eq=False)
class Balanced:
    """`each` examples of as many classes as a batch holds, all drawn at random; a class may give one of them twice.

    ValueError where examples have no classes, or all have one.
    """

    examples: TensorExamples
    each: int

    def __post_init__(self) -> None:
        labels = self.examples.labels
        if labels is None:
            raise ValueError(
                "this system learns from classes, and the data have none; put the images of each into a sub-folder"
            )
        if len(labels.unique()) < 2:
            raise ValueError("this system learns from classes, and all examples to learn from are of one")

    def __len__(self) -> int:
        return len(self.examples)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.examples.shape

    def batch(self, places: Tensor) -> Batch:
        labels = self.examples.labels
        assert labels is not None
        names, counts = labels.unique(return_counts=True)
        starts, order = counts.cumsum(0) - counts, labels.argsort(stable=True)
        classes = torch.randperm(len(names))[: max(2, len(places) // self.each)]
        each = len(places) // len(classes)
        drawn = [order[starts[c] + _some(int(counts[c]), each)] for c in classes]
        return self.examples.batch(torch.cat(drawn))


def _some(count: int, wanted: int) -> Tensor:
    """So many of the numbers below `count`, each once as long as there are enough."""
    return torch.cat([torch.randperm(count) for _ in range(-(-wanted // count))])[:wanted]
