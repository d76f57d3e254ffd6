"""How well codes find examples of their own class among others: recall@1, MAP@R, NMI, and the vote of neighbours.

    recall@1   the share of examples whose nearest other one is of their class
    MAP@R      for an example whose class has R others, the mean over ranks i = 1 … R of the precision among the first
               i, counted where the i-th is of its class (Musgrave, Belongie & Lim 2020, eq. 2-3)
    NMI        2 I(classes; clusters) / (H(classes) + H(clusters)), with as many clusters of k-means as classes

Distances are Euclidean. Codes that are compared by their angle are divided by their length before.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...sets.partners import nearest

VOTES = 5


def recall_at_1(codes: Tensor, labels: Tensor) -> float:
    return float((labels[nearest(codes, 1)[:, 0]] == labels).float().mean())


def map_at_r(codes: Tensor, labels: Tensor) -> float:
    """Examples that are alone in their class are left out."""
    others = labels.bincount()[labels] - 1  # R of each
    most = int(others.max())
    right = (labels[nearest(codes, most)] == labels[:, None]) & (torch.arange(most) < others[:, None])
    precision = right.cumsum(1) / torch.arange(1, most + 1)
    return float(((precision * right).sum(1) / others.clamp_min(1))[others > 0].double().mean())


def nmi(codes: Tensor, labels: Tensor, seed: int = 0) -> float:
    from sklearn.cluster import KMeans
    from sklearn.metrics import normalized_mutual_info_score

    means = KMeans(len(labels.unique()), n_init=4, random_state=seed)
    return float(normalized_mutual_info_score(labels.numpy(), means.fit_predict(codes.double().numpy())))


def vote_accuracy(codes: Tensor, labels: Tensor, votes: int = VOTES) -> float:
    """The share of examples whose class is the most frequent among their nearest others; ties go to the nearer."""
    close = labels[nearest(codes, min(votes, len(codes) - 1))]
    count = (close[:, :, None] == close[:, None, :]).sum(2)
    first = count.argmax(1)  # the first of the largest
    return float((close.gather(1, first[:, None])[:, 0] == labels).float().mean())
