"""A mosaic of a data set: thumbnails at their places on a map, or on a grid that keeps neighbours near.

Where they stand is told in layout.py. It is one picture, or a folder of tiles with a page to zoom into (pyramid.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...instrument import instrument
from ...instrument.roles import AtlasLike
from ...picture import ImageBlock, Sheet, counted
from ..scatter import SHORTENED
from ..zoom.thumbnails import Thumbnails, thumbnails
from ..zoom.zoomable import Zoomable
from .embedding import Embedding, atlas_map
from .layout import gap, on_grid, on_map
from .reduction import Method
from .stretches import shortened

MOST_PIXELS = 200_000_000  # of one picture


@dataclass(frozen=True, eq=False, kw_only=True)
class Mosaic(Zoomable):
    """Thumbnails with their places; the later of the fields are in pixels, from the top left."""

    embedding: Embedding = field(repr=False)
    grid: bool
    rows: np.ndarray = field(repr=False)  # (M,) of the embedding's images: those that are shown
    corners: np.ndarray = field(repr=False)  # (M, 2): their left and top
    tile: int
    width: int
    height: int
    shift: float  # the root of the mean squared shift from the map, in tiles
    hidden: int  # images that are left out for want of room
    shortened: bool  # whether wide empty stretches of the map are narrower here
    thumbnails: Thumbnails = field(repr=False)

    @property
    def missing(self) -> int:
        """Images whose photos could not be read: their places are empty."""
        return len(self.thumbnails.missing)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.width

    @property
    def shown(self) -> int:
        return len(self.rows) - self.missing

    def pixels(self, left: int = 0, top: int = 0, width: int | None = None, height: int | None = None) -> np.ndarray:
        """Red, green, blue and alpha (height, width, 4), uint8, of the whole or of a part; clear between thumbnails."""
        width, height = width or self.width, height or self.height
        canvas = np.zeros((height, width, 4), np.uint8)
        at = self.corners - [left, top]
        inside = np.array(((at > -self.tile) & (at < [width, height])).all(1))
        inside[list(self.thumbnails.missing)] = False
        for index in np.flatnonzero(inside):
            x, y = (int(c) for c in at[index])
            part = canvas[max(0, y) : y + self.tile, max(0, x) : x + self.tile]
            tile = self.thumbnails.pixels[index][max(0, -y) :, max(0, -x) :]
            part[..., :3] = tile[: part.shape[0], : part.shape[1]]
            part[..., 3] = 255
        return canvas

    def words(self) -> str:
        """What is shown, what is not, and how far it was moved."""
        total = len(self.embedding.ids)
        if self.grid:
            rows, columns = ((length + gap(self.tile)) // (self.tile + gap(self.tile)) for length in self.size)
            text = (
                f"{self.shown:,} of {counted(total, 'image')} on {rows:,} × {columns:,} cells, as near to the map as "
            )
            text += "one can: "
            text += f"the root of the mean squared shift is {self.shift:.3g} cells."
        else:
            text = f"{self.shown:,} of {counted(total, 'image')} are shown at their places on the map"
            text += f", moved by {self.shift:.2g} tiles (root mean square)" if self.shift else ""
            if self.hidden:
                text += f"; {self.hidden:,} have no room there and are left out: larger values of side or shift "
                text += "show more, and grid shows all"
            text += "." + (SHORTENED if self.shortened else "")
        if self.missing:
            text += f" {self.missing:,} could not be read: {self.thumbnails.why}"
        return text

    def sheet(self) -> Sheet:
        """The mosaic as one picture; at a scale of 2, each of its pixels is one of the picture's."""
        if self.width * self.height > MOST_PIXELS:
            raise ValueError(
                f"the mosaic has {self.width:,} × {self.height:,} pixels, too many for one picture; give smaller "
                f"tiles, such as tile={max(8, self.tile // 2)}, or a folder's name, for a page to zoom into"
            )
        block = ImageBlock(self.pixels(), width=self.width / 2, crisp=False)
        return Sheet(
            self._title,
            self._subtitle,
            [block],
            caption=f"{self.words()} The map: {self.embedding.words()}",
            width=max(640.0, self.width / 2 + 96),
            description=f"{self._subtitle}: {self.words()}",
        )

    @property
    def _title(self) -> str:
        return f"Mosaic of {counted(self.shown, 'image')}"

    @property
    def _subtitle(self) -> str:
        return f"by features of {self.embedding.layer} of {self.embedding.network}"

    @property
    def page(self) -> Mapping[str, Any]:
        drawn_rows = np.setdiff1d(np.arange(len(self.rows)), self.thumbnails.missing)
        images = [
            [int(self.corners[index][0]), int(self.corners[index][1]), self.embedding.keys[row],
             self.embedding.labels[row]]
            for index, row in zip(drawn_rows, self.rows[drawn_rows], strict=True)
        ]  # fmt: skip
        return {
            "title": self._title, "subtitle": self._subtitle, "caption": self.words(), "map": self.embedding.words(),
            "tile": self.tile, "images": images,
        }  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        missing_tiles = set(self.thumbnails.missing)
        return {
            "grid": self.grid,
            "tile": self.tile,
            "width": self.width,
            "height": self.height,
            "shown": self.shown,
            "hidden": self.hidden,
            "missing": self.missing,
            "shift": self.shift,
            "images": [
                {"id": int(self.embedding.ids[row]), "image": self.embedding.keys[row],
                 "left": int(left), "top": int(top)}
                for index, (row, (left, top)) in enumerate(zip(self.rows, self.corners, strict=True))
                if index not in missing_tiles
            ],
        }  # fmt: skip


