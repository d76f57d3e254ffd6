"""Data sets in Python whose items are got by their number: (image, class), an image, or a dict with both.

`torchvision`'s and PyTorch's map-style data sets are such, and those of `datasets`. They live in the process that gave
them: an atlas knows their photos only as long as they are there, or are given again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..item import Item, Shard
from ..listing import sentence, stretches
from .columns import IMAGES, LABELS, data_of, label_of

_HELD: dict[str, Any] = {}  # the data sets that were given to this process


def shards(dataset: Any) -> list[Shard]:
    """The items of a data set that is given in Python."""
    if not len(dataset):
        raise ValueError(f"the data set of type {type(dataset).__name__} has no items")
    where = next((where for where, other in _HELD.items() if other is dataset), None) or _named(dataset)
    _HELD[where] = dataset
    return stretches("mapped", where, len(dataset))


def items(shard: Shard, start: int = 0) -> Iterator[Item]:
    dataset = _dataset_of(shard)
    for index in range(start, shard.images or 0):
        yield item_of(dataset, shard, index, shard.where.partition("-")[0])


def item(shard: Shard, index: int, key: str = "") -> Item:
    return item_of(_dataset_of(shard), shard, index, shard.where.partition("-")[0])


def _dataset_of(shard: Shard) -> Any:
    if shard.where not in _HELD:
        raise LookupError(
            f"the data set {shard.where!r} was given in Python and is not in this process; give it again, as the "
            "source, or build from files"
        )
    return _HELD[shard.where]


def item_of(dataset: Any, shard: Shard, index: int, name: str) -> Item:
    """The shard's item `index` of a data set that is called `name` in keys."""
    row = shard.part["start"] + index
    key = f"{name}/{row}"
    try:
        image, label = parted(dataset[row])
    except Exception as error:  # whatever another's code raises
        return Item(index, key, None, ValueError(f"{key} can't be read ({sentence(error)})"))
    return Item(index, key, label_of(label, names_of(dataset)), data_of(image, key))


def parted(value: Any) -> tuple[Any, Any]:
    """The image and the class, or None, of an item."""
    if isinstance(value, (tuple, list)):
        return value[0], value[1] if len(value) > 1 else None
    if isinstance(value, dict) and "bytes" not in value:
        image = next((value[name] for name in IMAGES if name in value), None)
        return image, next((value[name] for name in LABELS if name in value), None)
    return value, None


def names_of(dataset: Any) -> Sequence[str]:
    """The names of the classes, as torchvision's and `datasets`' data sets tell them."""
    classes = getattr(dataset, "classes", None)
    if isinstance(classes, (list, tuple)):
        return classes
    features = getattr(dataset, "features", None)
    if isinstance(features, dict):
        return next((features[name].names for name in LABELS if hasattr(features.get(name), "names")), ())
    whole = getattr(dataset, "dataset", None)  # of which it is a subset
    return () if whole is None else names_of(whole)


def _named(dataset: Any) -> str:
    """A name by which the same data set is known again: its type, length, what it says of itself, and three items."""
    kind = type(dataset)
    description = repr(dataset) if kind.__repr__ is not object.__repr__ else ""
    hasher = hashlib.sha256(f"{kind.__module__}.{kind.__qualname__} {len(dataset)} {description}".encode())
    for index in sorted({0, len(dataset) // 2, len(dataset) - 1}):
        try:
            image, label = parted(dataset[index])
            hasher.update(f"{index} {label}".encode() + digest(image))
        except Exception as error:  # an item that is broken, which the build lists
            hasher.update(f"{index} {type(error).__name__}".encode())
    return f"{kind.__name__}-{hasher.hexdigest()[:16]}"


def digest(image: Any) -> bytes:
    """What an image's bytes come to. TypeError for what is none."""
    if isinstance(image, dict):
        image = image.get("bytes") or image.get("path")
    if isinstance(image, (bytes, str)):
        data, description = (image if isinstance(image, bytes) else image.encode()), "file"
    else:
        image = image.detach().cpu() if hasattr(image, "detach") else getattr(image, "pixels", image)
        array = np.asarray(image)
        if array.ndim < 2 or array.dtype == object:
            raise TypeError(f"{type(image).__name__} is no image")
        data, description = np.ascontiguousarray(array).tobytes(), f"{array.shape} {array.dtype}"
    return hashlib.sha256(description.encode() + data).digest()
