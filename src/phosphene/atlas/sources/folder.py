"""Folders of pictures, with or without folders for their classes, and lists of files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ...picture import labelled
from .item import FILES, Item, Shard


def shards(folder: str | os.PathLike[str]) -> list[Shard]:
    """The pictures in a folder and below it, in the order of their paths."""
    root = Path(folder).resolve()
    return _cut(str(root), [[path.relative_to(root).as_posix(), label] for path, label in labelled(root)])


def news(listed: list[Shard], known: list[Shard]) -> list[Shard]:
    """Shards of the files that none of the known ones has."""
    there = {(shard.where, name) for shard in known if shard.kind == "folder" for name, _ in shard.part["files"]}
    rest: dict[str, list[list[str | None]]] = {}
    for shard in listed:
        rest.setdefault(shard.where, []).extend(
            pair for pair in shard.part["files"] if (shard.where, pair[0]) not in there
        )
    return [shard for where, pairs in rest.items() for shard in _cut(where, pairs)]


def _cut(where: str, pairs: list[list[str | None]]) -> list[Shard]:
    return [Shard("folder", where, {"files": pairs[start : start + FILES]}) for start in range(0, len(pairs), FILES)]


def items(shard: Shard, start: int = 0) -> Iterator[Item]:
    for index, (name, label) in enumerate(shard.part["files"][start:], start):
        yield Item(index, name, label, Path(shard.where) / name)


def item(shard: Shard, index: int, key: str) -> Item:
    name, label = shard.part["files"][index]
    return Item(index, name, label, Path(shard.where) / name)
