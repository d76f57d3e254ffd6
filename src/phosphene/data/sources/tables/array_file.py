"""Pictures in NumPy's .npz files: arrays (N, H, W) or (N, H, W, C), and arrays (N,) of their classes.

The rows are read one by one, and nothing is unpickled. A compressed array is unpacked up to the row that is asked for.
"""

from __future__ import annotations

import math
import os
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..item import FILES, SHARD, Item, Shard
from ..listing import sentence, stretches
from ..zip_archive import BROKEN, ENCRYPTED
from .columns import label_of

NAMES = ("classes", "class_names", "label_names", "names")
PAIRS = (("x", "y"), ("X", "y"), ("images", "labels"), ("image", "label"), ("imgs", "labels"), ("data", "target"))


@dataclass(frozen=True)
class Head:
    """What is told of an array before its numbers."""

    shape: tuple[int, ...]
    dtype: np.dtype
    begin: int
    columns_first: bool

    @property
    def holds_images(self) -> bool:
        """Whether its rows can be images."""
        flat = len(self.shape) == 3 or (len(self.shape) == 4 and self.shape[3] in (1, 3, 4))
        return flat and 0 not in self.shape and self.dtype.kind in "uif" and not self.columns_first

    @property
    def row(self) -> int:
        """Bytes of one."""
        return math.prod(self.shape[1:]) * self.dtype.itemsize


def shards(path: str, array: str | None = None) -> list[Shard]:
    """The rows of the array of images that is named, or of all that the file holds."""
    heads = _heads(path)
    if array and array not in heads:
        raise LookupError(f"{path!r} has no array {array!r}; it has {', '.join(heads)}")
    image_arrays = {name: head for name, head in heads.items() if head.holds_images and array in (None, name)}
    if not image_arrays:
        listing = ", ".join(f"{name} {head.shape} {head.dtype}" for name, head in heads.items()) or "no arrays"
        raise ValueError(f"{path!r} has no array of images, which is (N, H, W) or (N, H, W, 3); it has {listing}")
    with _file(path) as file:
        packed = {name: file.getinfo(f"{name}.npy").compress_type != zipfile.ZIP_STORED for name in image_arrays}
    result = []
    for name, head in image_arrays.items():
        most = SHARD if packed[name] else FILES  # else it would be unpacked anew for every stretch
        part = {"array": name, "label": _label(name, head.shape[0], heads)}
        result += stretches("npz", path, head.shape[0], most, **part)
    return result


def _label(name: str, count: int, heads: dict[str, Head]) -> str | None:
    """The array of an image array's classes: by its name, or the only one that is as long."""
    fitting = [key for key, head in heads.items() if head.shape == (count,) and head.dtype.kind in "iuUS"]
    named = [name.replace(one, other, 1) for one, other in PAIRS if one in name]
    return next((key for key in named if key in fitting), fitting[0] if len(fitting) == 1 else None)


def items(shard: Shard, start: int = 0) -> Iterator[Item]:
    yield from _rows(shard, start, shard.images or 0)


def item(shard: Shard, index: int, key: str = "") -> Item:
    for result in _rows(shard, index, index + 1):
        return result
    raise LookupError(f"{shard.where!r} has no image {key!r} any more")


def _rows(shard: Shard, low: int, high: int) -> Iterator[Item]:
    path, name, first = shard.where, shard.part["array"], shard.part["start"]
    with _file(path) as file:
        labels, names = _labels(file, shard.part["label"])
        for index, pixels in enumerate(_pixels(file, path, name, first + low, first + high), low):
            row = first + index
            label = label_of(labels[row], names) if row < len(labels) else None
            yield Item(index, f"{Path(path).name}/{name}/{row}", label, pixels)


def _pixels(file: zipfile.ZipFile, path: str, name: str, low: int, high: int) -> Iterator[Any]:
    """The array's rows, one by one; where they break off, the error for each of the rest."""
    row = low
    try:
        with _array(file, path, f"{name}.npy") as stream:
            head = _head(stream)
            stream.seek(head.begin + low * head.row)
            for _ in range(low, high):
                data = stream.read(head.row)
                if len(data) < head.row:
                    raise ValueError("it ends before")
                yield np.frombuffer(data, head.dtype).reshape(head.shape[1:])
                row += 1
    except (*BROKEN, KeyError) as error:
        why = ValueError(f"the array {name!r} can't be read from row {row} on ({sentence(error)})")
        yield from [why] * (high - row)


@contextmanager
def _array(file: zipfile.ZipFile, path: str, member: str) -> Iterator[IO[bytes]]:
    """An array's file, at its beginning; one that is not compressed without what unpacks, so that any row is near."""
    info = file.getinfo(member)
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & ENCRYPTED:
        with file.open(info) as stream:
            yield stream
        return
    with open(path, "rb") as stream:
        stream.seek(info.header_offset)
        name, extra = struct.unpack("<26x2H", stream.read(30))  # their lengths, which the member's header ends with
        stream.seek(name + extra, os.SEEK_CUR)
        yield stream


def _labels(file: zipfile.ZipFile, name: str | None) -> tuple[Any, Any]:
    """The classes of all rows, and the names of those that are numbers, where the file has them."""
    if name is None:
        return (), ()
    try:
        labels = _read(file, name)
        label_key = next((key for key in NAMES if f"{key}.npy" in file.namelist()), None)
        names = _read(file, label_key) if label_key else np.array([])
    except BROKEN as error:
        raise ValueError(f"the classes {name!r} of {file.filename!r} can't be read ({sentence(error)})") from None
    return labels, names.tolist() if names.ndim == 1 and names.dtype.kind == "U" else ()


def _read(file: zipfile.ZipFile, name: str) -> np.ndarray:
    with file.open(f"{name}.npy") as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def _heads(path: str) -> dict[str, Head]:
    result = {}
    with _file(path) as file:
        for member in file.namelist():
            if member.endswith(".npy"):
                try:
                    with file.open(member) as stream:
                        result[member.removesuffix(".npy")] = _head(stream)
                except BROKEN as error:
                    raise ValueError(f"{member!r} in {path!r} can't be read ({sentence(error)})") from None
    return result


def _head(stream: IO[bytes]) -> Head:
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, columns_first, dtype = read(stream)
    return Head(shape, dtype, stream.tell(), columns_first)


@contextmanager
def _file(path: str) -> Iterator[zipfile.ZipFile]:
    if not os.path.exists(path):
        raise FileNotFoundError(f"there is no file {path!r}")
    try:
        file = zipfile.ZipFile(path)
    except BROKEN as error:
        raise ValueError(f"{path!r} is no .npz file, or it is cut off or broken ({sentence(error)})") from None
    with file:
        yield file
