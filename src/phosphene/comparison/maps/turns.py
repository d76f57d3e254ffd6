"""Which images fit a map, which choose, and which measure: they take turns.

Of five images three fit, one chooses between fits and between layers, and one measures. What is reported is measured on
images that neither fitted nor chose.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...data.collection import Entry, ImageCollection

TURN = 5  # images in a turn
FIT, CHOOSE, MEASURE = frozenset({0, 1, 2}), frozenset({3}), frozenset({4})
FEWEST = 10  # images


def chooses(entries: Sequence[Entry]) -> Tensor:
    """(n,) bool: which of these images choose."""
    return torch.tensor([entry.place % TURN in CHOOSE for entry in entries], dtype=torch.bool)


def check_enough(collection: ImageCollection, what: str) -> None:
    """ValueError where it is known that there are too few images to take turns."""
    if collection.count is not None and collection.count < FEWEST:
        raise ValueError(f"{what} {FEWEST} images at least, and there are {collection.count}")
