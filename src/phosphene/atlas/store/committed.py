"""What an atlas holds: the rows of its tables that a sweep has committed.

A sweep writes its images and features first and its units last. A build that was killed in between leaves rows of a
batch that was not finished. They do not count, and nothing here returns them; the next build takes them away.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...data.coverage import Coverage
from ...data.sources import Shard, number
from . import tables
from .conditions import covered, seen_once
from .database import Database
from .fields import Fields
from .work import Sweep

if TYPE_CHECKING:
    import pyarrow as pa


class Committed(Database):
    """The tables of the atlas at `path`, as they are read. `create` makes empty ones where there is no atlas.

    Raises FileNotFoundError where there is none, ValueError for something else at that path.
    """

    def __init__(self, path: str | os.PathLike[str], create: bool = False) -> None:
        super().__init__(path, create)
        self.remembered: dict[Any, Any] = {}  # what was read of the whole, by what it hangs on
        if not self.holds("sweeps"):
            if not create:
                raise self.missing()
            for name in ("shards", "images", "sweeps"):  # the one by which an atlas is known comes last
                if not self.holds(name):
                    self.db.create_table(name, schema=getattr(tables, f"{name}_schema")())
        version = (self.table("sweeps").schema.metadata or {}).get(b"format", b"0").decode()
        if version != str(tables.FORMAT):
            raise ValueError(
                f"the atlas {self.path!r} has tables of format {version}, and this Phosphene reads {tables.FORMAT}: "
                "open it with the version that built it, or build it again"
            )

    def shards(self, numbers: Sequence[int] | None = None) -> dict[int, Shard]:
        """The shards of these numbers, or all. A shard lists its files, so that all of them can be many megabytes."""
        table = self.table("shards")
        if numbers is None:
            return tables.to_shards(table.to_arrow())
        unique = sorted(set(numbers))
        if not unique:
            return {}
        return tables.to_shards(table.search().where(tables.among("shard", unique)).limit(len(unique)).to_arrow())

    def folders(self) -> dict[int, str]:
        """The shards that are files of a folder, and that folder."""
        query = self.table("shards").search().where("kind = 'folder'").select(["shard", "where"])
        rows = query.limit(1 << 31).to_arrow().to_pylist()
        return {row["shard"]: row["where"] for row in rows}

    def sweeps(self) -> list[Sweep]:
        return tables.to_sweeps(self.table("sweeps").to_arrow())

    def images(self, ids: Collection[int] | None = None) -> pa.Table:
        """The images of these numbers, or all, in the order of their numbers."""
        if ids is None:
            condition = self.seen()  # first: what is written meanwhile does not count
            return _rows(self.table("images"), condition).sort_by("id")
        table = self.table("images")
        unique = sorted(set(ids))
        if not unique:
            return tables.images_schema().empty_table()
        return table.search().where(tables.among("id", unique)).limit(len(unique)).to_arrow().sort_by("id")

    def seen(self) -> str:
        """The condition of the images that at least one sweep has taken in."""
        return " OR ".join(f"({seen_once(self.coverage(sweep))})" for sweep in self.sweeps()) or "false"

    def readable(self, shard: int) -> list[dict[str, Any]]:
        """The images of a shard that could be read, in their order."""
        table, condition = (
            self.table("images"),
            f"id >= {number(shard, 0)} AND id < {number(shard + 1, 0)} AND width > 0",
        )
        return table.search().where(condition).limit(max(1, table.count_rows())).to_arrow().sort_by("id").to_pylist()

    def units(self, sweep: Sweep, layer: str) -> pa.Table | None:
        """The rows of a layer's units, by channel; None before the first writing."""
        table = self.find(tables.units_table(sweep.name))
        if table is None:
            return None
        name = layer.replace("'", "''")
        return table.search().where(f"layer = '{name}'").limit(table.count_rows()).to_arrow().sort_by("channel")

    def fields(self, sweep: Sweep, layer: str) -> Fields | None:
        """What a layer's units see; None where it is not noted."""
        table = self.find(tables.fields_table(sweep.name))
        if table is None:
            return None
        fields_of = {row["layer"]: row["fields"] for row in table.to_arrow().to_pylist()}
        return Fields.from_json(fields_of[layer]) if layer in fields_of else None

    def features(self, sweep: Sweep, layer: str) -> tuple[np.ndarray, np.ndarray]:
        """The images' numbers (N,) and their features (N, D), in the order of the numbers. ValueError without any."""
        table, condition = self.features_rows(sweep, layer)
        rows = table.to_arrow() if condition is None else _rows(table, condition)
        if not rows.num_rows:
            raise ValueError(self.nothing(sweep))
        ids, vectors = tables.to_features(rows)
        order = ids.argsort(kind="stable")
        return ids[order], vectors[order]

    def features_rows(self, sweep: Sweep, layer: str) -> tuple[Any, str | None]:
        """The table of a layer's features, and the condition of the rows that count; None where all do.

        ValueError without any rows.
        """
        units = self.find(tables.units_table(sweep.name))  # first: what is written meanwhile does not count
        table = self.find(tables.features_table(sweep.name, layer))
        if units is None or table is None:
            raise ValueError(self.nothing(sweep))
        metadata = units.schema.metadata
        if table.count_rows() == json.loads(metadata[b"rows"]).get(table.name, 0):
            return table, None
        return table, covered(Coverage.from_json(metadata[b"done"].decode()))

    def map(self, name: str) -> tuple[np.ndarray, np.ndarray, dict[str, Any]] | None:
        """A kept map: the images' numbers (N,), their positions (N, 2) and what is told of it; None without one."""
        table = self.find(name)
        if table is None:
            return None
        rows = table.to_arrow()
        account = json.loads(rows.schema.metadata[b"map"])
        return rows.column("id").to_numpy(), np.stack([rows.column(c).to_numpy() for c in "xy"], 1), account

    def unreadable(self, sweep: Sweep, ids: Sequence[int] | None = None) -> dict[int, str]:
        """Why the sweep could not use an image, by the images' numbers; of all such images, or of these."""
        condition = covered(self.coverage(sweep))  # first: what is written meanwhile does not count
        table = self.find(tables.unreadable_table(sweep.name))
        if table is None or (ids is not None and not len(ids)):
            return {}
        rows = _rows(table, condition if ids is None else f"({tables.among('id', ids)}) AND ({condition})")
        return {row["id"]: row["error"] for row in rows.sort_by("id").to_pylist()}

    def nothing(self, sweep: Sweep) -> str:
        """Why nothing of a sweep's images is there, and what to do."""
        if self.unreadable(sweep):
            return (
                f"none of the images of the atlas {self.path!r} could be used so far; 'phosphene atlas info' says why, "
                "and building with --retry tries them again"
            )
        return f"no image has run through {sweep.network} yet; go on building the atlas {self.path!r}"

    def coverage(self, sweep: Sweep) -> Coverage:
        """How far a sweep is."""
        units = self.find(tables.units_table(sweep.name))
        return Coverage() if units is None else Coverage.from_json(units.schema.metadata[b"done"].decode())


def _rows(table: Any, condition: str) -> pa.Table:
    return table.search().where(condition).limit(max(1, table.count_rows())).to_arrow()
