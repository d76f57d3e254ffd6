"""Which examples belong together: those of one class, nearest neighbours, or views from neighbouring places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

CHUNK = 1024
TRIES = 64  # draws of an example that belongs apart, before a chance of none is taken for a fact


class Partners(Protocol):
    """Gives for the places (n,) of examples those of others, at random by PyTorch's generator."""

    def alike(self, places: Tensor) -> Tensor:
        """One example each that belongs to it; itself where there is no other."""

    def apart(self, places: Tensor) -> Tensor:
        """One example each that does not."""


class SameClass:
    """Examples of one class belong together. ValueError for a single class."""

    def __init__(self, labels: Tensor) -> None:
        self.labels, self.order = labels, labels.argsort(stable=True)
        self.counts = labels.bincount()
        self.starts = self.counts.cumsum(0) - self.counts
        if (self.counts > 0).sum() < 2:
            raise ValueError("pairs that belong apart need examples of two classes, and all are of one")

    def alike(self, places: Tensor) -> Tensor:
        labels = self.labels[places]
        return self.order[self.starts[labels] + _below(self.counts[labels])]

    def apart(self, places: Tensor) -> Tensor:
        labels, count = self.labels[places], len(self.labels)
        beyond = self.starts[labels] + self.counts[labels]
        return self.order[(beyond + _below(count - self.counts[labels])) % count]


@dataclass(frozen=True, eq=False)
class Listed:
    """Examples belong together that are in a list of the other: `lists` (N, k), the first `counts` (N,) of each."""

    lists: Tensor
    counts: Tensor

    def alike(self, places: Tensor) -> Tensor:
        chosen = self.lists[places, _below(self.counts[places].clamp_min(1))]
        return torch.where(self.counts[places] > 0, chosen, places)

    def apart(self, places: Tensor) -> Tensor:
        others = torch.randint(len(self.lists), places.shape)
        for _ in range(TRIES):
            close = (others == places) | self._in_list(places, others) | self._in_list(others, places)
            if not close.any():
                return others
            others = torch.where(close, torch.randint(len(self.lists), places.shape), others)
        raise ValueError("nearly all examples belong together, so that no pairs are left that belong apart")

    def _in_list(self, places: Tensor, others: Tensor) -> Tensor:
        valid = torch.arange(self.lists.shape[1]) < self.counts[places][:, None]
        return ((self.lists[places] == others[:, None]) & valid).any(1)


def nearest(x: Tensor, count: int) -> Tensor:
    """The places (N, count) of the nearest other examples by Euclidean distance, the nearest first."""
    flat = x.flatten(1).float()
    squares, places = flat.square().sum(1), []
    for start in range(0, len(flat), CHUNK):
        part = flat[start : start + CHUNK]
        distances = squares - 2 * part @ flat.T  # less |part|², which does not change the order
        distances[torch.arange(len(part)), torch.arange(start, start + len(part))] = torch.inf
        places.append(distances.topk(count, largest=False).indices)
    return torch.cat(places)


def neighbours(x: Tensor, count: int) -> Listed:
    """Each example's nearest ones in pixels. ValueError where there are too few examples."""
    if len(x) < 2 * count + 2:
        raise ValueError(f"{count} neighbours each take at least {2 * count + 2} examples, not {len(x)}")
    return Listed(nearest(x, count), torch.full((len(x),), count))


def beside(poses: Tensor, turns: int) -> Listed:
    """Views from the same or the next place; `poses` (N, 2) are steps of azimuth, a circle, and elevation."""
    azimuth = (poses[:, None, 0] - poses[None, :, 0]).abs()
    azimuth = torch.minimum(azimuth, turns - azimuth)
    close = azimuth + (poses[:, None, 1] - poses[None, :, 1]).abs() <= 1
    close.fill_diagonal_(False)
    counts = close.sum(1)
    lists = close.to(torch.uint8).argsort(dim=1, descending=True, stable=True)
    return Listed(lists[:, : max(1, int(counts.max()))], counts)


def _below(bounds: Tensor) -> Tensor:
    """A whole number from 0 to below each bound."""
    return (torch.rand(bounds.shape, dtype=torch.float64) * bounds).long().minimum(bounds - 1)
