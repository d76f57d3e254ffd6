"""An atlas on disk: a LanceDB database, a folder or an object storage's URL. Nothing is ever half there.

A sweep writes its images and features first and its units last. Who opens an atlas that was killed in between finds
the units as they were, takes away the rows of the other tables that are of later images, and goes on from there.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...data.batches import Row
from ...data.coverage import Coverage
from ...data.sources import Shard, number, shard_and_index
from ...network import Network
from ..sweep.running import BatchRun
from ..sweep.summary import Summary
from . import tables
from .conditions import covered, seen_once
from .database import Database
from .fields import Fields
from .work import Sweep, Work

if TYPE_CHECKING:
    import pyarrow as pa


class Store(Database):
    """The tables of the atlas at `path`. `create` makes one where there is none.

    Raises FileNotFoundError where there is none, ValueError for something else at that path.
    """

    def __init__(self, path: str | os.PathLike[str], create: bool = False) -> None:
        super().__init__(path, create)
        self.remembered: dict[Any, Any] = {}  # what was read of the whole, by what it hangs on
        self._brought: set[int] = set()  # shards some of whose images are there, when a sweep begins
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

    # ---- sources

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

    def add_shards(self, shards: Sequence[Shard]) -> None:
        if shards:
            first = self.table("shards").count_rows()
            self.table("shards").add(tables.of_shards(first, shards))

    def replace_shards(self, shards: Mapping[int, Shard]) -> None:
        """All shards, by their numbers, in place of those that are there; in one step."""
        self.overwrite("shards", tables.of_shards(0, [shards[number] for number in range(len(shards))]))

    # ---- sweeps

    def sweeps(self) -> list[Sweep]:
        return tables.to_sweeps(self.table("sweeps").to_arrow())

    def begin(self, network: Network, work: Work) -> Sweep:
        """A new sweep of a network, noted in the atlas."""
        used_names = {sweep.name for sweep in self.sweeps()}
        stem = re.sub(r"[^A-Za-z0-9_-]+", "_", network.name).strip("_") or "network"
        name = next(name for name in _numbered(stem) if name not in used_names)
        sweep = Sweep.of(name, network, work)
        self.table("sweeps").add(tables.of_sweep(sweep))
        return sweep

    def keep_fields(self, sweep: Sweep, network: Network) -> None:
        """Notes what the units of the sweep's layers see, where it is not noted yet, as in atlases of old."""
        name = tables.fields_table(sweep.name)
        if sweep.work.layers and not self.holds(name):
            self.append(name, tables.of_fields({layer: Fields.of(network, layer) for layer in sweep.work.layers}))

    def resume(self, sweep: Sweep) -> tuple[Coverage, dict[str, Summary]]:
        """How far a sweep is, and its summaries there; what was written after that is taken back."""
        self._forget_images(sweep)
        units = self.find(tables.units_table(sweep.name))
        if units is None:
            for name in self._grown(sweep):
                self.db.drop_table(name)
            return Coverage(), {}
        table = units.to_arrow()
        metadata = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
        coverage, rows = Coverage.from_json(metadata["done"]), json.loads(metadata["rows"])
        self._brought |= {shard_and_index(image)[0] for image in coverage.again}
        for name in self._grown(sweep):
            grown = self.table(name)
            if grown.count_rows() != rows.get(name, 0):
                grown.delete(f"NOT ({covered(coverage)})")
        return coverage, tables.to_summaries(table, sweep.work.k, sweep.work.each)

    def reopen(self, sweep: Sweep, gone: Collection[int] = ()) -> None:
        """The images that the sweep could not use count as not run, in one step; whoever resumes it runs them again.

        Those of the shards that are `gone` stay noted. Nothing else is changed: `resume` takes back the other notes.
        """
        units = self.find(tables.units_table(sweep.name))
        if units is None:
            return
        table = units.to_arrow()
        metadata = dict(table.schema.metadata)
        coverage, rows = Coverage.from_json(metadata[b"done"].decode()), json.loads(metadata[b"rows"])
        unreadable = self.find(tables.unreadable_table(sweep.name))
        if unreadable is None or not rows.pop(unreadable.name, 0):
            return
        covered_rows = (
            unreadable.search().where(covered(coverage)).select(["id"]).limit(unreadable.count_rows()).to_arrow()
        )
        ids = covered_rows.column("id").to_pylist()
        again = [id for id in ids if shard_and_index(id)[0] not in gone]
        if not again:
            return
        coverage.again.update(again)
        if len(again) < len(ids):
            rows[unreadable.name] = len(ids) - len(again)
        metadata |= {b"done": coverage.to_json().encode(), b"rows": json.dumps(rows).encode()}
        self.overwrite(tables.units_table(sweep.name), table.replace_schema_metadata(metadata))

    def commit(
        self, sweep: Sweep, summaries: Mapping[str, Summary], batches: Sequence[BatchRun], coverage: Coverage
    ) -> None:
        """Adds what these batches brought; `summaries` hold them already. All of it counts from the last step on."""
        rows = [row for batch in batches for row in batch.rows]
        self._add_images(rows)
        broken = [row for row in rows if row.error is not None]
        if broken:
            self.append(tables.unreadable_table(sweep.name), tables.of_unreadable(broken))
        usable = [row for row in rows if row.error is None]
        ids = [row.id for row in usable]
        if sweep.work.features and usable:
            self.append(tables.hashes_table(sweep.name), tables.of_hashes(usable))
        for layer in sweep.work.features:
            parts = [batch.features[layer] for batch in batches if len(batch.features.get(layer, ()))]
            if parts:
                vectors = tables.of_features(ids, np.concatenate(parts), sweep.work.half)
                self.append(tables.features_table(sweep.name, layer), vectors)
        counts = {name: self.table(name).count_rows() for name in self._grown(sweep)}
        self.overwrite(tables.units_table(sweep.name), tables.of_summaries(summaries, coverage.to_json(), counts))

    def tidy(self, sweep: Sweep) -> None:
        """Makes reading fast, once a sweep is done; the content stays."""
        for name in ("images", *self._features(sweep)):
            self.join(name)
        self.ease(self._features(sweep))

    def ease(self, features: Sequence[str]) -> None:
        """Lets images be found by number and key, and vectors in these tables by number, without a look at all."""
        self.index("images", "id", "key")
        for name in features:
            self.index(name, "id")

    def _features(self, sweep: Sweep) -> list[str]:
        """The tables of features that it has so far."""
        names = (tables.features_table(sweep.name, layer) for layer in sweep.work.features)
        return [name for name in names if self.holds(name)]

    def _grown(self, sweep: Sweep) -> list[str]:
        """The tables that grow with the images, as far as there are any."""
        others = (tables.unreadable_table(sweep.name), tables.hashes_table(sweep.name))
        return [*self._features(sweep), *filter(self.holds, others)]

    def _forget_images(self, sweep: Sweep) -> None:
        """Takes away images that no sweep has met, and notes which shards others have brought."""
        coverage_of = {each.name: self.coverage(each) for each in self.sweeps()}
        table, condition = self.table("images"), " OR ".join(seen_once(each) for each in coverage_of.values())
        if table.count_rows() != table.count_rows(condition):
            table.delete(f"NOT ({condition})")
        self._brought = {
            shard for name, each in coverage_of.items() if name != sweep.name for shard in (*each.finished, *each.begun)
        }

    def _add_images(self, rows: Sequence[Row]) -> None:
        """Adds the images that neither another sweep has brought already, nor this one, of those that it runs again.

        An image that could not be read then, and can be now, gets its size, and the label that was not known.
        """
        by_shard: dict[int, list[Row]] = {}
        for row in rows:
            by_shard.setdefault(row.shard, []).append(row)
        table, new, mended = self.table("images"), [], []
        for shard, shard_rows in by_shard.items():
            if shard not in self._brought:
                new += shard_rows
                continue
            stored = self._widths_and_labels([row.id for row in shard_rows])
            new += [row for row in shard_rows if row.id not in stored]
            dark = [row for row in shard_rows if row.id in stored and not stored[row.id][0]]
            mended += [row for row in dark if row.width or row.label not in (None, stored[row.id][1])]
        if new:
            table.add(tables.of_rows(new))
        if mended:
            table.merge_insert("id").when_matched_update_all().execute(tables.of_rows(mended))

    def _widths_and_labels(self, ids: Sequence[int]) -> dict[int, tuple[int, str | None]]:
        """The widths and labels of these images, as far as there are such, by their numbers."""
        first, last = min(ids), max(ids)
        whole = last - first < 2 * len(ids)  # else they lie far apart
        condition = f"id >= {first} AND id <= {last}" if whole else tables.among("id", ids)
        query = self.table("images").search().where(condition).select(["id", "width", "label"]).limit(2 * len(ids))
        return {row["id"]: (row["width"], row["label"]) for row in query.to_arrow().to_pylist()}

    # ---- reading

    def images(self, ids: Collection[int] | None = None) -> pa.Table:
        """The images of these numbers, or all, in the order of their numbers."""
        table = self.table("images")
        if ids is None:
            return table.to_arrow().sort_by("id")
        unique = sorted(set(ids))
        if not unique:
            return tables.images_schema().empty_table()
        return table.search().where(tables.among("id", unique)).limit(len(unique)).to_arrow().sort_by("id")

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
        if condition is None:
            rows = table.to_arrow()
        else:
            rows = table.search().where(condition).limit(table.count_rows()).to_arrow()
        if not rows.num_rows:
            raise ValueError(self.nothing(sweep))
        ids, vectors = tables.to_features(rows)
        order = ids.argsort(kind="stable")
        return ids[order], vectors[order]

    def features_rows(self, sweep: Sweep, layer: str) -> tuple[Any, str | None]:
        """The table of a layer's features, and the condition of the rows that count; None where all do.

        A build that was killed may leave rows of images that the sweep does not cover yet, until it is resumed.
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

    def keep_map(self, name: str, ids: np.ndarray, positions: np.ndarray, account: Mapping[str, Any]) -> None:
        """Keeps a map in place of the one of that name; whole or not at all."""
        self.overwrite(name, tables.of_map(ids, positions, json.dumps(dict(account))))

    def unreadable(self, sweep: Sweep, ids: Sequence[int] | None = None) -> dict[int, str]:
        """Why the sweep could not use an image, by the images' numbers; of all such images, or of these."""
        table = self.find(tables.unreadable_table(sweep.name))
        if table is None or (ids is not None and not len(ids)):
            return {}
        rows = table.to_arrow() if ids is None else (
            table.search().where(tables.among("id", ids)).limit(len(ids)).to_arrow()
        )  # fmt: skip
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


def _numbered(stem: str) -> Iterator[str]:
    yield stem
    following = 2
    while True:
        yield f"{stem}-{following}"
        following += 1
