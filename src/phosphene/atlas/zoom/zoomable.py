"""Results that are one picture, or a folder of tiles with a page to zoom into."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...instrument import Result
from .pyramid import pyramid


@dataclass(frozen=True, eq=False, kw_only=True)
class Zoomable(Result):
    """A result of pixels with clear places between; subclasses give them, and what their page tells."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        raise TypeError(f"{type(self).__name__} has no pixels")

    def pixels(self, left: int = 0, top: int = 0, width: int | None = None, height: int | None = None) -> np.ndarray:
        """Red, green, blue and alpha (height, width, 4), uint8, of the whole or of a part.

        A part may reach beyond the right and lower border; nothing is there.
        """
        raise TypeError(f"{type(self).__name__} has no pixels")

    @property
    def page(self) -> Mapping[str, Any]:
        """The page's title, subtitle, caption, map, the side of its tiles, and its images with left and top."""
        raise TypeError(f"{type(self).__name__} has no page")

    def save(
        self, path: str | os.PathLike[str], theme: str = "light", scale: float | None = None, **options: Any
    ) -> Path:
        """Writes one picture, as the suffix says; without a suffix a folder of tiles with a page to zoom into."""
        if Path(path).suffix:
            return super().save(path, theme, scale, **options)
        return self.zoomable(path)

    def zoomable(self, folder: str | os.PathLike[str]) -> Path:
        """Writes tiles of all sizes and index.html, which shows them from the disk or any server, and returns its path.

        Raises ValueError for a folder that holds other things.
        """
        height, width = self.size
        return pyramid(Path(folder), width, height, self._stretch, self.page)

    def _stretch(self, left: int, top: int, size: int) -> np.ndarray | None:
        """The square part at (left, top), or None where nothing is in it."""
        square = self.pixels(left, top, size, size)
        return square if square[..., 3].any() else None