@instrument
def atlas_mosaic(
    atlas: AtlasLike,
    features: str | None = None,
    *,
    grid: bool = False,
    tile: int | None = None,
    side: int | None = None,
    shift: float | None = None,
    method: Method = "tsne",
    perplexity: float = 30.0,
    seed: int = 0,
    sweep: str | None = None,
) -> Mosaic:
    """The images of a data set as thumbnails, similar ones near each other.

    Raises what `atlas_map` does, and FileNotFoundError or LookupError if none of the photos exists any more.

    - `features`: the layer whose features are used; the first that the atlas stores if not given
    - `grid`: show all images, on a grid, each moved as little as possible
    - `tile`: side of a thumbnail in pixels; if not given, chosen so that the mosaic is about 6,000 pixels wide
    - `side`: the mosaic's longer side in pixels, on a grid its width; if not given, large enough for most images
    - `shift`: how many tiles a thumbnail may be moved at most, not on a grid; if not given, 1 to 4 for most images, and
      as far as necessary for the others
    - `method`: how the map is made: tsne, umap or pca
    - `perplexity`: for t-SNE, the effective number of neighbours
    - `seed`: seed of the random numbers
    - `sweep`: whose features to use, if the atlas stores those of several networks
    """
    if tile is not None and tile < 4:
        raise ValueError(f"a thumbnail is at least 4 pixels wide, not {tile}")
    if grid and shift is not None:
        raise ValueError("on a grid all images are shown, moved as little as possible; leave out shift, or the grid")
    if shift is not None and shift < 0:
        raise ValueError(f"a shift is 0 or more tiles, not {shift:g}")
    embedding = atlas_map(atlas, features, method=method, perplexity=perplexity, seed=seed, sweep=sweep)
    positions, changed = embedding.positions, False
    if not grid and method != "pca":
        positions, changed = shortened(positions)
    laid = on_grid(positions, tile, side) if grid else on_map(positions, tile, side, shift, seed)
    ids = embedding.ids[laid.rows]
    tiles = thumbnails(embedding.atlas, ids.tolist(), [embedding.keys[row] for row in laid.rows], laid.tile)
    return Mosaic(
        embedding=embedding, grid=grid, rows=laid.rows, corners=laid.corners, tile=laid.tile, width=laid.width,
        height=laid.height, shift=laid.shift, hidden=len(embedding.ids) - len(laid.rows), shortened=changed,
        thumbnails=tiles,
    )  # fmt: skip
