"""One's own images as a data set: a folder, with or without sub-folders for classes, an archive, a table, a data set.

Each image is cut to its central square and resized. Which images are held out is decided by the hash of each file, so
that it stays so when others are added, and copies of one image are never on both sides.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ...data.batches import batches
from ...data.sources import shards_of, whole
from ...network import Preprocessing
from ...picture import Photo, counted
from .classics import CLASSICS, classic
from .dataset import HELD_OUT, DataSet
from .examples import TensorExamples
from .pixels import Pixels

SIZE = 32  # pixels of a side
BATCH = 64


def data_set(source: Any, size: int = SIZE, colour: bool | None = None) -> DataSet:
    """A data set by its name ('mnist'), or of one's own images, `size` pixels square.

    `colour` says whether images are colour or grey; None is colour where any of the first images has colour.
    Raises LookupError for unknown names, FileNotFoundError or ValueError for sources without images.
    """
    if isinstance(source, DataSet):
        return source
    if isinstance(source, str) and source in CLASSICS:
        return classic(source)
    try:
        shards = [part for shard in shards_of(source) for part in whole(shard)]
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{error}; or a data set by name: {', '.join(CLASSICS)}") from error
    return _read(str(source), shards, size, colour)


def _read(name: str, shards: list[Any], size: int, colour: bool | None) -> DataSet:
    if size < 4:
        raise ValueError(f"images are at least 4 pixels square, not {size}")
    numbered = [(number, shard, 0) for number, shard in enumerate(shards)]
    if colour is None:
        colour = _has_colour(numbered)
    way = Preprocessing.plain(size, 3 if colour else 1)

    def prepared(photo: Photo) -> tuple[str, np.ndarray]:
        values = way.prepare(photo)[0].mul(255).round().to(torch.uint8).numpy()
        return photo.sha256, values

    pixels, hashes, labels, unreadable = Pixels(way.channels, size), [], [], []
    for _, rows, held in batches(prepared, numbered, BATCH):
        unreadable += [row.error for row in rows if row.error is not None]
        read = [row for row in rows if row.error is None]
        for row, (digest, values) in zip(read, held, strict=True):
            pixels.add(values)
            hashes.append(digest)
            labels.append(row.label)
    if len(hashes) < 2:
        reason = f"; the first that can't be read: {unreadable[0]}" if unreadable else ""
        raise ValueError(f"{name} has {counted(len(hashes), 'readable image')}, and learning takes more{reason}")
    notes = [
        f"central squares of {counted(len(hashes), 'image')}, {size} × {size} pixels, {'colour' if colour else 'grey'}"
    ]
    if unreadable:
        notes.append(f"{counted(len(unreadable), 'image')} could not be read; the first: {unreadable[0]}")
    x, (y, classes) = torch.from_numpy(pixels.all()), _numbered(labels)
    held_out = torch.tensor([int(digest[:8], 16) < HELD_OUT * 2**32 for digest in hashes])
    if held_out.all() or not held_out.any():  # too few images for chance: the one with the smallest hash
        held_out = torch.zeros(len(hashes), dtype=torch.bool)
        held_out[min(range(len(hashes)), key=hashes.__getitem__)] = True
    of_all = TensorExamples(x, y, classes)
    train, test = (of_all.some(torch.nonzero(mask)[:, 0]) for mask in (~held_out, held_out))
    return DataSet(name, train, test, tuple(notes))


def _has_colour(numbered: list[Any]) -> bool:
    """Whether any of the first images has colour."""
    for _, _, flags in batches(lambda photo: bool(np.ptp(photo.pixels, axis=-1).any()), numbered, BATCH):
        return any(flags)
    return True


def _numbered(labels: list[str | None]) -> tuple[torch.Tensor | None, tuple[str, ...] | None]:
    """Class numbers and names, where every image has a class."""
    if any(label is None for label in labels):
        return None, None
    names = tuple(sorted({str(label) for label in labels}))
    numbers = {name: number for number, name in enumerate(names)}
    return torch.tensor([numbers[str(label)] for label in labels]), names
