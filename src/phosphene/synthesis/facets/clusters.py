"""Groups of points: principal components, t-SNE and k-means, by scikit-learn."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from torch import Tensor

TRIES = 10
PERPLEXITY = 30.0  # of t-SNE, as usual; less for fewer points


def principal(points: Tensor, most: int) -> Tensor:
    """The points (N, D) in at most `most` principal components, in float64: (N, at most `most`)."""
    from sklearn.decomposition import PCA

    values = points.double().cpu().numpy()
    with np.errstate(invalid="ignore"):  # points that are all alike have no variance to share out
        return torch.from_numpy(PCA(min(most, *values.shape), svd_solver="full").fit_transform(values))


def in_the_plane(points: Tensor, seed: int) -> Tensor:
    """The points (N, D) laid out in the plane so that neighbours stay neighbours (N, 2), in float64.

    t-SNE (L. van der Maaten and G. Hinton 2008), from the first two principal components; fewer than 4 points, or
    points of one component, stay as they are. The points must not all be alike.
    """
    from sklearn.manifold import TSNE

    values = points.double().cpu().numpy()
    if len(values) < 4 or values.shape[1] < 2:
        return torch.from_numpy(values)
    layout = TSNE(2, perplexity=min(PERPLEXITY, (len(values) - 1) / 3), init="pca", random_state=seed)
    return torch.from_numpy(layout.fit_transform(values)).double()


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
        clustering = KMeans(groups, n_init=TRIES, random_state=seed).fit(points.double().cpu().numpy())
    assigned, centres = torch.from_numpy(clustering.labels_).long(), torch.from_numpy(clustering.cluster_centers_)
    order = torch.bincount(assigned, minlength=groups).argsort(descending=True, stable=True)
    return order.argsort()[assigned], centres[order]
