"""Sparse regression from sums: each output is made of at most k inputs, chosen one after the other.

Orthogonal matching pursuit (Y. Pati, R. Rezaiifar and P. Krishnaprasad, 1993) in the form that needs only covariances:
the input that explains most of what is left of an output is added, and the weights of all chosen ones are fitted anew.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .moments import Moments

CHUNK = 64  # MB of covariances that are gathered at once


def pursuit(fit: Moments, k: int) -> tuple[Tensor, Tensor]:
    """The weight (inputs, outputs), with at most k values in each column that are not zero, and the bias (outputs,)."""
    if k < 1:
        raise ValueError(f"a sparse map takes at least 1 input for each output, not {k}")
    zz, zy, _ = fit.centred()
    p, q = zy.shape
    spread = zz.diagonal().clamp(min=0).sqrt()
    alive = spread > 1e-9 * spread.max().clamp(min=torch.finfo(zz.dtype).tiny)
    weight = torch.zeros_like(zy)
    for columns in torch.arange(q).split(max(1, (CHUNK << 20) // (8 * p * k))):
        weight[:, columns] = _pursued(zz, zy[:, columns], spread, alive, min(k, int(alive.sum())))
    mean_z, mean_y = fit.means()
    return weight, mean_y - mean_z @ weight


def _pursued(zz: Tensor, zy: Tensor, spread: Tensor, alive: Tensor, k: int) -> Tensor:
    p, q = zy.shape
    chosen = torch.empty(q, 0, dtype=torch.long)
    weight, rest = torch.zeros(p, q, dtype=zz.dtype), zy
    for _ in range(k):
        gain = torch.where(alive[:, None], rest.abs() / spread.clamp(min=1e-300)[:, None], -1.0)
        gain = gain.scatter(0, chosen.T, -1.0) if chosen.numel() else gain
        chosen = torch.cat([chosen, gain.argmax(0)[:, None]], 1)
        small = zz[chosen[:, :, None], chosen[:, None, :]]  # (q, chosen, chosen)
        right = zy.T.gather(1, chosen)[..., None]
        values = torch.linalg.lstsq(small, right).solution[..., 0]
        weight = torch.zeros(q, p, dtype=zz.dtype).scatter(1, chosen, values).T
        rest = zy - torch.einsum("pqk,qk->pq", zz[:, chosen], values)
    return weight
