"""Small square pictures of an atlas's photos, made once: decoded in threads, kept in a file that is gone with its user.

A photo is cut to the square about its middle and made smaller by means over its pixels, then by a Lanczos window, so
that nothing flickers. Only a few photos are open at a time, however many there are.
"""

from __future__ import annotations

import os
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ...data.sources import Shard, photo_of, shard_and_index

if TYPE_CHECKING:
    from ..opened import OpenedAtlas

AHEAD = 64  # photos that are decoded or on their way


@dataclass(frozen=True, eq=False)
class Thumbnails:
    """Pixels (N, side, side, 3) of the images asked for, in their order; `missing` are the rows that can't be read."""

    pixels: np.ndarray = field(repr=False)
    missing: tuple[int, ...] = ()
    why: str = ""  # the first of them could not be read


def thumbnails(atlas: OpenedAtlas, ids: Sequence[int], keys: Sequence[str], side: int) -> Thumbnails:
    """Squares of `side` pixels of these images. OSError, LookupError or ValueError where none of them can be read."""
    with tempfile.TemporaryFile() as file:
        file.truncate(max(1, len(ids) * side * side * 3))
        pixels: np.ndarray = np.memmap(file, np.uint8, "r+", shape=(len(ids), side, side, 3))
    missing, first = [], None
    for row, tile in _thumbnails(_items(atlas, ids, keys), side):
        if isinstance(tile, Exception):
            first = first or tile
            missing.append(row)
        else:
            pixels[row] = tile
    if first is not None and len(missing) == len(ids):
        raise first
    return Thumbnails(pixels, tuple(missing), "" if first is None else str(first))


def _items(atlas: OpenedAtlas, ids: Sequence[int], keys: Sequence[str]) -> Iterator[tuple[int, Shard, int, str]]:
    """Rows with their shards, places there and keys, in the order in which they lie in the sources."""
    shards = atlas.store.shards()
    for row in np.argsort(np.asarray(ids), kind="stable"):
        shard, index = shard_and_index(int(ids[row]))
        yield int(row), shards[shard], index, keys[row]


def _thumbnails(
    items: Iterator[tuple[int, Shard, int, str]], side: int
) -> Iterator[tuple[int, np.ndarray | Exception]]:
    waiting: deque[tuple[int, Future[np.ndarray | Exception]]] = deque()
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1), thread_name_prefix="thumbnail") as pool:
        for row, shard, index, key in items:
            waiting.append((row, pool.submit(_thumbnail, shard, index, key, side)))
            if len(waiting) >= AHEAD:
                first, future = waiting.popleft()
                yield first, future.result()
        for first, future in waiting:
            yield first, future.result()


def _thumbnail(shard: Shard, index: int, key: str, side: int) -> np.ndarray | Exception:
    try:
        return square(photo_of(shard, index, key).pil(), side)
    except (OSError, LookupError, ValueError) as error:
        return error


def square(image: Image.Image, side: int) -> np.ndarray:
    """The middle square of an image, `side` pixels wide."""
    edge = min(image.size)
    left, top = (image.width - edge) / 2, (image.height - edge) / 2
    smaller = edge > side
    method = Image.Resampling.LANCZOS if smaller or edge >= 64 else Image.Resampling.NEAREST
    box = (left, top, left + edge, top + edge)
    return np.asarray(image.resize((side, side), method, box=box, reducing_gap=3.0 if smaller else None))
