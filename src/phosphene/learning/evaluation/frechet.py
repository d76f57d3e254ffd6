"""The Fréchet distance between two sets of features, each taken for a Gaussian (Heusel and others 2017).

    |m_1 − m_2|^2 + tr(C_1 + C_2 − 2 (C_1 C_2)^(1/2))

The trace of the root is the sum of the roots of the eigenvalues of C_1^(1/2) C_2 C_1^(1/2), which is symmetric.
"""

from __future__ import annotations

import torch
from torch import Tensor


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Of features (N, d) and (M, d), in 64-bit numbers; two examples at least."""
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(
            f"features are (N, d) and (M, d), two or more of each, not {tuple(a.shape)} and {tuple(b.shape)}"
        )
    a, b = a.double(), b.double()
    first, second = torch.cov(a.T).reshape(a.shape[1], -1), torch.cov(b.T).reshape(b.shape[1], -1)
    values, vectors = torch.linalg.eigh(first)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    both = torch.linalg.eigvalsh(root @ second @ root).clamp_min(0).sqrt().sum()
    return float((a.mean(0) - b.mean(0)).square().sum() + first.trace() + second.trace() - 2 * both)
