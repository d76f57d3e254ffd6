"""Patches as tiles of one scale: photos are opened once each, cut, and let go; one that is gone leaves a sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image as Pillow

from ...network import Box
from ...picture import Image, Mark, Photo, Rect, Text, fit, shifted, windowed, wrap
from .patch import Patch

DENSITY = 2  # pixels of a tile for each one on the sheet
LEADING = 15.0


@dataclass(frozen=True, eq=False)
class Cut:
    """A patch's tile and the whole photo made small, or why there is none."""

    patch: Patch
    tile: np.ndarray | None = field(default=None, repr=False)  # (height, width, 4)
    whole: np.ndarray | None = field(default=None, repr=False)  # (height, width, 3)
    why: str = ""


@dataclass(frozen=True)
class Scale:
    """One scale for all patches: the largest window, in the input's pixels, and how large it is drawn."""

    height: float
    width: float
    side: float  # of the longer side on the sheet

    @classmethod
    def of(cls, patches: Sequence[Patch], side: float) -> Scale:
        if not patches:
            return cls(1, 1, side)
        windows = [each.drawn_window for each in patches]
        return cls(max(each.height for each in windows), max(each.width for each in windows), side)

    @property
    def size(self) -> tuple[float, float]:
        """A tile's height and width on the sheet."""
        factor = self.side / max(self.height, self.width)
        return self.height * factor, self.width * factor

    def window(self, box: Box) -> Box:
        """A window of this size around another's middle."""
        left = box.left - (self.width - box.width) / 2
        top = box.top - (self.height - box.height) / 2
        return Box(left, top, left + self.width, top + self.height)

    def cut(self, patch: Patch, photo: Photo) -> np.ndarray:
        """The tile; transparent where the window lies on padding."""
        high, wide = (max(1, math.ceil(length * DENSITY)) for length in self.size)
        window = patch.frame.to_photo(self.window(patch.drawn_window))
        return windowed(photo.pixels, window.as_tuple(), (high, wide), patch.box.as_tuple())


def cuts(patches: Sequence[Patch], scale: Scale, context: float | None = None) -> list[Cut]:
    """A tile for each patch, and the whole photo within `context` pixels of the sheet, if asked for."""
    cuts_by_index: dict[int, Cut] = {}
    by_image: dict[int, list[int]] = {}
    for index, patch in enumerate(patches):
        by_image.setdefault(patch.number, []).append(index)
    for several in by_image.values():
        try:
            photo = patches[several[0]].photo()
        except (OSError, LookupError, ValueError) as error:
            cuts_by_index |= {index: Cut(patches[index], why=str(error)) for index in several}
            continue
        whole = None if context is None else _small(photo, context * DENSITY)
        cuts_by_index |= {index: Cut(patches[index], scale.cut(patches[index], photo), whole) for index in several}
    return [cuts_by_index[index] for index in range(len(patches))]


def _small(photo: Photo, side: float) -> np.ndarray:
    factor = side / max(photo.height, photo.width)
    size = (max(1, round(photo.width * factor)), max(1, round(photo.height * factor)))
    return np.asarray(photo.pil().resize(size, Pillow.Resampling.LANCZOS))


# ---- marks


def tile_marks(cut: Cut, scale: Scale) -> list[Mark]:
    """The tile at (0, 0), on a panel that shows where its window lies on padding; or the words why there is none."""
    height, width = scale.size
    marks: list[Mark] = []
    if cut.tile is None:
        return [Rect(0, 0, width, height, fill="panel"), *_words(cut.why, width, height)]
    if (cut.tile[..., 3] == 0).any():
        marks.append(Rect(0, 0, width, height, fill="panel"))
    return [*marks, Image(cut.tile, 0, 0, width, height, crisp=False)]


def context_marks(cut: Cut, side: float) -> list[Mark]:
    """The whole photo at (0, 0), no side longer than `side`, with a frame around what the unit sees."""
    if cut.whole is None:
        return []
    height, width = (length / DENSITY for length in cut.whole.shape[:2])
    rows, columns = cut.patch.frame.photo
    box, across, down = cut.patch.box, width / columns, height / rows
    frame = (box.left * across, box.top * down, box.width * across, box.height * down)
    return [
        Image(cut.whole, 0, 0, width, height, crisp=False),
        Rect(*frame, stroke="#14121a", stroke_width=3.0, opacity=0.7),
        Rect(*frame, stroke="#ffffff", stroke_width=1.5),
    ]


def _words(text: str, width: float, height: float) -> tuple[Mark, ...]:
    """A small text in the middle of a tile, cut where there is no room for all of it."""
    room = max(1, int((height - 8) // LEADING))
    lines = wrap(text, 11, width - 12)
    if len(lines) > room:
        lines = [*lines[: room - 1], fit(" ".join(lines[room - 1 :]), 11, width - 12)]
    top = (height - LEADING * len(lines)) / 2
    marks = [Text(6, 11 + LEADING * at, line, 11, colour="muted") for at, line in enumerate(lines)]
    return shifted(marks, 0, top)
