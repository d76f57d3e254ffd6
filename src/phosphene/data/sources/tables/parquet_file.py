"""Parquet files with a column of images, as `datasets` and others write them.

A shard is some whole groups of rows, since a group can't be read from its middle; its pages are read one by one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from ..item import FILES, Item, Shard
from ..listing import sentence
from .columns import columns, items_of

ROWS = 16  # that are read together
BUFFER = 1 << 20


def shards(path: str, name: str, image: str | None = None, label: str | None = None) -> list[Shard]:
    """The rows of the file, in their order. ValueError where there are none, or no images among them."""
    with _opened(path) as file:
        table_columns = columns(file.schema_arrow, repr(path), image, label)
        groups = [file.metadata.row_group(at).num_rows for at in range(file.metadata.num_row_groups)]
    part = {"image": table_columns.image, "label": table_columns.label, "name": name}
    cuts, stop = [0], 0
    for rows in groups:
        stop += rows
        if stop - cuts[-1] >= FILES:
            cuts.append(stop)
    cuts += [stop] if stop > cuts[-1] else []
    if not stop:
        raise ValueError(f"{path!r} has no rows")
    return [Shard("parquet", path, {"start": low, "stop": high, **part}) for low, high in pairwise(cuts)]


def items(shard: Shard, start: int = 0) -> Iterator[Item]:
    yield from _read(shard, start, shard.images or 0)


def item(shard: Shard, index: int, key: str = "") -> Item:
    for result in _read(shard, index, index + 1):
        return result
    raise LookupError(f"{shard.where!r} has no row {shard.part['start'] + index} any more")


def _read(shard: Shard, index: int, stop: int) -> Iterator[Item]:
    """The items from `index` to `stop`; where the file is broken, each of the rest is the error."""
    first = shard.part["start"]
    try:
        with _opened(shard.where) as file:
            for result in _rows(file, shard, first + index, first + stop):
                yield result
                index = result.index + 1
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:  # Arrow's errors are ValueErrors
        why = ValueError(f"{shard.where!r} can't be read from row {first + index} on ({sentence(error)})")
        for at in range(index, stop):
            yield Item(at, f"{shard.part['name']}/{first + at}", None, why)


def _rows(file: Any, shard: Shard, first: int, stop: int) -> Iterator[Item]:
    """The rows from `first` to `stop`; those before them in their group are passed over."""
    table_columns = columns(file.schema_arrow, repr(shard.where), shard.part["image"], shard.part["label"])
    groups: list[int] = []
    row = begin = 0
    for at in range(file.metadata.num_row_groups):
        rows = file.metadata.row_group(at).num_rows
        if row + rows > first and row < stop:
            begin = begin if groups else row
            groups.append(at)
        row += rows
    for batch in file.iter_batches(ROWS, row_groups=groups, columns=table_columns.both) if groups else ():
        low, high = max(first - begin, 0), min(stop - begin, batch.num_rows)
        if low < high:
            at = begin + low
            rows_taken, index = batch.slice(low, high - low), at - shard.part["start"]
            home = os.path.dirname(shard.where)
            yield from items_of(rows_taken, index, at, shard.part["name"], table_columns, home)
        begin += batch.num_rows


def _opened(path: str) -> Any:
    import pyarrow.parquet as parquet

    if not os.path.exists(path):
        raise FileNotFoundError(f"there is no file {path!r}")
    try:
        return parquet.ParquetFile(path, pre_buffer=False, buffer_size=BUFFER)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path!r} is no Parquet file, or it is cut off or broken ({sentence(error)})") from None
