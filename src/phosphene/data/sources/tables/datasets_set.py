"""Data sets that the `datasets` library opens: by their name, or as `save_to_disk` left them in a folder.

Its older versions run a data set's own script, and unpickle what `pandas` wrote. An atlas names data sets, and may come
from anywhere, so neither is done here; a data set that is opened in Python can be given as it is.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from ....network import near
from ..item import Item, Shard
from ..listing import sentence, stretches
from .columns import columns, items_of

OPTIONS = ("split", "config", "data_files", "data_dir", "revision", "cache_dir")
PATHS = ("data_files", "data_dir", "cache_dir")
ROWS = 16  # that are read together
PICKLED = ("pandas",)  # builders that unpickle


def is_saved(folder: str) -> bool:
    """Whether `save_to_disk` wrote this folder."""
    several = [{"dataset_dict.json"}, {"dataset_info.json", "state.json"}]  # of all splits, or of one
    return any(all(os.path.isfile(os.path.join(folder, name)) for name in names) for names in several)


def shards(name: str, image: str | None = None, label: str | None = None, **options: str) -> list[Shard]:
    """The rows of a split. ImportError without `datasets`; LookupError or ValueError where it can't be opened so."""
    where = os.path.abspath(name) if os.path.isdir(name) else name
    for key in PATHS:
        if key in options and "://" not in options[key]:
            options[key] = os.path.abspath(options[key])
    opened = _opened(where, tuple(sorted(options.items())))
    table_columns = columns(opened.features.arrow_schema, f"the data set {name!r}", image, label)
    if not len(opened):
        raise ValueError(f"the data set {name!r} has no rows")
    part: dict[str, Any] = {"image": table_columns.image, "label": table_columns.label, "options": options}
    return stretches("datasets", where, len(opened), name=_called(where, options), **part)


def items(shard: Shard, start: int = 0) -> Iterator[Item]:
    rows = shard.images or 0
    for index in range(start, rows, ROWS):
        yield from _rows(shard, index, min(index + ROWS, rows))


def item(shard: Shard, index: int, key: str = "") -> Item:
    return next(_rows(shard, index, index + 1))


def _rows(shard: Shard, low: int, high: int) -> Iterator[Item]:
    opened = _opened(shard.where, tuple(sorted(shard.part["options"].items())))
    text = f"the data set {shard.where!r}"
    table_columns = columns(opened.features.arrow_schema, text, shard.part["image"], shard.part["label"])
    first = shard.part["start"] + low
    if first + high - low > len(opened):
        raise LookupError(f"{text} has no row {first + high - low - 1} any more, but {len(opened)}")
    try:
        rows = opened.select_columns(table_columns.both).with_format("arrow")[first : first + high - low]
    except (OSError, ValueError) as error:
        raise ValueError(f"the rows from {first} on of {text} can't be read ({sentence(error)})") from None
    return items_of(rows, low, first, shard.part["name"], table_columns, shard.where)


def _called(where: str, options: dict[str, str]) -> str:
    return "/".join([Path(where).name, *(options[key] for key in ("config", "split") if key in options)])


@lru_cache(maxsize=2)
def _opened(where: str, options: tuple[tuple[str, str], ...]) -> Any:
    """The split, with its images as bytes."""
    try:
        import datasets
    except ImportError as error:
        raise ImportError(
            f"the data set {where!r} needs the datasets library: pip install datasets ({error})"
        ) from None
    load_options: dict[str, Any] = dict(options)
    if wrong := [key for key in load_options if key not in OPTIONS]:
        raise ValueError(f"the data set {where!r} is named with an option {wrong[0]!r}; it has {', '.join(OPTIONS)}")
    if where in PICKLED:
        raise ValueError(
            f"a data set that {where} reads is pickled, and Phosphene unpickles nothing; open it in Python, and give "
            "the data set itself as the source"
        )
    if "trust_remote_code" in inspect.signature(datasets.load_dataset).parameters:  # versions that run scripts
        load_options["trust_remote_code"] = False
    split = load_options.pop("split", None)
    try:
        if os.path.isdir(where) and is_saved(where):
            opened = datasets.load_from_disk(where)
        else:
            opened = datasets.load_dataset(where, load_options.pop("config", None), split=split, **load_options)
    except Exception as error:  # each builder raises what it likes
        raise ValueError(f"the data set {where!r} can't be opened ({sentence(error)})") from None
    if isinstance(opened, dict):
        opened = _split(opened, where, split)
    elif split and is_saved(where):
        raise ValueError(f"the data set {where!r} was saved as one split; leave out split={split}")
    return with_bytes(opened)


def with_bytes(dataset: Any) -> Any:
    """A data set of `datasets` with its images as bytes, which are decoded elsewhere; another one as it is."""
    features = getattr(dataset, "features", None)
    if not isinstance(features, dict) or not hasattr(dataset, "cast_column"):
        return dataset
    import datasets

    for name, feature in features.items():
        if isinstance(feature, datasets.Image):
            dataset = dataset.cast_column(name, datasets.Image(decode=False))
    return dataset


def _split(opened: dict[str, Any], where: str, split: str | None) -> Any:
    if split in opened:
        return opened[split]
    if split is None and len(opened) == 1:
        return next(iter(opened.values()))
    had = ", ".join(opened)
    if split is None:
        raise ValueError(f"the data set {where!r} has the splits {had}; add ?split= and one of them")
    raise LookupError(f"the data set {where!r} has no split {split!r}{near(split, opened)}; it has {had}")
