"""Files of a source of several that can't be opened: each is listed with its reason, and the others are swept."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from .item import Item, Shard


def instead(paths: Sequence[str], result: Iterable[list[Shard] | Exception]) -> list[Shard]:
    """The shards found at each path; in the place of each error, one that tells it.

    Raises the first error where there is nothing else.
    """
    several = list(result)
    if several and all(isinstance(one, Exception) for one in several):
        raise next(one for one in several if isinstance(one, Exception))
    shards = []
    for path, one in zip(paths, several, strict=True):
        where = os.path.abspath(path)
        unreadable = [Shard("broken", where, {"files": [[Path(path).name, str(one)]]})]
        shards += unreadable if isinstance(one, Exception) else one
    return shards


def items(shard: Shard, start: int = 0) -> Iterator[Item]:
    for index in range(start, len(shard.part["files"])):
        yield item(shard, index)


def item(shard: Shard, index: int, key: str = "") -> Item:
    name, why = shard.part["files"][index]
    return Item(index, name, None, ValueError(why))
