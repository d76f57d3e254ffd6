"""Photos to learn from: kept as bytes somewhat larger than the network's input, each augmented anew for every batch."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ...network import Preprocessing
from ...picture import Photo
from ..sets.examples import Batch
from .changes import MARGIN, augmented


@dataclass(frozen=True, eq=False)
class PhotoExamples:
    """Images (n, 3, h, w) of bytes with their classes; a batch is augmented, and made the network's input."""

    images: Tensor
    labels: Tensor
    kind: str
    preprocessing: Preprocessing

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.preprocessing.channels, *self.preprocessing.size)

    def batch(self, places: Tensor) -> Batch:
        images = augmented(self.images[places], self.kind, self.preprocessing.size)
        return Batch(self.preprocessing.normalise(images), self.labels[places])


def larger(way: Preprocessing) -> Preprocessing:
    """How a photo is kept: cut as the network's input is, with a margin, in colour and as values in [0, 1]."""
    size = (math.ceil(way.size[0] * MARGIN), math.ceil(way.size[1] * MARGIN))
    crop = "squash" if way.crop in ("squash", "none", "border") else way.crop
    resize = (
        size if way.resize is None or crop != "center" else (max(size[0], way.resize[0]), max(size[1], way.resize[1]))
    )
    zero, one = (0.0,) * 3, (1.0,) * 3
    return replace(way, size=size, resize=resize, crop=crop, mean=zero, std=one, colour="RGB", scale=1.0)


def kept(photo: Photo, way: Preprocessing) -> np.ndarray:
    """The photo's bytes (3, h, w), by what `larger` gave."""
    return way.prepare(photo)[0].mul(255).round().to(torch.uint8).numpy()
