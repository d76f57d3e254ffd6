"""The Hilbert-Schmidt independence criterion of two sets of values, without bias, and kernel alignment from it.

For Gram matrices K and L of m images, with zeros on their diagonals (L. Song and others, *Feature selection via
dependence maximization*, JMLR 2012, eq. 5):

    HSIC1 = [ tr(K L) + 1ᵀK1 1ᵀL1 / ((m-1)(m-2)) - 2/(m-2) 1ᵀK L1 ] / (m (m-3))

Its mean over batches of images estimates the same number as all images together do (T. Nguyen, M. Raghu and S.
Kornblith, *Do wide and deep networks learn the same things?*, ICLR 2021), and

    CKA = HSIC1(K, L) / sqrt( HSIC1(K, K) HSIC1(L, L) )

is centred kernel alignment (S. Kornblith and others, *Similarity of neural network representations revisited*, ICML
2019): 1 for values that are equal up to a rotation and a scale; its numerator is 0 in expectation for independent ones.
"""

from __future__ import annotations

import numpy as np

FEWEST = 4  # images of a batch


def hsic(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(A, B): HSIC1 of each of A Gram matrices (A, m, m) with each of B (B, m, m), in float64."""
    m = one.shape[1]
    one, other = _hollow(one), _hollow(other)
    flat_one, flat_other = one.reshape(len(one), -1), other.reshape(len(other), -1)
    rows_one, rows_other = one.sum(2), other.sum(2)
    total = np.outer(rows_one.sum(1), rows_other.sum(1)) / ((m - 1) * (m - 2))
    return (flat_one @ flat_other.T + total - 2 / (m - 2) * rows_one @ rows_other.T) / (m * (m - 3))


def own(grams: np.ndarray) -> np.ndarray:
    """(A,): HSIC1 of each Gram matrix (A, m, m) with itself."""
    m = grams.shape[1]
    grams = _hollow(grams)
    rows = grams.sum(2)
    total = np.square(rows.sum(1)) / ((m - 1) * (m - 2))
    return (np.square(grams).sum((1, 2)) + total - 2 / (m - 2) * np.square(rows).sum(1)) / (m * (m - 3))


def alignment(across: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """CKA (A, B) from the HSIC of A layers with B layers, and of each with itself; NaN where one does not vary."""
    below = np.sqrt(np.clip(np.outer(one, other), 0, None))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below > 0, across / below, np.nan)


def rbf(grams: np.ndarray, width: float) -> np.ndarray:
    """Gaussian kernels from linear Gram matrices (A, m, m); `width` is in medians of the distances of different images.

    As Kornblith and others have it: exp(-d² / (2 σ²)) with σ = width · median(d).
    """
    diagonal = np.diagonal(grams, axis1=1, axis2=2)
    squared = np.clip(diagonal[:, :, None] + diagonal[:, None] - 2 * grams, 0, None)
    above = np.triu_indices(grams.shape[1], 1)
    median = np.median(squared[:, above[0], above[1]], 1)[:, None, None]
    return np.exp(-squared / np.maximum(2 * width**2 * median, 1e-300))


def _hollow(grams: np.ndarray) -> np.ndarray:
    grams = np.array(grams, np.float64)
    index = np.arange(grams.shape[1])
    grams[:, index, index] = 0
    return grams
