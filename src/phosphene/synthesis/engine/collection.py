"""How a unit answers to given photos: one pass over any number of them, of which only numbers are kept.

A photo's score is the objective's, as for images that are synthesised: a channel's mean over its places, one neuron, a
class's score. A channel's place is where it answers most; what it sees there is its receptive field.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ...input_photo import peaks
from ...network import Address, Box, Layer, Network
from ...picture import Photo, files, read, windowed
from .layers.default_layers import as_maps
from .objectives import unit
from .options import seen_images

BATCH = 16  # photos that run through the network together


@dataclass(frozen=True, eq=False)
class PhotoAnswers:
    """What a unit answers to each of the photos (N), and what a layer says of them."""

    address: Address
    sources: list[Any] = field(repr=False)  # photos, files, or inputs (1, C, H, W)
    names: tuple[str, ...]
    scores: np.ndarray  # (N,)
    values: np.ndarray  # (N,): at the unit's strongest place
    cells: np.ndarray  # (N, 2): row and column of it; -1 where the unit has no places
    features: np.ndarray = field(repr=False)  # (N, D): the layer's means over its places
    unreadable: tuple[str, ...]

    def photo(self, index: int) -> Any:
        """The photo number `index`, opened once more, or its input (1, C, H, W)."""
        source = self.sources[index]
        return read(source) if isinstance(source, Path) else source

    def image(self, network: Network, index: int) -> Tensor:
        """What the network sees of it: (1, 3, H, W) in [0, 1]."""
        return seen_images(network, self.photo(index)).float().cpu()

    def patch(self, network: Network, index: int, side: int) -> np.ndarray:
        """What the unit sees of it at its strongest place: (side, side, 3), uint8; grey lies beyond the input."""
        pixels = (self.image(network, index)[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
        row, column = (int(at) for at in self.cells[index])
        size = (pixels.shape[0], pixels.shape[1])
        if row < 0:
            return _resized(pixels, side)
        unit = Address(self.address.layer, self.address.channel)
        _, rows, columns = network.layer(self.address.layer, size).maps_shape
        box, middle = (network.receptive_field(unit, at, size) for at in ((row, column), (rows // 2, columns // 2)))
        if not isinstance(box, Box) or not isinstance(middle, Box):
            return _resized(pixels, side)
        return _resized(_windowed(pixels, box, round(max(middle.width, middle.height))), side)


def look_through(network: Network, images: Any, address: Address, layer: Layer | None = None) -> PhotoAnswers:
    """The unit's answers to all the photos, and, where a layer is given, its features of each.

    Files that can't be read are left out and named. Raises ValueError where nothing is left.
    """
    unreadable: list[str] = []
    named: list[tuple[Any, str]] = []
    answers: list[tuple[np.ndarray, ...]] = []
    for batch in _batches(network, images, unreadable):
        sources, names, inputs = zip(*batch, strict=True)
        named += zip(sources, names, strict=True)
        answers.append(_answers(network, torch.cat(inputs), address, layer))
    if not named:
        raise ValueError(f"none of the {len(unreadable)} files can be read as a photo; the first: {unreadable[0]}")
    scores, values, cells, features = (np.concatenate(part) for part in zip(*answers, strict=True))
    sources, names = zip(*named, strict=True)
    return PhotoAnswers(address, list(sources), names, scores, values, cells, features, tuple(unreadable))


def _answers(network: Network, x: Tensor, address: Address, layer: Layer | None) -> tuple[np.ndarray, ...]:
    objective = unit(network, address, (int(x.shape[-2]), int(x.shape[-1])))
    reads = sorted(objective.reads) + ([layer.name] if layer else [])
    with torch.no_grad():
        values = network.record(x, *reads)
        scores = objective.score(values).double().cpu().numpy()
        features = as_maps(layer)(values[layer.name]).flatten(2).mean(2).float().cpu().numpy() if layer else None
    maps = values[reads[0]]
    cells, strongest = np.full((len(x), 2), -1), scores
    if address.place is not None:
        cells[:] = address.place
    elif address.channel is not None and isinstance(maps, Tensor) and maps.ndim == 3:
        channel = maps.double().cpu().numpy()
        cells, strongest = peaks(channel), channel.max((1, 2))
    return scores, strongest, cells, np.zeros((len(x), 0)) if features is None else features


def _batches(network: Network, images: Any, unreadable: list[str]) -> Iterator[list[tuple[Any, str, Tensor]]]:
    """Photos with their names and inputs, as many together as are of one size."""
    batch: list[tuple[Any, str, Tensor]] = []
    for one in _opened(network, images, unreadable):
        if len(batch) == BATCH or (batch and batch[0][2].shape != one[2].shape):
            yield batch
            batch = []
        batch.append(one)
    if batch:
        yield batch


def _opened(network: Network, images: Any, unreadable: list[str]) -> Iterator[tuple[Any, str, Tensor]]:
    if isinstance(images, Tensor):
        for index, one in enumerate(network.inputs(images).detach().split(1)):
            yield one, f"image {index + 1}", one
        return
    for source in files(images):
        try:
            photo = source if isinstance(source, Photo) else read(source)
        except (ValueError, OSError) as error:
            unreadable.append(str(error))
            continue
        yield source, photo.name, network.inputs(photo).detach()


def _windowed(pixels: np.ndarray, box: Box, whole: int) -> np.ndarray:
    """The box of the pixels (H, W, 3) as a square of `whole` pixels, grey where that is beyond the image."""
    box = box.round()
    side = int(max(box.width, box.height, whole))
    height, width = pixels.shape[:2]
    left = box.right - side if box.left == 0 and box.right < width else box.left
    top = box.bottom - side if box.top == 0 and box.bottom < height else box.top
    tile = windowed(pixels, (left, top, left + side, top + side), (side, side), box.as_tuple())
    return np.where(tile[..., 3:] > 0, tile[..., :3], np.uint8(128))


def _resized(pixels: np.ndarray, side: int) -> np.ndarray:
    how = Image.Resampling.LANCZOS if side < pixels.shape[0] else Image.Resampling.BICUBIC
    return np.array(Image.fromarray(pixels).resize((side, side), how))
