"""The nearest of many vectors on disk: found by looking at all of them, or through an index.

Looking at all is exact. The table streams by in blocks; a float32 product |v|² - 2 v·q + |q|² estimates every squared
distance, and only vectors whose estimate, less its largest possible error of rounding, may be among the k nearest are
compared in float64. So the answer is that of float64 throughout, ties by number, at the price of float32.

An index (indexing.py) looks at some of its partitions only, and can miss neighbours; the distances of those that it
finds are computed anew in float64.

Euclidean distance is |q - v|, not squared; cosine distance 1 - cos(q, v), which is half the squared Euclidean distance
of the vectors scaled to length 1, and is computed so: equal directions are 0 apart, to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from ..store.tables import to_features

Metric = Literal["euclidean", "cosine"]
NONE = -1  # where there are fewer than k
BLOCK = 1 << 25  # bytes of float32 that are compared at once
LANCE = {"euclidean": "l2", "cosine": "cosine"}  # what Lance calls the metrics


@dataclass(frozen=True, eq=False)
class Nearest:
    """The numbers (N, k) of the nearest vectors and their distances (N, k), nearest first; NONE and inf for none."""

    numbers: np.ndarray
    distances: np.ndarray = field(repr=False)

    def without(self, excluded: np.ndarray, k: int) -> Nearest:
        """The k nearest but for the number in `excluded` (N,)."""
        kept_in = self.numbers != excluded[:, None]
        order = np.argsort(~kept_in, axis=1, kind="stable")[:, :k]
        valid = np.take_along_axis(kept_in, order, 1)
        numbers, distances = (np.take_along_axis(each, order, 1) for each in (self.numbers, self.distances))
        return Nearest(np.where(valid, numbers, NONE), np.where(valid, distances, np.inf))


def checked(metric: str) -> None:
    if metric not in get_args(Metric):
        raise ValueError(f"a metric is {' or '.join(get_args(Metric))}, not {metric!r}")


def blocks(table: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The numbers and the vectors of a features' table, some at a time, in the table's order."""
    length = table.schema.field("vector").type.list_size
    rows = max(1, BLOCK // (4 * length))
    for batch in table.search().select(["id", "vector"]).to_batches(batch_size=rows):
        yield to_features(batch)


def exact(parts: Iterable[tuple[np.ndarray, np.ndarray]], queries: np.ndarray, k: int, metric: str) -> Nearest:
    """The k nearest of all vectors to each query (N, D), ties by number.

    Vectors that have no distance, those of values that aren't finite and for cosine those of length 0, are no one's
    neighbours. Memory is that of one part and of (N, rows of a part).
    """
    aims = prepared(queries, metric)
    numbers = np.full((len(aims), k), NONE)
    squares = np.full((len(aims), k), np.inf)
    middle = None
    for ids, vectors in parts:
        block = vectors.astype(np.float32)
        lengths = np.sqrt(np.einsum("nd,nd->n", block, block))
        usable = np.isfinite(lengths) & ((lengths > 0) | (metric == "euclidean"))
        if not usable.all():
            ids, vectors, block, lengths = ids[usable], vectors[usable], block[usable], lengths[usable]
        if not len(ids):
            continue
        if metric == "cosine":
            block /= lengths[:, None]
        if middle is None:  # distances are the same from anywhere, and rounding hurts least from the middle
            middle = block.mean(0) if metric == "euclidean" else np.zeros(block.shape[1], np.float32)
        for query, near in enumerate(_candidates(block, aims, middle, squares[:, -1], k)):
            if len(near):
                differences = _scaled(vectors[near].astype(np.float64), metric) - aims[query]
                candidates = np.concatenate([squares[query], np.einsum("nd,nd->n", differences, differences)])
                named = np.concatenate([numbers[query], ids[near]])
                best = np.lexsort((named, candidates))[:k]
                numbers[query], squares[query] = named[best], candidates[best]
    return Nearest(numbers, _distances(squares, metric))


def approximate(table: Any, queries: np.ndarray, k: int, metric: str, probes: int, refine: int) -> Nearest:
    """The k nearest to each query that the table's index finds among the `probes` nearest of its partitions.

    It finds refine · k by its short codes, and the k nearest of these by their vectors.
    """
    aims = prepared(queries, metric)
    numbers, squares = np.full((len(aims), k), NONE), np.full((len(aims), k), np.inf)
    for at, (query, scaled) in enumerate(zip(queries, aims, strict=True)):
        lance_query = table.search(query.astype(np.float32), vector_column_name="vector").distance_type(LANCE[metric])
        rows = (
            lance_query.nprobes(probes).refine_factor(refine).limit(k).select(["id", "vector", "_distance"]).to_arrow()
        )
        if not rows.num_rows:
            continue
        ids, vectors = to_features(rows)
        differences = _scaled(vectors.astype(np.float64), metric) - scaled
        candidates = np.einsum("nd,nd->n", differences, differences)
        order = np.lexsort((ids, candidates))
        numbers[at, : len(ids)], squares[at, : len(ids)] = ids[order], candidates[order]
    return Nearest(numbers, _distances(squares, metric))


def recall(result: np.ndarray, true: np.ndarray) -> float:
    """The share of the true neighbours (N, k) that are among those found (N, k)."""
    hits = sum(len(np.intersect1d(hit, wanted[wanted != NONE])) for hit, wanted in zip(result, true, strict=True))
    return hits / max(1, int((true != NONE).sum()))


def prepared(queries: np.ndarray, metric: str) -> np.ndarray:
    """The queries in float64, for cosine scaled to length 1. ValueError for those that have no distance."""
    numbers = np.asarray(queries, np.float64)
    if not np.isfinite(numbers).all():
        raise ValueError("a query's features are not finite; phosphene.check looks for the cause")
    if metric == "cosine" and not numbers.any(1).all():
        raise ValueError("a query's features are all 0, and the cosine of nothing is no number; use metric='euclidean'")
    return _scaled(numbers, metric)


def _scaled(vectors: np.ndarray, metric: str) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True) if metric == "cosine" else vectors


def _distances(squares: np.ndarray, metric: str) -> np.ndarray:
    return squares / 2 if metric == "cosine" else np.sqrt(squares)


def _candidates(
    block: np.ndarray, aims: np.ndarray, middle: np.ndarray, reached: np.ndarray, k: int
) -> Iterator[np.ndarray]:
    """For each query the rows of the block that may be nearer than the square `reached` (N,), or among its k nearest.

    A product's sum of D terms in float32 is wrong by at most D · 2⁻²⁴ of the lengths' product, in whatever order it is
    added; twice that and some terms more also cover that queries and vectors are rounded. All of the first block would
    be candidates if `reached` alone counted: so its own smallest estimates count too.
    """
    rows, length = block.shape
    moved = block - middle
    queries = (aims - middle).astype(np.float32)
    query_squares, vector_squares = (np.einsum("nd,nd->n", each, each) for each in (queries, moved))
    slack = (length + 16) * np.float32(2.0**-23) * (np.sqrt(query_squares)[:, None] + np.sqrt(vector_squares)) ** 2
    estimate = queries @ moved.T
    estimate *= -2
    estimate += query_squares[:, None]
    estimate += vector_squares
    for one, give, furthest in zip(estimate, slack, reached, strict=True):
        most = furthest if rows <= k else min(furthest, np.partition(one + give, k - 1)[k - 1])
        yield np.flatnonzero(one - give <= most)
