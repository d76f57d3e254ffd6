"""An atlas on disk: a LanceDB database, a folder or an object storage's URL. Nothing is ever half there.

A sweep writes its images and features first and its units last. Who opens an atlas that was killed in between finds
the units as they were, sets the features' tables back to the versions that belong to them, and goes on from there.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..network import Network
from . import tables
from .done import Done
from .running import Ran, Row
from .sources import Shard
from .summary import Summary
from .work import Work

if TYPE_CHECKING:
    import pyarrow as pa

KEPT = timedelta(minutes=10)  # how long versions that were replaced stay, for who is reading them


@dataclass(frozen=True)
class Sweep:
    """One network's pass over the images: its name in the atlas, and what was asked for."""

    name: str
    network: str
    fingerprint: str
    opening: Mapping[str, Any]
    preprocessing: Mapping[str, Any]
    labels: tuple[str, ...] = field(repr=False)
    work: Work


class Store:
    """The tables of the atlas at `path`. `create` makes one where there is none.

    Raises FileNotFoundError where there is none, ValueError for something else at that path.
    """

    def __init__(self, path: str | os.PathLike[str], create: bool = False) -> None:
        self.path = os.fspath(path)
        self.local = "://" not in self.path
        if self.local:
            self._check_folder(create)
        self.db = _connected(self.path)
        if self.find("sweeps") is None:
            if not create:
                raise FileNotFoundError(f"there is no atlas at {self.path!r}; phosphene atlas build makes one")
            for name in ("shards", "images", "sweeps"):  # the one by which an atlas is known comes last
                if self.find(name) is None:
                    self.db.create_table(name, schema=getattr(tables, f"{name}_schema")())

    def _check_folder(self, create: bool) -> None:
        folder = Path(self.path)
        if folder.exists() and not folder.is_dir():
            raise ValueError(f"{self.path!r} is a file; an atlas is a folder")
        there = folder.is_dir() and any(folder.iterdir())
        if not there and not create:
            raise FileNotFoundError(f"there is no atlas at {self.path!r}; phosphene atlas build makes one")
        if there and not any(child.suffix == ".lance" or child.name == _LOCK for child in folder.iterdir()):
            raise ValueError(f"{self.path!r} is a folder with other things in it, and no atlas; name one of its own")
        folder.mkdir(parents=True, exist_ok=True)

    def names(self) -> list[str]:
        """The tables there are, and those that a killed process left behind before they held anything."""
        found: list[str] = []
        token = None
        while True:
            page = self.db.list_tables(page_token=token, limit=1000)
            found += page.tables
            token = page.page_token
            if not token:
                return found

    def table(self, name: str) -> Any:
        return self.db.open_table(name)

    def find(self, name: str) -> Any | None:
        """The table, or None where there is none, or none that was ever finished."""
        try:
            return self.db.open_table(name)
        except (ValueError, FileNotFoundError) as error:
            if "not found" in str(error):
                return None
            raise

    def holds(self, name: str) -> bool:
        """Whether there is such a table, finished."""
        return self.find(name) is not None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps a second writer out, on this machine. ValueError where there is one."""
        if not self.local:
            yield
            return
        import fcntl

        with open(Path(self.path) / _LOCK, "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise ValueError(
                    f"another process is writing to the atlas {self.path!r}; wait until it is done"
                ) from None
            yield

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

    def add_shards(self, shards: Sequence[Shard]) -> None:
        if shards:
            first = self.table("shards").count_rows()
            self.table("shards").add(tables.of_shards(first, shards))

    # ---- sweeps

    def sweeps(self) -> list[Sweep]:
        found = []
        for row in self.table("sweeps").to_arrow().to_pylist():
            work = json.loads(row["work"])
            work = {key: tuple(value) if isinstance(value, list) else value for key, value in work.items()}
            found.append(
                Sweep(
                    row["sweep"], row["network"], row["fingerprint"], json.loads(row["opening"]),
                    json.loads(row["preprocessing"]), tuple(json.loads(row["labels"])), Work(**work),
                )
            )  # fmt: skip
        return found

    def begin(self, network: Network, work: Work) -> Sweep:
        """A new sweep of a network, noted in the atlas."""
        taken = {sweep.name for sweep in self.sweeps()}
        stem = re.sub(r"[^A-Za-z0-9_-]+", "_", network.name).strip("_") or "network"
        name = next(name for name in _numbered(stem) if name not in taken)
        labels = [network.labels[index] for index in range(len(network.labels))] if network.labels else []
        row = {
            "sweep": name, "network": network.name, "fingerprint": network.fingerprint,
            "opening": json.dumps(network.opening), "preprocessing": json.dumps(network.preprocessing.to_dict()),
            "labels": json.dumps(labels), "work": json.dumps(asdict(work)),
            "versions": json.dumps({name: metadata.version(name) for name in ("phosphene", "torch", "lancedb")}),
            "begun": datetime.now(UTC).isoformat(timespec="seconds"),
        }  # fmt: skip
        self.table("sweeps").add(tables.arrow().Table.from_pylist([row], schema=tables.sweeps_schema()))
        return Sweep(
            name,
            network.name,
            network.fingerprint,
            network.opening,
            network.preprocessing.to_dict(),
            tuple(labels),
            work,
        )

    def resume(self, sweep: Sweep) -> tuple[Done, dict[str, Summary]]:
        """How far a sweep is, and its summaries there; what was written after that is taken back."""
        found = self.find(tables.units_table(sweep.name))
        if found is None:
            for name in self._features(sweep):
                self.db.drop_table(name)
            return Done(), {}
        table = found.to_arrow()
        told = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
        for name, version in json.loads(told["versions"]).items():
            features = self.table(name)
            if features.version != version:
                rows = features.count_rows()
                features.checkout(version)
                if features.count_rows() != rows:
                    features.restore()  # otherwise it was tidied or indexed since, and stays so
        return Done.from_json(told["done"]), tables.to_summaries(table, sweep.work.k, sweep.work.each)

    def commit(self, sweep: Sweep, summaries: Mapping[str, Summary], batches: Sequence[Ran], done: Done) -> None:
        """Adds what these batches brought; `summaries` hold them already. All of it counts from the last step on."""
        self._add_images([row for batch in batches for row in batch.rows])
        versions = {name: self.table(name).version for name in self._features(sweep)}
        for layer in sweep.work.features:
            parts = [batch.features[layer] for batch in batches if layer in batch.features]
            if parts:
                ids = [row.id for batch in batches for row in batch.rows if row.error is None]
                name = tables.features_table(sweep.name, layer)
                versions[name] = self._append(name, tables.of_features(ids, np.concatenate(parts), sweep.work.half))
        units = tables.of_summaries(summaries, done.to_json(), versions)
        self._overwrite(tables.units_table(sweep.name), units)

    def _overwrite(self, name: str, rows: pa.Table) -> None:
        """The table holds these rows from now on, in one step."""
        table = self.db.create_table(name, rows, mode="overwrite" if self.holds(name) else "create")
        table.optimize(cleanup_older_than=KEPT)

    def tidy(self, sweep: Sweep) -> None:
        """Joins the small pieces that many writings leave behind, once a sweep is done; the content stays."""
        for name in ("images", *self._features(sweep)):
            self.table(name).optimize(cleanup_older_than=KEPT)

    def _features(self, sweep: Sweep) -> list[str]:
        """The tables of features that it has so far."""
        names = (tables.features_table(sweep.name, layer) for layer in sweep.work.features)
        return [name for name in names if self.holds(name)]

    def _append(self, name: str, rows: pa.Table) -> int:
        table = self.find(name)
        if table is None:
            table = self.db.create_table(name, rows)
        else:
            table.add(rows)
        return table.version

    def _add_images(self, rows: Sequence[Row]) -> None:
        """Adds the images that another sweep, or this one before it was killed, has not brought already."""
        by_shard: dict[int, list[Row]] = {}
        for row in rows:
            by_shard.setdefault(row.shard, []).append(row)
        table, new = self.table("images"), []
        for some in by_shard.values():
            low, high = some[0].id, some[-1].id
            known = table.search().where(f"id >= {low} AND id <= {high}").select(["id"]).limit(len(some)).to_arrow()
            there = set(known.column("id").to_pylist())
            new += [row for row in some if row.id not in there]
        if new:
            table.add(tables.of_rows(new))

    # ---- reading

    def images(self, ids: Sequence[int] | None = None) -> pa.Table:
        """The images of these numbers, or all, in the order of their numbers."""
        table = self.table("images")
        if ids is None:
            return table.to_arrow().sort_by("id")
        unique = sorted(set(ids))
        if not unique:
            return tables.images_schema().empty_table()
        return table.search().where(tables.among("id", unique)).limit(len(unique)).to_arrow().sort_by("id")

    def units(self, sweep: Sweep, layer: str) -> pa.Table:
        name = layer.replace("'", "''")
        table = self.table(tables.units_table(sweep.name))
        return table.search().where(f"layer = '{name}'").limit(table.count_rows()).to_arrow().sort_by("channel")

    def features(self, sweep: Sweep, layer: str) -> tuple[np.ndarray, np.ndarray]:
        """The images' numbers (N,) and their features (N, D), in the order of the numbers."""
        found = self.table(tables.features_table(sweep.name, layer)).to_arrow()
        ids, vectors = tables.to_features(found)
        order = ids.argsort(kind="stable")
        return ids[order], vectors[order]

    def map(self, name: str) -> tuple[np.ndarray, np.ndarray, dict[str, Any]] | None:
        """A kept map: the images' numbers (N,), their positions (N, 2) and what is told of it; None without one."""
        if not self.holds(name):
            return None
        found = self.table(name).to_arrow()
        told = json.loads(found.schema.metadata[b"map"])
        return found.column("id").to_numpy(), np.stack([found.column(c).to_numpy() for c in "xy"], 1), told

    def keep_map(self, name: str, ids: np.ndarray, positions: np.ndarray, told: Mapping[str, Any]) -> None:
        """Keeps a map in place of the one of that name; whole or not at all."""
        self._overwrite(name, tables.of_map(ids, positions, json.dumps(dict(told))))

    def done(self, sweep: Sweep) -> Done:
        """How far a sweep is."""
        units = self.find(tables.units_table(sweep.name))
        return Done() if units is None else Done.from_json(units.schema.metadata[b"done"].decode())


_LOCK = ".lock"


def _numbered(stem: str) -> Iterator[str]:
    yield stem
    number = 2
    while True:
        yield f"{stem}-{number}"
        number += 1


def _connected(path: str) -> Any:
    try:
        import lancedb
    except ImportError as error:
        raise ImportError(
            f"an atlas is kept by lancedb, which is not installed: pip install lancedb ({error})"
        ) from None
    return lancedb.connect(path)
