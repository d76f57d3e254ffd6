"""Where images come from: sources are lists of shards, shards lists of items, and nothing is read before it is needed.

A shard is what one worker reads in order: some hundred files of a folder, a tar archive, a stretch of a table. It is
plain data, so that it can be stored and sent; the kind of it says which file here reads it. An item's number is its
shard's number and its place in the shard, so that it does not hang on what else there is.
"""

from __future__ import annotations

import copy
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from ...picture import Photo, read

SHARD = 1 << 24  # images that a shard can have at most
FILES = 1024  # files in a shard of a folder, rows in one of a table


@dataclass(frozen=True)
class Shard:
    """A stretch of a source: `where` it lies and what `part` of it, as JSON holds it."""

    kind: str
    where: str
    part: dict[str, Any] = field(default_factory=dict)

    @property
    def images(self) -> int | None:
        """How many images it has, broken ones included; None where that takes reading it."""
        if "files" in self.part:
            return len(self.part["files"])
        if "stop" in self.part:
            return int(self.part["stop"]) - int(self.part.get("start", 0))
        return None


@dataclass(frozen=True)
class Item:
    """An image not yet decoded: its name in the source, its class if that is known, and its file's bytes or path."""

    index: int  # in its shard
    key: str
    label: str | None
    data: Any  # what `read` takes: a path, bytes, a PIL image, an array; or the error why there is none

    def photo(self) -> Photo:
        """The image, decoded. ValueError or OSError, with a sentence, where that fails."""
        if isinstance(self.data, Exception):
            raise copy.copy(self.data)  # one error may stand for many images, and each raising adds to it
        try:
            return read(_File(self.data, self.key) if isinstance(self.data, bytes) else self.data)
        except TypeError as error:  # an array of numbers whose white is not known
            raise ValueError(str(error)) from None


class _File(io.BytesIO):
    """Bytes with the name that errors and captions tell."""

    def __init__(self, data: bytes, key: str) -> None:
        super().__init__(data)
        self.name = os.path.basename(key)


class Reader(Protocol):
    """What a kind of shards can do."""

    def items(self, shard: Shard, start: int = 0) -> Iterator[Item]:
        """The shard's items from `start` on, in their order."""

    def item(self, shard: Shard, index: int, key: str) -> Item:
        """One item of the shard. LookupError or OSError where it is not there any more."""


def number(shard: int, index: int) -> int:
    """An image's number."""
    return shard * SHARD + index


def shard_and_index(number: int) -> tuple[int, int]:
    """An image's shard and its place there."""
    return divmod(number, SHARD)


READERS: dict[str, Reader] = {}  # kind of a shard -> who reads it; the package fills it
