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
from ...data.sources import Shard, number, place
from ...network import Network
from ..sweep.running import Ran
from ..sweep.summary import Summary
from . import tables
from .conditions import covered, met
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
        found = (self.table("sweeps").schema.metadata or {}).get(b"format", b"0").decode()
        if found != str(tables.FORMAT):
            raise ValueError(
                f"the atlas {self.path!r} has tables of format {found}, and this Phosphene reads {tables.FORMAT}: "
                "open it with the version that built it, or build it again"
            )

    # ---- sources

    def shards(self, numbers: Sequence[int] | None = None) -> dict[int, Shard]:
        """The shards of these numbers, or all. A shard lists its files, so that all of them can be many megabytes."""
        table = self.table("shards")
        if numbers is None:
            return tables.to_shards(table.to_arrow())
        wanted = sorted(set(numbers))
        if not wanted:
            return {}
        return tables.to_shards(table.search().where(tables.among("shard", wanted)).limit(len(wanted)).to_arrow())

    def folders(self) -> dict[int, str]:
        """The shards that are files of a folder, and that folder."""
        found = self.table("shards").search().where("kind = 'folder'").select(["shard", "where"])
        rows = found.limit(1 << 31).to_arrow().to_pylist()
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
        taken = {sweep.name for sweep in self.sweeps()}
        stem = re.sub(r"[^A-Za-z0-9_-]+", "_", network.name).strip("_") or "network"
        name = next(name for name in _numbered(stem) if name not in taken)
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
        found = self.find(tables.units_table(sweep.name))
        if found is None:
            for name in self._grown(sweep):
                self.db.drop_table(name)
            return Coverage(), {}
        table = found.to_arrow()
        told = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
        done, rows = Coverage.from_json(told["done"]), json.loads(told["rows"])
        self._brought |= {place(image)[0] for image in done.again}
        for name in self._grown(sweep):
            grown = self.table(name)
            if grown.count_rows() != rows.get(name, 0):
                grown.delete(f"NOT ({covered(done)})")
        return done, tables.to_summaries(table, sweep.work.k, sweep.work.each)

    def reopen(self, sweep: Sweep, gone: Collection[int] = ()) -> None:
        """The images that the sweep could not use count as not run, in one step; whoever resumes it runs them again.

        Those of the shards that are `gone` stay noted. Nothing else is changed: `resume` takes back the other notes.
        """
        found = self.find(tables.units_table(sweep.name))
        if found is None:
            return
        table = found.to_arrow()
        told = dict(table.schema.metadata)
        done, rows = Coverage.from_json(told[b"done"].decode()), json.loads(told[b"rows"])
        noted = self.find(tables.unreadable_table(sweep.name))
        if noted is None or not rows.pop(noted.name, 0):
            return
        taken_in = noted.search().where(covered(done)).select(["id"]).limit(noted.count_rows()).to_arrow()
        ids = taken_in.column("id").to_pylist()
        again = [id for id in ids if place(id)[0] not in gone]
        if not again:
            return
        done.again.update(again)
        if len(again) < len(ids):
            rows[noted.name] = len(ids) - len(again)
        told |= {b"done": done.to_json().encode(), b"rows": json.dumps(rows).encode()}
        self.overwrite(tables.units_table(sweep.name), table.replace_schema_metadata(told))

    def commit(self, sweep: Sweep, summaries: Mapping[str, Summary], batches: Sequence[Ran], done: Coverage) -> None:
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
        self.overwrite(tables.units_table(sweep.name), tables.of_summaries(summaries, done.to_json(), counts))

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
        done = {each.name: self.done(each) for each in self.sweeps()}
        table, known = self.table("images"), " OR ".join(met(each) for each in done.values())
        if table.count_rows() != table.count_rows(known):
            table.delete(f"NOT ({known})")
        self._brought = {
            shard for name, each in done.items() if name != sweep.name for shard in (*each.finished, *each.begun)
        }

    def _add_images(self, rows: Sequence[Row]) -> None:
        """Adds the images that neither another sweep has brought already, nor this one, of those that it runs again.

        An image that could not be read then, and can be now, gets its size, and the label that was not known.
        """
        by_shard: dict[int, list[Row]] = {}
        for row in rows:
            by_shard.setdefault(row.shard, []).append(row)
        table, new, mended = self.table("images"), [], []
        for shard, some in by_shard.items():
            if shard not in self._brought:
                new += some
                continue
            known = self._known([row.id for row in some])
            new += [row for row in some if row.id not in known]
            dark = [row for row in some if row.id in known and not known[row.id][0]]
            mended += [row for row in dark if row.width or row.label not in (None, known[row.id][1])]
        if new:
            table.add(tables.of_rows(new))
        if mended:
            table.merge_insert("id").when_matched_update_all().execute(tables.of_rows(mended))

    def _known(self, ids: Sequence[int]) -> dict[int, tuple[int, str | None]]:
        """The widths and labels of these images, as far as there are such, by their numbers."""
        first, last = min(ids), max(ids)
        whole = last - first < 2 * len(ids)  # else they lie far apart
        some = f"id >= {first} AND id <= {last}" if whole else tables.among("id", ids)
        found = self.table("images").search().where(some).select(["id", "width", "label"]).limit(2 * len(ids))
        return {row["id"]: (row["width"], row["label"]) for row in found.to_arrow().to_pylist()}

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
        table, some = self.table("images"), f"id >= {number(shard, 0)} AND id < {number(shard + 1, 0)} AND width > 0"
        return table.search().where(some).limit(max(1, table.count_rows())).to_arrow().sort_by("id").to_pylist()

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
        kept = {row["layer"]: row["fields"] for row in table.to_arrow().to_pylist()}
        return Fields.from_json(kept[layer]) if layer in kept else None

    def features(self, sweep: Sweep, layer: str) -> tuple[np.ndarray, np.ndarray]:
        """The images' numbers (N,) and their features (N, D), in the order of the numbers. ValueError without any."""
        table = self.find(tables.features_table(sweep.name, layer))
        if table is None:
            raise ValueError(self.nothing(sweep))
        ids, vectors = tables.to_features(table.to_arrow())
        order = ids.argsort(kind="stable")
        return ids[order], vectors[order]

    def map(self, name: str) -> tuple[np.ndarray, np.ndarray, dict[str, Any]] | None:
        """A kept map: the images' numbers (N,), their positions (N, 2) and what is told of it; None without one."""
        table = self.find(name)
        if table is None:
            return None
        found = table.to_arrow()
        told = json.loads(found.schema.metadata[b"map"])
        return found.column("id").to_numpy(), np.stack([found.column(c).to_numpy() for c in "xy"], 1), told

    def keep_map(self, name: str, ids: np.ndarray, positions: np.ndarray, told: Mapping[str, Any]) -> None:
        """Keeps a map in place of the one of that name; whole or not at all."""
        self.overwrite(name, tables.of_map(ids, positions, json.dumps(dict(told))))

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

    def done(self, sweep: Sweep) -> Coverage:
        """How far a sweep is."""
        units = self.find(tables.units_table(sweep.name))
        return Coverage() if units is None else Coverage.from_json(units.schema.metadata[b"done"].decode())


def _numbered(stem: str) -> Iterator[str]:
    yield stem
    following = 2
    while True:
        yield f"{stem}-{following}"
        following += 1
