"""What is kept of a layer while a data set runs through: its strongest answers and its statistics.

For every channel: the k strongest answers (top.py); how many values there were, their sum and how many of them were
above 0, over all places of all images; and a sketch of their distribution (sketch.py) from up to `SAMPLED` places of
each image, one drawn at random from each of as many equal stretches of the map. The draw hangs on the image's number
alone. Memory does not grow with the images, and parts merge into the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from ...network import Layer
from ...network.running.outputs import main_tensor
from . import sketch
from .measuring import measured
from .top import Answers, Top

SAMPLED = 4  # places of an image that the sketch sees
TOGETHER = 64  # images whose answers are counted and sorted at once


@dataclass(frozen=True)
class Part:
    """What counts of one batch, made while the layer's value stands; holds none of its memory."""

    answers: Answers | None
    finite: Sequence[bool]  # (N,): whether all values of an image are
    count: int
    total: Tensor  # (C,)
    active: Tensor  # (C,)
    sampled: Tensor  # (N, C, places)


@dataclass
class Summary:
    """A layer's channels over the images so far."""

    top: Top
    count: int  # values of a channel: images × places
    total: Tensor  # (C,) float64: their sum
    active: Tensor  # (C,) int64: how many are above 0
    histogram: Tensor  # (C, bins): the sketch of their distribution
    columns: int  # of the maps, to tell places
    waiting: list[Part] = field(default_factory=list)  # what is not sorted and counted yet: many at once are cheaper
    images_waiting: int = 0

    @classmethod
    def empty(cls, channels: int, columns: int, k: int, each: int = 1, device: torch.device | str = "cpu") -> Summary:
        zeros = torch.zeros(channels, dtype=torch.float64, device=device)
        return cls(
            Top.empty(channels, k, each, device), 0, zeros, zeros.long(), sketch.empty(channels, device), columns
        )

    def part(self, maps: Tensor, images: Sequence[int]) -> Part:
        """What counts of maps (N, C, rows, columns), of images of rising numbers."""
        flat = maps.flatten(2)
        measures = measured(flat, _drawn(flat.shape[2], tuple(images)), *self.top.least(images))
        answers = self.top.answers(flat, measures, images)
        return Part(
            answers, measures.finite, flat.shape[0] * flat.shape[2], measures.total, measures.active, measures.sampled
        )

    def add(self, part: Part) -> None:
        """Takes in what `part` gave, of images whose values are all finite."""
        self.count += part.count
        self.total += part.total
        self.active += part.active
        self.waiting.append(part)
        self.images_waiting += len(part.sampled)
        if self.images_waiting >= TOGETHER:
            self.settle()

    def settle(self) -> None:
        """Sorts and counts what waits."""
        if self.waiting:
            self.top.add([part.answers for part in self.waiting if part.answers is not None])
            sketch.add(self.histogram, torch.cat([part.sampled for part in self.waiting]))
            self.waiting.clear()
            self.images_waiting = 0

    def merge(self, other: Summary) -> None:
        """Takes in the summary of other images."""
        self.settle()
        other.settle()
        self.top.merge(other.top)
        self.count += other.count
        self.total += other.total.to(self.total)
        self.active += other.active.to(self.active)
        self.histogram += other.histogram.to(self.histogram)


def of_layer(layer: Layer, k: int, each: int, device: torch.device | str = "cpu") -> Summary:
    channels, _, columns = layer.maps_shape
    return Summary.empty(channels, columns, k, each, device)


def as_maps(layer: Layer, value: object) -> Tensor:
    """A layer's value as maps (N, C, rows, columns); a vector has one place."""
    tensor = main_tensor(value)
    assert tensor is not None
    if layer.layout is not None:
        return layer.layout.maps(tensor.movedim(layer.batch, 0) if layer.batch else tensor)
    return tensor[:, :, None, None]


@lru_cache(maxsize=16)  # the layers of a network have maps of few sizes
def _drawn(places: int, images: tuple[int, ...]) -> Tensor:
    """Places (N, up to SAMPLED) drawn by the images' numbers."""
    if places <= SAMPLED:
        return torch.arange(places).repeat(len(images), 1)
    stretch = np.arange(SAMPLED)
    first, last = stretch * places // SAMPLED, (stretch + 1) * places // SAMPLED
    return torch.from_numpy(first + _hashed(images) % (last - first))


@lru_cache(maxsize=4)
def _hashed(images: tuple[int, ...]) -> np.ndarray:
    """Whole numbers (N, SAMPLED) of 31 bits that look like drawn at random, and hang on the images' numbers alone."""
    numbers = np.array(images)[:, None] * SAMPLED + np.arange(SAMPLED)
    mixed = (numbers ^ (numbers >> 32)) & 0xFFFFFFFF
    for factor in (0x45D9F3B, 0x119DE1F3):
        mixed = ((mixed ^ (mixed >> 16)) * factor) & 0xFFFFFFFF
    return (mixed ^ (mixed >> 16)) & 0x7FFFFFFF
