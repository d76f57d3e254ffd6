"""Zip archives of images, with or without folders for their classes. Nothing of them is unpacked to the disk."""

from __future__ import annotations

import lzma
import os
import zipfile
import zlib
from collections.abc import Iterator
from functools import lru_cache

from ...picture.photos.reading import MAX_BYTES
from ...picture.photos.signature import format_of
from .item import Item, Shard
from .listing import classes, cut, is_image_name, sentence

BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    RuntimeError,
    NotImplementedError,
    OSError,
    ValueError,
)
ENCRYPTED = 1  # the bit of a member's flags


def shards(path: str, above: str = "") -> list[Shard]:
    """The images in the archive, in its order; `above` comes before their names in the keys."""
    archive = _archive(path)
    infos = {info.filename: info for info in archive.infolist() if is_image_name(info.filename)}
    if not infos:
        raise ValueError(f"{path!r} holds no image among its {len(archive.infolist())} members")
    if all(info.flag_bits & ENCRYPTED for info in infos.values()):
        raise ValueError(f"{path!r} is encrypted; unpack it with its password and give the folder")
    return cut("zip", path, [list(pair) for pair in zip(infos, classes(infos), strict=True)], above=above)


def items(shard: Shard, start: int = 0) -> Iterator[Item]:
    archive = _archive(shard.where)
    for index in range(start, len(shard.part["files"])):
        yield _item(archive, shard, index)


def item(shard: Shard, index: int, key: str = "") -> Item:
    return _item(_archive(shard.where), shard, index)


def _item(archive: zipfile.ZipFile, shard: Shard, index: int) -> Item:
    name, label = shard.part["files"][index]
    key = shard.part.get("above", "") + name
    try:
        return Item(index, key, label, _bytes(archive, name))
    except KeyError:
        return Item(index, key, label, LookupError(f"{shard.where!r} has no member {name!r} any more"))
    except BROKEN as error:
        return Item(index, key, label, ValueError(f"{name!r} can't be read from the archive ({sentence(error)})"))


def _bytes(archive: zipfile.ZipFile, name: str) -> bytes:
    """A member's bytes, or of one that does not begin as an image, its first ones."""
    info = archive.getinfo(name)
    if info.flag_bits & ENCRYPTED:
        raise ValueError("it is encrypted")
    if info.file_size > MAX_BYTES:
        raise ValueError(f"it is {info.file_size:,} bytes long, too large for a photo")
    with archive.open(info) as file:
        head = file.read(64)
        return head + file.read() if format_of(head) else head


def _archive(path: str) -> zipfile.ZipFile:
    """The archive, opened. FileNotFoundError, or ValueError for what is none."""
    try:
        status = os.stat(path)
        return _opened(path, status.st_size, status.st_mtime_ns, os.getpid())
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no archive {path!r}") from None
    except BROKEN as error:
        raise ValueError(f"{path!r} is no zip archive, or it is cut off or broken ({sentence(error)})") from None


@lru_cache(maxsize=4)  # a large archive's directory takes a second to read
def _opened(path: str, size: int, changed: int, process: int) -> zipfile.ZipFile:
    return zipfile.ZipFile(path)
