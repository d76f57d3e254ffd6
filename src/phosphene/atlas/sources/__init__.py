"""Sources of images: folders, archives, tables, data sets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from . import folder
from .item import FILES, SHARD, Item, Reader, Shard, number, place

READERS: dict[str, Reader] = {"folder": folder}

__all__ = ["FILES", "READERS", "SHARD", "Item", "Reader", "Shard", "news", "number", "place", "reader", "shards_of"]


def shards_of(source: Any) -> list[Shard]:
    """The shards of a source as it was given. ValueError, LookupError or TypeError, with a sentence, for others."""
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        if path.is_dir():
            return folder.shards(path)
        raise FileNotFoundError(f"there is no {os.fspath(source)!r}; a source is a folder of pictures")
    raise TypeError(f"a source of images is a folder's path, not {type(source).__name__}")


def news(listed: list[Shard], known: list[Shard]) -> list[Shard]:
    """What is listed and not known."""
    files = [shard for shard in listed if shard.kind == "folder"]
    others = [shard for shard in listed if shard.kind != "folder" and shard not in known]
    return folder.news(files, known) + others


def reader(shard: Shard) -> Reader:
    """Who reads this shard."""
    return READERS[shard.kind]
