"""Passes over images through two networks: the CKA of each batch, or the values of layers for all images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ...data.collection import Batch, ImageCollection
from ...data.gathering import Gathered
from ...network import Layer, Network
from .grams import batch_grams, values_of
from .hsic import FEWEST, hsic, own, rbf

HASHES = "sha256"  # the column of the images' own hashes, in their order


@dataclass(frozen=True, eq=False)
class Both:
    """Images that run through two networks, each at some layers."""

    images: Any
    layers: tuple[list[Layer], list[Layer]]
    limit: int | None
    batch: int

    def source(self, networks: Sequence[Network]) -> ImageCollection:
        return ImageCollection(self.images, networks, limit=self.limit, batch=self.batch)

    def begin(self, networks: Sequence[Network]) -> Gathered:
        return Gathered()

    def take(self, networks: Sequence[Network], gathered: Gathered, read: Batch) -> None:
        gathered.extend(HASHES, [entry.sha256 for entry in read.entries])


@dataclass(frozen=True, eq=False)
class Aligned(Both):
    """HSIC of each batch: `across` (A, B), `one` (A,), `other` (B,) and the images' number `weight` a row.

    `left` counts the images of a batch that has too few of them.
    """

    kernel: str
    width: float

    def take(self, networks: Sequence[Network], gathered: Gathered, read: Batch) -> None:
        super().take(networks, gathered, read)
        if len(read) < FEWEST:
            gathered.extend("left", [len(read)])
            return
        one, other = self._grams(networks, read.inputs)
        across = hsic(one, other)
        gathered.extend("across", [across])
        gathered.extend("one", [own(one)])
        gathered.extend("other", [across.diagonal() if one is other else own(other)])
        gathered.extend("weight", [float(len(read))])

    def _grams(self, networks: Sequence[Network], inputs: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
        a, b = networks
        one = self._kernel(batch_grams(a, inputs[0], self.layers[0]))
        if a is b and self.layers[0] == self.layers[1]:
            return one, one
        return one, self._kernel(batch_grams(b, inputs[1], self.layers[1]))

    def _kernel(self, grams: np.ndarray) -> np.ndarray:
        return rbf(grams, self.width) if self.kernel == "rbf" else grams


@dataclass(frozen=True, eq=False)
class Values(Both):
    """The values of some layers of one network for all images, a row (values,) each, in columns by the layers."""

    at: int  # the number of the network
    group: list[Layer]

    def take(self, networks: Sequence[Network], gathered: Gathered, read: Batch) -> None:
        with torch.no_grad():
            values = values_of(networks[self.at], read.inputs[self.at], self.group)
        for name, rows in values.items():
            gathered.extend(name, list(rows.cpu().numpy()))
