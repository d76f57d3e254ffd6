"""N-pair loss (Sohn, NIPS 2016): of N classes, each anchor finds its positive among the positives of all.

    mean over i of  -log( exp(a_i . p_i) / sum_j exp(a_i . p_j) )  +  lambda mean |code|^2

with one anchor and one positive of each class. The products take the codes' lengths along, which lambda keeps small;
when codes are compared afterwards, they are divided by their lengths.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from .embedding import Embedding, EmbeddingConfig
from .library import library


@dataclass(frozen=True)
class NPairConfig(EmbeddingConfig):
    """Those of every embedding, of which `each` is 2 here, and `penalty`, the weight of the codes' squared length."""

    each: int = 2
    penalty: float = 0.02


class NPair(Embedding):
    """A network with the N-pair loss."""

    name, title, settings = "n-pair", "N-pair network", NPairConfig
    config: NPairConfig

    def loss(self, codes: Tensor, labels: Tensor | None) -> Tensor:
        distance = library("distances").DotProductSimilarity(normalize_embeddings=False)
        products = library("losses").NPairsLoss(distance=distance)(codes, labels)
        return products + self.config.penalty * codes.square().sum(1).mean()
