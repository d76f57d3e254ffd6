"""An activation atlas: a map of images cut into cells, and for each cell an image of what its images have in common.

A cell's features are averaged, and an image is synthesised whose own features z go the same way from the mean of the
whole data set as this average a does:

    raise  <z - m, a - m> / |a - m|^2 · max(cos(z - m, a - m), 0.1)^2

After S. Carter, Z. Armstrong, L. Schubert, I. Johnson and C. Olah, Activation atlas, Distill, 2019, who average single
places of a layer; here it is what the atlas keeps of each image. The first factor is 1 where the image reaches the
average; the second keeps it from reaching it by way of something else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...instrument import instrument
from ...instrument.roles import AtlasLike
from ...network import Layer, Network
from ...picture import Block, ImageBlock, Sheet, compact
from ...synthesis.engine.ascent import ascend
from ...synthesis.engine.objectives import Objective, Size, objective
from ...synthesis.engine.options import count, generator, pair, step_count
from ...synthesis.engine.parted import Parted, parted
from ...synthesis.engine.recipes import fading, fourier
from ...synthesis.engine.synthesis import pixels as bytes_of
from ...synthesis.engine.synthesis import trace
from ...synthesis.engine.transforms import PIECES
from ..sweep.running import pooled
from ..sweep.summary import as_maps
from ..zoom.zoomable import Zoomable
from .cells import Cells, cut
from .embedding import Embedding, atlas_map
from .reduction import Method

SIZE = 128  # pixels of a side, where a network takes images of any size
SMALLEST = 32  # pixels of a side on which there is something to see
GAP = 1 / 16  # between tiles, of their side
LABELLED = 84.0  # the width of a tile from which on there is room for a label below
WIDTH = 1060.0
PULL, COSINE = "share of the average that is reached", "cosine"
POWER, LEAST = 2, 0.1  # of the cosine


@dataclass(frozen=True, eq=False, kw_only=True)
class ActivationAtlas(Zoomable, Parted):
    """Images (M, 3, H, W) in [0, 1], one for each cell of a map that holds enough of the data set's images."""

    embedding: Embedding = field(repr=False)
    cells: Cells = field(repr=False)
    layer: str

    @property
    def cosines(self) -> Tensor:
        """How far each image's features go the way of its cell's average: (M,); 1 where they do wholly."""
        return self.parts[COSINE]

    @property
    def progress(self) -> str:
        return f"cosine with the cells' averages: {compact(float(self.cosines.mean()))}"

    @property
    def heading(self) -> str:
        return f"Activation atlas of {len(self.embedding.ids):,} images"

    def frame(self) -> np.ndarray:
        """The cells at their places (height, width, 3), uint8, as one frame of a film; white where none is."""
        pixels = self.pixels()
        return np.where(pixels[..., 3:] > 0, pixels[..., :3], np.uint8(255))

    @property
    def labels(self) -> list[str]:
        """What stands below each image: its cell's commonest label, or how many images the cell holds."""
        return [
            counted(number) if label is None else label
            for label, number in zip(self.cells.labels, self.cells.counts, strict=True)
        ]

    def words(self, labelled: bool = False) -> str:
        """What is shown, and how near the images come to what they are to show; `labelled`: with labels below them."""
        cells, low, high = self.cells, float(self.cosines.min()), float(self.cosines.max())
        least, most = min(cells.counts), max(cells.counts)
        many = counted(most) if least == most else f"{least:,} to {counted(most)}"
        left = f" Cells with fewer, of {counted(cells.left_out)} in all, are left empty." if cells.left_out else ""
        below = " Below each: the commonest label among its images." if labelled and any(cells.labels) else ""
        reached = f"{_signed(low)} to {_signed(high)}"
        return (
            f"{len(cells.counts)} of {cells.rows} × {cells.columns} cells of the map. Each image shows what the {many} "
            f"of its cell have in common: its {self.layer} leaves the data set's mean in the direction of the cell's "
            f"average, with a cosine of {reached} (1 would be exactly).{left}{below}"
        )

    @property
    def _subtitle(self) -> str:
        return f"by features of {self.embedding.layer} of {self.network}"

    @cached_property
    def _boxes(self) -> list[tuple[int, int, int, int]]:
        """Each cell's left, top, right and bottom in the pixels; the map's empty border is left out."""
        height, width = self.images.shape[-2:]
        cells = self.cells.places - self.cells.places.min(0)
        corners = cells * [height + max(2, round(height * GAP)), width + max(2, round(width * GAP))]
        return [(left, top, left + width, top + height) for top, left in corners.tolist()]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of all cells together."""
        return max(bottom for *_, bottom in self._boxes), max(right for *_, right, _ in self._boxes)

    def pixels(self, left: int = 0, top: int = 0, width: int | None = None, height: int | None = None) -> np.ndarray:
        """Red, green, blue and alpha (height, width, 4), uint8, of the whole or of a part; clear where no cell is."""
        width, height = width or self.size[1], height or self.size[0]
        part = self._canvas[top : top + height, left : left + width]
        return np.pad(part, ((0, height - part.shape[0]), (0, width - part.shape[1]), (0, 0)))

    @cached_property
    def _canvas(self) -> np.ndarray:
        canvas = np.zeros((*self.size, 4), np.uint8)
        for (left, top, right, bottom), tile in zip(self._boxes, bytes_of(self.images), strict=True):
            canvas[top:bottom, left:right, :3] = tile
            canvas[top:bottom, left:right, 3] = 255
        return canvas

    def sheet(self, *, names: bool = True) -> Sheet:  # type: ignore[override]
        """The image of each cell at its place, and how the images were made.

        - `names`: write the most frequent label of each cell below it, if there is room
        """
        wide = WIDTH * self.images.shape[-1] / self.size[1]
        shown_width = min(1.0, 2 * SIZE / wide) * WIDTH  # few cells need not fill the sheet
        labelled = names and wide >= LABELLED
        tiles = ImageBlock(self.pixels(), cells=self._boxes if labelled else (),
                           labels=self.labels if labelled else (), width=shown_width, crisp=False)  # fmt: skip
        blocks: list[Block] = [tiles, trace(self.part_history[COSINE], "cosine on the way, in pieces")]
        text = f"{self.words(labelled)} {self.caption} The map: {self.embedding.words()}"
        return Sheet(
            self.heading,
            self._subtitle,
            blocks,
            caption=text,
            width=WIDTH + 96,
            description=f"{self.heading}, {self._subtitle}: {self.words()}",
        )

    @property
    def page(self) -> Mapping[str, Any]:
        rows = zip(
            self._boxes, self.cells.counts, self.cosines.tolist(), self.cells.labels, self.cells.shares, strict=True
        )
        return {
            "title": self.heading, "subtitle": self._subtitle, "caption": self.words(), "map": self.embedding.words(),
            "tile": int(self.images.shape[-1]),
            "images": [
                [left, top, f"{counted(number)}, cosine {_signed(cosine)}", label and f"{label} ({share:.0%})"]
                for (left, top, _, _), number, cosine, label, share in rows
            ],
        }  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        cells = zip(
            self.cells.places.tolist(), self.cells.members, self.cells.labels, self.cells.shares,
            self.cosines.tolist(), strict=True,
        )  # fmt: skip
        return {
            **super().to_dict(),
            "layer": self.layer,
            "rows": self.cells.rows,
            "columns": self.cells.columns,
            "cells": [
                {"row": row, "column": column, "images": [int(self.embedding.ids[at]) for at in members],
                 "label": label, "share": share, "cosine": cosine}
                for (row, column), members, label, share, cosine in cells
            ],
        }  # fmt: skip


def counted(images: int) -> str:
    """So many images, in words."""
    return f"{images:,} image{'' if images == 1 else 's'}"


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


@instrument
def atlas_activations(
    atlas: AtlasLike,
    features: str | None = None,
    *,
    cells: int = 10,
    fewest: int = 3,
    size: int | None = None,
    steps: int = 96,
    rate: float = 0.02,
    method: Method = "tsne",
    perplexity: float = 30.0,
    seed: int = 0,
    sweep: str | None = None,
) -> Iterator[ActivationAtlas]:
    """An activation atlas: a map divided into cells, each with a synthesised image of what its photos have in common.

    Raises what `atlas_map` does, and ValueError if no cell contains enough images, or if the layer passes no gradient.

    - `features`: the layer whose features are used; the first that the atlas stores if not given
    - `cells`: how many cells along the longer side of the map
    - `fewest`: how many images a cell must contain to be shown
    - `size`: each image's side in pixels; if not given, 128 if the network accepts it, else the network's usual input
    - `steps`: how many steps of gradient ascent to take
    - `rate`: Adam's step size
    - `method`: how the map is made: tsne, umap or pca
    - `perplexity`: for t-SNE, the effective number of neighbours
    - `seed`: seed of the random numbers
    - `sweep`: whose features to use, if the atlas stores those of several networks
    """
    cells, fewest, steps = count(cells, "cells"), count(fewest, "fewest"), step_count(steps)
    if size is not None:
        count(size, "size", SMALLEST)
    embedding = atlas_map(atlas, features, method=method, perplexity=perplexity, seed=seed, sweep=sweep)
    grid = cut(embedding, cells, fewest)
    network = embedding.atlas.network(embedding.sweep)
    vectors = embedding.vectors
    sides, layer = _sides(network, embedding, size, vectors.shape[1])
    aim = _towards(network, layer, embedding.sweep.work.pool, grid.means(vectors), vectors.mean(0, dtype=np.float64))
    image = fourier(len(grid.counts), sides, generator(seed))
    moments = ascend(network, aim, image, steps=steps, optimiser=fading(rate), transform=PIECES, seed=seed)
    how = f"Fourier images in decorrelated colours, seen in pieces, turned and under noise, Adam with rate {rate:g}"
    titles = tuple(f"row {row + 1}, column {column + 1}" for row, column in grid.places.tolist())
    yield from parted(
        network, aim, image, moments, steps, ActivationAtlas, titles=titles, how=how, seed=seed, embedding=embedding,
        cells=grid, layer=layer.name,
    )  # fmt: skip


def _sides(network: Network, embedding: Embedding, size: int | None, length: int) -> tuple[Size, Layer]:
    """The images' size, and the layer at that size, which gives features of the kept `length`."""
    usual, name, pool = network.preprocessing.size, embedding.layer, embedding.sweep.work.pool
    if size is not None:
        sides = pair(size)
        layer = network.layer(name, sides)
        if _length(layer, pool) != length:
            raise ValueError(
                f"features of {name} are {_length(layer, pool):,} numbers at {sides[0]} × {sides[1]} pixels, and the "
                f"atlas keeps {length:,}, those at {usual[0]} × {usual[1]}; leave out size"
            )
        return sides, layer
    smaller = (min(SIZE, usual[0]), min(SIZE, usual[1]))
    try:
        layer = network.layer(name, smaller)
    except (ValueError, LookupError):  # it takes no other size
        return usual, network.layer(name, usual)
    return (smaller, layer) if _length(layer, pool) == length else (usual, network.layer(name, usual))


