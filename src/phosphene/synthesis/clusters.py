"""Groups of points: principal components and k-means, by scikit-learn."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from torch import Tensor

TRIES = 10


def principal(points: Tensor, most: int) -> Tensor:
    """The points (N, D) in at most `most` principal components, in float64: (N, at most `most`)."""
    from sklearn.decomposition import PCA

    values = points.double().cpu().numpy()
    with np.errstate(invalid="ignore"):  # points that are all alike have no variance to share out
        return torch.from_numpy(PCA(min(most, *values.shape), svd_solver="full").fit_transform(values))


def k_means(points: Tensor, groups: int, seed: int) -> tuple[Tensor, Tensor]:
    """Each point's group (N,), the largest first, and the groups' centres (groups, D).

    Raises ValueError for fewer points than groups.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    if len(points) < groups:
        raise ValueError(
            f"{len(points)} photos can't be parted into {groups} groups; give more photos or ask for fewer"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # points that are alike leave groups empty
        found = KMeans(groups, n_init=TRIES, random_state=seed).fit(points.double().cpu().numpy())
    assigned, centres = torch.from_numpy(found.labels_).long(), torch.from_numpy(found.cluster_centers_)
    order = torch.bincount(assigned, minlength=groups).argsort(descending=True, stable=True)
    return order.argsort()[assigned], centres[order]
