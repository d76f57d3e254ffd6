"""Images of one size, added one by one: in memory, or in a file of the process where there are many."""

from __future__ import annotations

import tempfile

import numpy as np

IN_MEMORY = 2 << 30  # bytes; more lie in a file that goes with the process


class Pixels:
    """Images one after the other, in memory or, beyond a size, in a file that goes when the process ends."""

    def __init__(self, channels: int, size: int | tuple[int, int]) -> None:
        height, width = (size, size) if isinstance(size, int) else size
        self.shape, self.count = (channels, height, width), 0
        self._held = np.empty((256, *self.shape), np.uint8)

    def add(self, image: np.ndarray) -> None:
        if self.count == len(self._held):
            self._grow()
        self._held[self.count] = image
        self.count += 1

    def _grow(self) -> None:
        wanted = (2 * len(self._held), *self.shape)
        if int(np.prod(wanted)) <= IN_MEMORY:
            larger = np.empty(wanted, np.uint8)
        else:
            larger = np.memmap(tempfile.TemporaryFile(), np.uint8, "w+", shape=wanted)  # noqa: SIM115
        larger[: self.count] = self._held[: self.count]
        self._held = larger

    def all(self) -> np.ndarray:
        return self._held[: self.count]
