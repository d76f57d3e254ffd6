"""Groups of points: principal components and k-means, for a few hundred points.

k-means begins at points drawn far from each other (D. Arthur and S. Vassilvitskii, k-means++, 2007), goes on until no
point changes its group, and is tried several times; the try with the smallest sum of squared distances stands.
"""

from __future__ import annotations

import torch
from torch import Tensor

TRIES, ROUNDS = 10, 100


def principal(points: Tensor, most: int) -> Tensor:
    """The points (N, D) in at most `most` principal components, in float64: (N, at most `most`)."""
    centred = points.double() - points.double().mean(0)
    left, lengths, _ = torch.linalg.svd(centred, full_matrices=False)
    return (left * lengths)[:, :most]


def k_means(points: Tensor, groups: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Each point's group (N,), the largest first, and the groups' centres (groups, D).

    Raises ValueError for fewer points than groups.
    """
    if len(points) < groups:
        raise ValueError(
            f"{len(points)} photos can't be parted into {groups} groups; give more photos or ask for fewer"
        )
    tries = [_once(points, groups, generator) for _ in range(TRIES)]
    assigned, centres = min(tries, key=lambda each: float((points - each[1][each[0]]).square().sum()))
    order = torch.bincount(assigned, minlength=groups).argsort(descending=True, stable=True)
    return order.argsort()[assigned], centres[order]


def _once(points: Tensor, groups: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    centres = _drawn(points, groups, generator)
    assigned = torch.full((len(points),), -1)
    for _ in range(ROUNDS):
        nearest = torch.cdist(points, centres).argmin(1)
        if bool((nearest == assigned).all()):
            break
        assigned = nearest
        for group in range(groups):
            if bool((assigned == group).any()):
                centres[group] = points[assigned == group].mean(0)
    return assigned, centres


def _drawn(points: Tensor, groups: int, generator: torch.Generator) -> Tensor:
    """Points to begin at, each drawn with a chance that grows with its squared distance from those drawn before."""
    chosen = [int(torch.randint(len(points), (1,), generator=generator))]
    for _ in range(groups - 1):
        away = torch.cdist(points, points[chosen]).amin(1).square()
        chances = away if float(away.sum()) > 0 else torch.ones_like(away)
        chosen.append(int(torch.multinomial(chances, 1, generator=generator)))
    return points[chosen].clone()
