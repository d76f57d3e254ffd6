"""The images of a data set that a network finds most like another: the nearest in the features of one of its layers.

Nearest by Euclidean distance between feature vectors (A. Krizhevsky, I. Sutskever and G. Hinton, 2012, section 6.1,
figure 4 right), or by cosine distance, which does not see how long the vectors are. The query's features are made as
the atlas's were: same network, preprocessing, layer and pooling. How it is searched is told in search.py.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..instrument import Result, instrument
from ..network import Preprocessing, near
from ..picture import Photo, Picture, read
from .features import features_of, kept, vectors_of
from .indexing import Index, index_of
from .search import NONE, Found, Metric, approximate, blocks, checked, exact
from .sources import number
from .store import Sweep
from .tables import features_table

if TYPE_CHECKING:
    from .atlas import Atlas


@dataclass(frozen=True, eq=False)
class Query:
    """What neighbours are asked of: an image of the atlas by its `number`, or a photo that is not in it."""

    name: str
    number: int | None
    label: str | None
    photo: Photo | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False, kw_only=True)
class Neighbours(Result):
    """The images nearest to each query, nearest first; -1, '' and inf where there are fewer than k."""

    network: str
    layer: str
    metric: Metric
    queries: tuple[Query, ...]
    numbers: np.ndarray  # (N, k): in the atlas
    distances: np.ndarray  # (N, k)
    keys: tuple[tuple[str, ...], ...]  # N of k: their names in the source
    labels: tuple[tuple[str | None, ...], ...] = field(repr=False)
    index: Index | None  # through which it was searched; None: all images were looked at
    images: int  # that were searched
    length: int  # values of a feature vector
    photo: Callable[[int], Photo] = field(repr=False)  # of an image's number
    preprocessing: Preprocessing = field(repr=False)

    @property
    def how(self) -> str:
        """How it was searched, and where that can miss neighbours, how often it does."""
        if self.index is None:
            return f"all {self.images:,} images were looked at"
        return f"searched through {self.index}"

    def picture(self, *, rows: int = 8, seen: bool = True) -> Picture:
        """Each query, and beside it its neighbours with their labels and distances.

        - `rows`: how many queries are shown
        - `seen`: the part of each photo that the network sees; otherwise the whole photo
        """
        from .neighbours_picture import drawing

        made, caption = drawing(self, rows, seen)
        return self.drawn(made, caption, rows=rows, seen=seen)

    def to_dict(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "layer": self.layer,
            "metric": self.metric,
            "images": self.images,
            "index": None if self.index is None else self.index.to_dict(),
            "queries": [
                {
                    "name": query.name,
                    "number": query.number,
                    "label": query.label,
                    "neighbours": [
                        {"number": int(found), "key": key, "label": label, "distance": float(distance)}
                        for found, key, label, distance in zip(*row, strict=True)
                        if found != NONE
                    ],
                }
                for query, *row in zip(
                    self.queries, self.numbers, self.keys, self.labels, self.distances, strict=True
                )
            ],
        }  # fmt: skip


@instrument
def atlas_neighbours(
    atlas: Any,
    query: Sequence[str] | Any,
    *,
    k: int = 6,
    features: str | None = None,
    metric: Metric = "euclidean",
    own: bool = False,
    exact: bool = False,
    sweep: str | None = None,
) -> Neighbours:
    """The images of a data set that are most like another, by a layer's features.

    A query that is an image of the atlas, also one that is given as the file it was read from, is not counted among its
    own neighbours. Where the atlas has an index, it is used; the result says so, and how often it misses neighbours.
    Distances are true ones in either case, neighbours at one distance come in the order of their numbers.

    Raises LookupError for an image or a layer that the atlas does not have.

    - `query`: an image of the atlas, by its key or its number, or a photo's file; in Python also a photo, or several
    - `k`: how many neighbours
    - `features`: the layer by whose features images are compared; the first that the atlas keeps if not given
    - `metric`: euclidean or cosine distance
    - `own`: count an image of the atlas as its own neighbour
    - `exact`: look at all images, also where there is an index
    - `sweep`: which sweep, where several networks have a layer of that name
    """
    from .atlas import opened

    checked(metric)
    if k < 1:
        raise ValueError(f"k is a number above 0, not {k}")
    atlas = opened(atlas)
    found, layer = kept(atlas, features, sweep)
    if not atlas.store.holds(features_table(found.name, layer)):
        raise ValueError(f"no image has run through {found.network} yet; go on building the atlas {atlas.path!r}")
    table = atlas.store.table(features_table(found.name, layer))
    queries = _queries(atlas, query)
    vectors = _vectors(atlas, found, layer, table, queries)
    index = None if exact else index_of(atlas.store, found, layer, table, metric)
    numbers = np.array([NONE - 1 if query.number is None or own else query.number for query in queries])
    got = _searched(table, vectors, k + (0 if own else 1), metric, index).without(numbers, k)
    rows = {row["id"]: row for row in atlas.store.images(got.numbers[got.numbers != NONE].tolist()).to_pylist()}
    told: Mapping[str, Any] = {"key": "", "label": None}
    return Neighbours(
        network=found.network,
        layer=layer,
        metric=metric,
        queries=queries,
        numbers=got.numbers,
        distances=got.distances,
        keys=tuple(tuple(rows.get(each, told)["key"] for each in row) for row in got.numbers.tolist()),
        labels=tuple(tuple(rows.get(each, told)["label"] for each in row) for row in got.numbers.tolist()),
        index=index,
        images=table.count_rows(),
        length=vectors.shape[1],
        photo=atlas.photo,
        preprocessing=Preprocessing.from_dict(found.preprocessing),
    )


def _searched(table: Any, vectors: np.ndarray, k: int, metric: str, index: Index | None) -> Found:
    if index is None:
        return exact(blocks(table), vectors, k, metric)
    return approximate(table, vectors, k, metric, index.probes, index.refine)


# ---- queries


def _queries(atlas: Atlas, given: Any) -> tuple[Query, ...]:
    several = given if isinstance(given, (list, tuple)) else [given]
    if not len(several):
        raise ValueError("no query was given; give an image's key or number, or a photo")
    return tuple(_query(atlas, each) for each in several)


def _query(atlas: Atlas, given: Any) -> Query:
    if isinstance(given, str):
        rows = _with_key(atlas, given)
        if not rows and given.isdigit():
            return _numbered(atlas, int(given))
        if rows:
            return _of_row(rows[0]) if len(rows) == 1 else _several(given, rows)
        if not Path(given).is_file():
            keys = (
                atlas.store.table("images").search().select(["key"]).limit(10_000).to_arrow().column("key").to_pylist()
            )
            raise LookupError(
                f"{given!r} is neither an image of the atlas {atlas.path!r} nor a file{near(given, keys)}"
            )
    if isinstance(given, (bool, float)):
        raise TypeError(f"a query is an image's key or number, or a photo, not {given!r}")
    if hasattr(given, "__index__") and not hasattr(given, "shape"):
        return _numbered(atlas, operator.index(given))
    if isinstance(given, np.integer):
        return _numbered(atlas, int(given))
    photo = given if isinstance(given, Photo) else read(given)
    row = None if photo.path is None else _read_from(atlas, photo.path)
    return Query(photo.name, None, None, photo) if row is None else _of_row(row)


def _numbered(atlas: Atlas, image: int) -> Query:
    rows = atlas.store.images([image]).to_pylist()
    if not rows:
        raise LookupError(f"the atlas {atlas.path!r} has no image of number {image}")
    return _of_row(rows[0])


def _of_row(row: Mapping[str, Any]) -> Query:
    if row["error"] is not None:
        raise LookupError(f"{row['key']} has no features, since it could not be read: {row['error']}")
    return Query(row["key"], row["id"], row["label"])


def _several(key: str, rows: Sequence[Mapping[str, Any]]) -> Query:
    numbers = ", ".join(str(row["id"]) for row in rows[:6])
    raise LookupError(f"several images have the key {key!r}; say which is meant by its number: {numbers}")


def _with_key(atlas: Atlas, key: str) -> list[dict[str, Any]]:
    text = key.replace("'", "''")
    return atlas.store.table("images").search().where(f"key = '{text}'").limit(100).to_arrow().sort_by("id").to_pylist()


def _read_from(atlas: Atlas, path: str) -> dict[str, Any] | None:
    """The row of the image that was read from this file, or None."""
    there = Path(path).resolve()
    for shard, source in atlas.store.shards().items():
        if source.kind == "folder" and there.is_relative_to(source.where):
            first, stop = number(shard, 0), number(shard + 1, 0)
            key = there.relative_to(source.where).as_posix()
            rows = [row for row in _with_key(atlas, key) if first <= row["id"] < stop and row["error"] is None]
            if rows:
                return rows[0]
    return None


# ---- their features


def _vectors(atlas: Atlas, sweep: Sweep, layer: str, table: Any, queries: Sequence[Query]) -> np.ndarray:
    """The queries' features (N, D): those that the atlas keeps, and those of photos that it does not have."""
    photos = [query.photo for query in queries if query.photo is not None]
    made = iter(features_of(atlas.network(sweep), sweep, layer, photos)) if photos else iter(())
    held = vectors_of(table, sorted({query.number for query in queries if query.number is not None}))
    for query in queries:
        if query.number is not None and query.number not in held:
            raise LookupError(f"{query.name} has not run through {sweep.network} yet; go on building the atlas")
    own = [next(made) if query.number is None else held[query.number] for query in queries]
    return np.stack(own).astype(np.float32)
