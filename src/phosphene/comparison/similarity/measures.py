"""Similarities of two sets of values of the same images, from their Gram matrices alone.

K is the Gram matrix X Xᵀ of n images' values; distances, ranks, principal components and alignments all follow from it,
whatever the number of values is.

    rsa          Spearman's rank correlation of the two sets' distances between images (N. Kriegeskorte, M. Mur and P.
                 Bandettini, *Representational similarity analysis*, Frontiers 2008); distances are 1 - r of the values
    procrustes   1 - distance / 2 with the orthogonal Procrustes distance of values centred and of length 1: the nuclear
                 norm of XᵀY (A. Williams and others, *Generalized shape metrics*, NeurIPS 2021)
    biased       CKA as first published, tr(K L) / sqrt(tr(K K) tr(L L)) of centred matrices (S. Kornblith and others,
                 2019); the unbiased estimate is in `hsic`
    cca          the mean canonical correlation of the principal components that hold 99 % of the variance, at most a
                 third of the images (M. Raghu and others, *SVCCA*, NIPS 2017)
"""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

VARIANCE = 0.99  # held by the components that CCA compares
COMPONENTS = 1 / 3  # of the images at most: with as many as images every correlation would be 1


def centred(gram: np.ndarray) -> np.ndarray:
    """The Gram matrix of values less their mean over images."""
    gram = np.asarray(gram, np.float64)
    rows = gram.mean(0)
    return gram - rows[None] - rows[:, None] + rows.mean()


def correlation_distances(covariance: np.ndarray) -> np.ndarray:
    """(n (n-1) / 2,): 1 - Pearson's r of each two images, from the Gram matrix of values less each image's mean."""
    spread = np.sqrt(np.clip(np.diagonal(covariance), 0, None))
    with np.errstate(divide="ignore", invalid="ignore"):
        r = covariance / np.outer(spread, spread)
    return 1 - r[np.triu_indices(len(covariance), 1)]


def rank_correlations(one: list[np.ndarray], other: list[np.ndarray]) -> np.ndarray:
    """(A, B): Spearman's correlation of each of A vectors with each of B; NaN where one is constant."""
    first, second = (np.stack([_standard(rankdata(values)) for values in each]) for each in (one, other))
    return first @ second.T / first.shape[1]


def _standard(values: np.ndarray) -> np.ndarray:
    spread = values.std()
    return (values - values.mean()) / spread if spread > 0 else np.full_like(values, np.nan)


def procrustes(one: np.ndarray, other: np.ndarray) -> float:
    """The nuclear norm of XᵀY for values of length 1, from centred Gram matrices: 1 for the same up to a rotation."""
    lengths = np.sqrt(np.trace(one) * np.trace(other))
    if not lengths > 0:
        return float("nan")
    return float(np.linalg.svd(_root(one) @ _root(other), compute_uv=False).sum() / lengths)


def biased(one: np.ndarray, other: np.ndarray) -> float:
    """CKA of centred Gram matrices without a correction of its bias; NaN where one does not vary."""
    lengths = np.linalg.norm(one) * np.linalg.norm(other)
    return float((one * other).sum() / lengths) if lengths > 0 else float("nan")


def _root(gram: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(gram)
    return (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T


def components(gram: np.ndarray) -> np.ndarray:
    """(n, k): the images' principal components of a centred Gram matrix that hold most variance, of length 1 each."""
    values, vectors = np.linalg.eigh(gram)
    values, vectors = np.clip(values[::-1], 0, None), vectors[:, ::-1]
    if not values.sum() > 0:
        return vectors[:, :0]
    held = np.searchsorted(np.cumsum(values) / values.sum(), VARIANCE) + 1
    return vectors[:, : max(1, min(int(held), int(len(gram) * COMPONENTS)))]


def cca(one: np.ndarray, other: np.ndarray) -> float:
    """The mean canonical correlation of two sets of components (n, k) and (n, l), over the smaller number of them."""
    if not one.shape[1] or not other.shape[1]:
        return float("nan")
    return float(np.linalg.svd(one.T @ other, compute_uv=False).clip(0, 1).mean())
