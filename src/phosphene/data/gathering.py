"""What a pass over images gathers: sums, which do not grow with the images, and rows of a few numbers for each image.

What was gathered of one stretch of images and of the next merges into what both together give. So a pass can be cut
into stretches, on one machine or several, and stopped between two of them. All of it can be written as plain values
and tensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch


class Sums(Protocol):
    """Sums over images that merge; what they hold is written as plain values and tensors."""

    def merge(self, other: Any) -> None:
        """Takes in the sums over other images, which come after these."""

    def state(self) -> dict[str, Any]: ...

    def load(self, state: Mapping[str, Any]) -> None:
        """Takes what `state` gave in place of what is there."""


@dataclass(eq=False)
class Gathered:
    """The sums of a pass by their names, and its rows: columns of numbers, arrays of one shape, or texts."""

    sums: dict[str, Any] = field(default_factory=dict)  # each a `Sums`
    rows: dict[str, list[Any]] = field(default_factory=dict)
    images: int = 0  # that could be read
    unreadable: list[str] = field(default_factory=list)  # what could not be, and why

    def extend(self, column: str, values: Any) -> None:
        """Adds values to a column, one a row."""
        self.rows.setdefault(column, []).extend(values)

    def column(self, name: str) -> np.ndarray:
        """A column as one array (rows, ...); empty where there is none."""
        return np.array(self.rows.get(name, ()))

    def merge(self, other: Gathered) -> None:
        """Takes in what was gathered of the images after these."""
        for name, sums in other.sums.items():
            self.sums[name].merge(sums)
        for column, values in other.rows.items():
            self.extend(column, values)
        self.images += other.images
        self.unreadable += other.unreadable

    def state(self) -> dict[str, Any]:
        rows = {name: values if _texts(values) else torch.from_numpy(np.array(values)) for name, values in self.rows.items()}  # fmt: skip  # noqa: E501
        return {
            "sums": {name: sums.state() for name, sums in self.sums.items()}, "rows": rows, "images": self.images,
            "unreadable": self.unreadable,
        }  # fmt: skip

    def load(self, state: Mapping[str, Any]) -> None:
        for name, sums in self.sums.items():
            sums.load(state["sums"][name])
        self.rows = {
            name: list(values.numpy()) if isinstance(values, torch.Tensor) else list(values)
            for name, values in state["rows"].items()
        }
        self.images, self.unreadable = state["images"], list(state["unreadable"])


def _texts(values: list[Any]) -> bool:
    return not values or isinstance(values[0], str)
