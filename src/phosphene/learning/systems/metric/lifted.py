"""Lifted structure loss (Song, Xiang, Jegelka & Savarese, CVPR 2016): each positive pair against all negatives.

    J(i, j) = log( sum_k exp(m - D(i, k)) + sum_l exp(m - D(j, l)) ) + D(i, j),    loss = mean of 1/2 max(0, J)^2

over the pairs (i, j) of one class in a batch; k and l are all images of other classes. The logarithm is a smooth
maximum, in place of the hardest negative. D is the Euclidean distance of codes of length 1 here; m = 1 as in the paper.
The loss equals pytorch-metric-learning's, which holds a table of all positive by all negative pairs of a batch.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import normalize

from ...losses.lifted import lifted_loss
from .embedding import Embedding, EmbeddingConfig


@dataclass(frozen=True)
class LiftedConfig(EmbeddingConfig):
    """Those of every embedding, and the `margin`."""

    margin: float = 1.0


class Lifted(Embedding):
    """A network with the lifted structure loss."""

    name, title, settings = "lifted", "Lifted structure network", LiftedConfig
    config: LiftedConfig

    def loss(self, codes: Tensor, labels: Tensor | None) -> Tensor:
        assert labels is not None
        return lifted_loss(normalize(codes), labels, self.config.margin)
