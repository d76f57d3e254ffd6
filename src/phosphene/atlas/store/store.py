"""An atlas on disk: a LanceDB database, a folder or an object storage's URL. Nothing is ever half there.

A sweep writes its images and features first and its units last. Who opens an atlas that was killed in between finds
the units as they were, takes away the rows of the other tables that are of later images, and goes on from there.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ...data.batches import Row
from ...data.coverage import Coverage
from ...data.sources import Shard, shard_and_index
from ...network import Network
from ..sweep.running import BatchRun
from ..sweep.summary import Summary
from . import tables
from .committed import Committed
from .conditions import covered
from .fields import Fields
from .work import Sweep, Work


class Store(Committed):
    """The tables of the atlas at `path`, for reading and writing."""

    def __init__(self, path: str | os.PathLike[str], create: bool = False) -> None:
        super().__init__(path, create)
        self._brought: set[int] = set()  # shards some of whose images are there, when a sweep begins

    # ---- sources

    def add_shards(self, shards: Sequence[Shard]) -> None:
        if shards:
            first = self.table("shards").count_rows()
            self.table("shards").add(tables.of_shards(first, shards))

    def replace_shards(self, shards: Mapping[int, Shard]) -> None:
        """All shards, by their numbers, in place of those that are there; in one step."""
        self.overwrite("shards", tables.of_shards(0, [shards[number] for number in range(len(shards))]))

    # ---- sweeps

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
        ids = [row.id for row in rows if row.error is None]
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
        unreadable = tables.unreadable_table(sweep.name)
        return [*self._features(sweep), *([unreadable] if self.holds(unreadable) else [])]

    def _forget_images(self, sweep: Sweep) -> None:
        """Takes away images that no sweep has met, and notes which shards others have brought."""
        table, condition = self.table("images"), self.seen()
        if table.count_rows() != table.count_rows(condition):
            table.delete(f"NOT ({condition})")
        others = [self.coverage(each) for each in self.sweeps() if each.name != sweep.name]
        self._brought = {shard for each in others for shard in (*each.finished, *each.begun)}

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

    # ---- maps

    def keep_map(self, name: str, ids: np.ndarray, positions: np.ndarray, account: Mapping[str, Any]) -> None:
        """Keeps a map in place of the one of that name; whole or not at all."""
        self.overwrite(name, tables.of_map(ids, positions, json.dumps(dict(account))))


def _numbered(stem: str) -> Iterator[str]:
    yield stem
    following = 2
    while True:
        yield f"{stem}-{following}"
        following += 1
