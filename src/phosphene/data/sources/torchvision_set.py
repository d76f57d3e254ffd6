"""Data sets of `torchvision`, by their names there: torchvision:CIFAR10@/data?train=false. None is downloaded."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from ...network import near
from .item import Item, Shard
from .listing import sentence, stretches
from .tables import mapped

WORDS = {"true": True, "false": False}
PICKLED = ("LSUN", "LSUNClass")  # they unpickle a list that lies in the working folder


def shards(name: str, root: str, **options: str) -> list[Shard]:
    """The items of the data set below `root`. LookupError or ValueError where it can't be opened so."""
    where = f"{name}@{os.path.abspath(root)}" if root else name
    dataset = _opened(where, tuple(sorted(options.items())))
    if not len(dataset):
        raise ValueError(f"torchvision's {name} in {root!r} has no items")
    return stretches("torchvision", where, len(dataset), options=options)


def items(shard: Shard, start: int = 0) -> Iterator[Item]:
    for index in range(start, shard.images or 0):
        yield item(shard, index)


def item(shard: Shard, index: int, key: str = "") -> Item:
    dataset = _opened(shard.where, tuple(sorted(shard.part["options"].items())))
    return mapped.item_of(dataset, shard, index, shard.where.partition("@")[0])


@lru_cache(maxsize=2)
def _opened(where: str, options: tuple[tuple[str, str], ...]) -> Any:
    from torchvision import datasets

    name, _, root = where.partition("@")
    kind = getattr(datasets, name, None)
    if not (isinstance(kind, type) and issubclass(kind, datasets.VisionDataset)):
        raise LookupError(f"torchvision has no data set {name!r}{near(name, datasets.__all__)}")
    if name in PICKLED:
        raise ValueError(
            f"torchvision's {name} unpickles a list of its keys, and Phosphene unpickles nothing; open it in Python, "
            "and give the data set itself as the source"
        )
    parameters = inspect.signature(kind).parameters
    option_names = [
        key for key, one in parameters.items() if isinstance(one.default, (bool, int, str)) and key != "download"
    ]
    for key, _ in options:
        if key not in option_names:
            raise LookupError(f"torchvision's {name} has no option {key!r}; it has {', '.join(option_names) or 'none'}")
    converted = {key: WORDS.get(value, int(value) if value.isdecimal() else value) for key, value in options}
    try:
        return kind(root, **converted) if "root" in parameters else kind(**converted)
    except Exception as error:  # each data set raises what it likes
        raise ValueError(
            f"torchvision's {name} can't be opened in {root!r} ({sentence(error)}); Phosphene downloads no data set"
        ) from None
