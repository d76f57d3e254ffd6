"""Pictures given in Python: a list of photos, arrays, tensors or PIL images, or of pairs with their classes; an array.

They live in the process that gave them: an atlas knows them by their bytes, and shows them as long as they are there,
or are given again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from ..item import FILES, Item, Shard
from ..listing import cut
from .columns import label_of
from .mapped import digest, parted

KIND = "memory"
_HELD: dict[str, Any] = {}  # the images that were given to this process, by their keys


def shards(images: Any) -> list[Shard]:
    """The images of a list or an array (N, H, W), (N, H, W, C), or a tensor (N, C, H, W)."""
    files = []
    for index, value in enumerate(images):
        image, label = parted(value) if isinstance(value, (tuple, list)) else (value, None)
        if isinstance(image, (str, os.PathLike)):
            raise TypeError(
                f"item {index} of the source is a path, {os.fspath(image)!r}; give paths only, or images only"
            )
        try:
            key = f"{index}-{digest(image).hex()[:16]}"
        except (TypeError, ValueError):
            raise TypeError(f"item {index} of the source is no image but {type(image).__name__}") from None
        _HELD[key] = image
        files.append([key, label_of(label, ())])
    if not files:
        raise ValueError("the source is empty; it has no images")
    return cut(KIND, "memory", files, FILES)


def items(shard: Shard, start: int = 0) -> Iterator[Item]:
    for index in range(start, len(shard.part["files"])):
        yield item(shard, index)


def item(shard: Shard, index: int, key: str = "") -> Item:
    name, label = shard.part["files"][index]
    if name not in _HELD:
        raise LookupError(
            f"the image {name!r} was given in Python and is not in this process; give the images again, as the "
            "source, or build from files"
        )
    return Item(index, name, label, _HELD[name])