def _length(layer: Layer, pool: str) -> int:
    """How many numbers an image's features are."""
    channels, rows, columns = layer.maps_shape if layer.layout is not None else (layer.shape[0], 1, 1)
    return channels * rows * columns if pool == "none" else channels


def _towards(network: Network, layer: Layer, pool: str, averages: np.ndarray, mean: np.ndarray) -> Objective:
    """For image i, to go from the mean the way of average i. ValueError for an average that is the mean itself."""
    middle = torch.from_numpy(mean).to(network.device, network.dtype)
    ways = torch.from_numpy(averages - mean).to(middle)
    lengths = ways.norm(dim=1)
    if not lengths.all():
        raise ValueError(
            f"the average {layer.name} of a cell equals the mean of all images, so it gives no direction; "
            "take more cells"
        )

    def compared(value: Any) -> tuple[Tensor, Tensor]:
        difference = pooled(as_maps(layer, value), pool) - middle
        along = (difference * ways).sum(1)
        return along / lengths.square(), along / (lengths * difference.norm(dim=1).clamp_min(1e-12))

    def pulled(value: Any) -> Tensor:
        reached, cosine = compared(value)
        return reached * cosine.clamp_min(LEAST) ** POWER

    aim = objective(PULL, layer.name, pulled)
    return aim + 0.0 * objective(COSINE, layer.name, lambda value: compared(value)[1])
