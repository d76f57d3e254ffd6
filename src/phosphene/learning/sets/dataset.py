"""A data set: examples to learn from, and examples that are held out to be measured on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from .examples import TensorExamples

HELD_OUT = 0.1


@dataclass(frozen=True, eq=False)
class DataSet:
    """Two parts of one data set; `notes` say in sentences what was done to it."""

    name: str
    train: TensorExamples = field(repr=False)
    test: TensorExamples = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        return self.train.shape

    @property
    def classes(self) -> tuple[str, ...] | None:
        return self.train.classes

    def account(self) -> dict[str, Any]:
        """What a card says of it."""
        return {
            "name": self.name,
            "sha256": {"train": self.train.sha256, "test": self.test.sha256},
            "train": len(self.train),
            "test": len(self.test),
            "shape": list(self.shape),
            "classes": list(self.classes) if self.classes else None,
            "notes": list(self.notes),
        }


Part = tuple[np.ndarray, np.ndarray]


def of_arrays(name: str, train: Part, test: Part, classes: tuple[str, ...], note: str = "") -> DataSet:
    """A data set of images (N, C, H, W) as bytes, with the class of each."""
    learned, held = (
        TensorExamples(torch.from_numpy(np.ascontiguousarray(x)), torch.from_numpy(y.astype(np.int64)), classes)
        for x, y in (train, test)
    )
    return DataSet(name, learned, held, (note,) if note else ())


def split(name: str, images: np.ndarray, labels: np.ndarray, classes: tuple[str, ...], seed: int, note: str) -> DataSet:
    """The same of one array, a part of which is held out at random."""
    order = np.random.default_rng(seed).permutation(len(images))
    held = round(len(images) * HELD_OUT)
    test, train = np.sort(order[:held]), np.sort(order[held:])
    return of_arrays(name, (images[train], labels[train]), (images[test], labels[test]), classes, note)
