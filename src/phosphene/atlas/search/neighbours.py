"""The images of a data set that a network finds most like another: the nearest in the features of one of its layers.

Nearest by Euclidean distance between feature vectors (A. Krizhevsky, I. Sutskever and G. Hinton, 2012, section 6.1,
figure 4 right), or by cosine distance, which does not see how long the vectors are. The query's features are made as
the atlas's were: same network, preprocessing, layer and pooling. How it is searched is told in search.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...instrument import Result, instrument
from ...instrument.roles import AtlasLike, Queries
from ...network import Preprocessing
from ...network.room import check_room
from ...picture import Photo, Sheet
from ..opened import opened
from ..store.tables import features_table
from .features import features_sweep
from .indexing import Index, index_of
from .neighbours_picture import sheet_of
from .queries import Query, described, queries_of
from .search import NONE, Metric, Nearest, approximate, blocks, checked, exact


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

    def sheet(self, *, rows: int = 8, seen: bool = True) -> Sheet:
        """Each query, and beside it its neighbours with their labels and distances.

        - `rows`: how many queries to show
        - `seen`: show only the part of each photo that the network sees, not the whole photo
        """
        return sheet_of(self, rows, seen)

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
                        {"number": int(number), "key": key, "label": label, "distance": float(distance)}
                        for number, key, label, distance in zip(*row, strict=True)
                        if number != NONE
                    ],
                }
                for query, *row in zip(
                    self.queries, self.numbers, self.keys, self.labels, self.distances, strict=True
                )
            ],
        }  # fmt: skip


@instrument
def atlas_neighbours(
    atlas: AtlasLike,
    query: Queries,
    k: int = 6,
    *,
    features: str | None = None,
    metric: Metric = "euclidean",
    own: bool = False,
    exact: bool = False,
    sweep: str | None = None,
) -> Neighbours:
    """The images of a data set that are most similar to a given one, by a layer's features.

    An image of the atlas is not listed as its own neighbour, even if it is given as the file that it was read from. If
    the atlas has an index, it is used; the result says so, and how often the index misses neighbours. Distances are
    exact in either case. Neighbours at the same distance are ordered by their numbers.

    Raises LookupError for an image or a layer that the atlas does not have.

    - `query`: an image of the atlas, by its key or its number, or a photo's file; in Python also a photo, or several
    - `k`: how many neighbours
    - `features`: the layer whose features are compared; the first that the atlas stores if not given
    - `metric`: euclidean or cosine distance
    - `own`: list an image of the atlas as its own neighbour
    - `exact`: compare all images, even if there is an index
    - `sweep`: which sweep to use, if several networks have a layer of this name
    """
    checked(metric)
    if k < 1:
        raise ValueError(f"k is a number above 0, not {k}")
    atlas = opened(atlas)
    swept, layer = features_sweep(atlas, features, sweep)
    table = atlas.store.find(features_table(swept.name, layer))
    if table is None:
        raise ValueError(f"no image has run through {swept.network} yet; go on building the atlas {atlas.path!r}")
    queries = queries_of(atlas, query)
    check_room(
        k, 32 * len(queries), f"k={{}}: the neighbours of {len(queries):,} quer{'y' if len(queries) == 1 else 'ies'}"
    )
    vectors = described(atlas, swept, layer, table, queries)
    index = None if exact else index_of(atlas.store, swept, layer, table, metric)
    numbers = np.array([NONE - 1 if query.number is None or own else query.number for query in queries])
    got = _searched(table, vectors, k + (0 if own else 1), metric, index).without(numbers, k)
    rows: dict[int, dict[str, Any]] = {NONE: {"key": "", "label": None}}
    rows |= {row["id"]: row for row in atlas.store.images(got.numbers[got.numbers != NONE].tolist()).to_pylist()}
    return Neighbours(
        network=swept.network,
        layer=layer,
        metric=metric,
        queries=queries,
        numbers=got.numbers,
        distances=got.distances,
        keys=tuple(tuple(rows[each]["key"] for each in row) for row in got.numbers.tolist()),
        labels=tuple(tuple(rows[each]["label"] for each in row) for row in got.numbers.tolist()),
        index=index,
        images=table.count_rows(),
        length=vectors.shape[1],
        photo=atlas.photo,
        preprocessing=Preprocessing.from_dict(swept.preprocessing),
    )


def _searched(table: Any, vectors: np.ndarray, k: int, metric: str, index: Index | None) -> Nearest:
    if index is None:
        return exact(blocks(table), vectors, k, metric)
    return approximate(table, vectors, k, metric, index.probes, index.refine)
