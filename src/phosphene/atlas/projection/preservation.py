"""How much of the neighbourhoods among features a map keeps, and how well neighbours tell the class in both.

Distances between far points of a map mean little; who is whose neighbour is what it is made for. The share of each
image's k nearest neighbours in feature space that are among its k nearest on the map is 1 for a perfect map and about
k / N for a random one (J. Lee and M. Verleysen, Quality assessment of dimensionality reduction, 2009). Beside it: how
often the majority of an image's nearest neighbours, itself left out, has its class.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

KEPT, VOTERS = 10, 5  # neighbours that are compared, and that vote
SAMPLE = 2_000  # images that are looked at; the others are neighbours only


def sampled(images: int, seed: int = 0) -> np.ndarray:
    """All images, or SAMPLE of them drawn at random, in rising order."""
    if images <= SAMPLE:
        return np.arange(images)
    return np.sort(np.random.default_rng(seed).choice(images, SAMPLE, replace=False))


def nearest(points: np.ndarray, rows: np.ndarray, k: int) -> np.ndarray:
    """The indices (len(rows), k) of the nearest points to those of `rows`, themselves left out, nearest first."""
    from sklearn.neighbors import NearestNeighbors

    index = NearestNeighbors(n_neighbors=min(k + 1, len(points)), algorithm="brute").fit(points)
    neighbours = index.kneighbors(points[rows], return_distance=False)
    is_itself = neighbours == rows[:, None]
    is_itself[~is_itself.any(1), -1] = True  # further than k + 1 that are just as near: the last gives way
    return neighbours[~is_itself].reshape(len(rows), -1)[:, :k]


def kept_neighbours(features: np.ndarray, positions: np.ndarray, k: int = KEPT, seed: int = 0) -> float:
    """The share of the k nearest neighbours among features (N, D) that are such among positions (N, 2)."""
    rows = sampled(len(features), seed)
    k = min(k, len(features) - 1)
    pairs = zip(nearest(features, rows, k), nearest(positions, rows, k), strict=True)
    return float(np.mean([len(np.intersect1d(one, other)) / k for one, other in pairs]))


def accuracy(points: np.ndarray, labels: Sequence[str | None], k: int = VOTERS, seed: int = 0) -> float | None:
    """How often the majority of the k nearest labelled neighbours has an image's class; a tie goes to the nearest.

    None where fewer than two classes are named.
    """
    labelled = np.array([index for index, label in enumerate(labels) if label is not None], np.intp)
    names, classes = np.unique([labels[index] for index in labelled], return_inverse=True)
    if len(names) < 2:
        return None
    rows = sampled(len(labelled), seed)
    votes = classes[nearest(points[labelled], rows, k)]
    counts = (votes[:, :, None] == votes[:, None, :]).sum(2)  # of each voter's class
    winners = votes[np.arange(len(rows)), counts.argmax(1)]
    return float((winners == classes[rows]).mean())
