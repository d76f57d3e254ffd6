"""The loss of lifted structure (Song, Xiang, Jegelka & Savarese, CVPR 2016, eq. 4)."""

from __future__ import annotations

import torch
from torch import Tensor


def lifted_loss(codes: Tensor, labels: Tensor, margin: float = 1.0) -> Tensor:
    """The mean of ½ max(0, J)² over the pairs (i, j) of one class in a batch; 0 where there is none.

    J = log(Σ_k exp(m − D(i, k)) + Σ_l exp(m − D(j, l))) + D(i, j), where k and l are of other classes and D is the
    Euclidean distance. The sums are taken once for each image, so that the work grows with the square of the batch.
    """
    difference = codes[:, None] - codes[None]
    distances = difference.square().sum(2).clamp_min(1e-16).sqrt()
    same = labels[:, None] == labels[None]
    pulled = (margin - distances).masked_fill(same, -torch.inf).logsumexp(1)
    i, j = torch.nonzero(same.triu(1), as_tuple=True)
    if not len(i) or same.all():
        return 0 * codes.sum()
    return 0.5 * (torch.logaddexp(pulled[i], pulled[j]) + distances[i, j]).clamp_min(0).square().mean()
