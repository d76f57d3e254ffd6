"""Tables of LanceDB with a column of images."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from ....network import near
from ..item import Item, Shard
from ..listing import sentence, stretches
from .columns import columns, items_of

ROWS = 16  # that are read together


def shards(path: str, table: str | None = None, image: str | None = None, label: str | None = None) -> list[Shard]:
    """The rows of a table in the database at `path`, which may hold just one if none is named."""
    where = path if "://" in path else os.path.abspath(path)
    table = table or _only(where)
    opened = _opened(where, table)
    text = f"the table {table!r} in {path!r}"
    table_columns = columns(opened.schema, text, image, label)
    count = opened.count_rows()
    if not count:
        raise ValueError(f"{text} has no rows")
    return stretches("lance", where, count, table=table, image=table_columns.image, label=table_columns.label)


def items(shard: Shard, start: int = 0) -> Iterator[Item]:
    rows, opened = shard.images or 0, _opened(shard.where, shard.part["table"])
    for index in range(start, rows, ROWS):
        yield from _rows(opened, shard, index, min(index + ROWS, rows))


def item(shard: Shard, index: int, key: str = "") -> Item:
    return next(_rows(_opened(shard.where, shard.part["table"]), shard, index, index + 1))


def _rows(opened: Any, shard: Shard, low: int, high: int) -> Iterator[Item]:
    table = shard.part["table"]
    table_columns = columns(opened.schema, f"the table {table!r}", shard.part["image"], shard.part["label"])
    first = shard.part["start"] + low
    offsets = list(range(first, first + high - low))
    try:
        rows = opened.take_offsets(offsets).select(table_columns.both).to_arrow()
    except (OSError, ValueError, RuntimeError) as error:
        raise LookupError(
            f"the rows from {first} on of the table {table!r} can't be read ({sentence(error)})"
        ) from None
    if rows.num_rows < len(offsets):
        raise LookupError(f"the table {table!r} in {shard.where!r} has no row {offsets[-1]} any more")
    return items_of(rows, low, first, table, table_columns, os.path.dirname(shard.where))


def _database(where: str) -> Any:
    import lancedb

    if "://" not in where and not os.path.isdir(where):
        raise FileNotFoundError(f"there is no database {where!r}; it is a folder that holds .lance folders")
    return lancedb.connect(where)


def _names(database: Any) -> list[str]:
    return list(database.list_tables(limit=1000).tables)


def _only(where: str) -> str:
    names = _names(_database(where))
    if len(names) == 1:
        return names[0]
    listing = f"it holds {', '.join(names)}; add # and one of them" if names else "it holds none"
    raise LookupError(f"the database {where!r} has to be asked for one table: {listing}")


def _opened(where: str, table: str) -> Any:
    """The table as it is now."""
    database = _database(where)
    names = _names(database)
    if table not in names:
        had = f"it has {', '.join(names)}" if names else "it has none"
        raise LookupError(f"the database {where!r} has no table {table!r}{near(table, names)}; {had}")
    try:
        return database.open_table(table)
    except (OSError, ValueError, RuntimeError) as error:
        raise ValueError(f"the table {table!r} in {where!r} can't be opened ({sentence(error)})") from None
