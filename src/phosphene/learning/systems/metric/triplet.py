"""Triplet loss (Schroff, Kalenichenko & Philbin 2015): an anchor lies nearer to its positive than to its negative.

    max(0, D(a, p) - D(a, n) + m)

averaged over the triplets of a batch that are above 0. D is the Euclidean distance of codes of length 1, where FaceNet
takes its square. Most triplets of a batch are easy and teach nothing; the miner takes those whose negative is further
than the positive by less than the margin ('semihard'), those with the negative nearer ('hard'), or all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from .embedding import MINED, Embedding, EmbeddingConfig
from .library import library


@dataclass(frozen=True)
class TripletConfig(EmbeddingConfig):
    """Those of every embedding, the `miner` of triplets and the `margin`."""

    miner: Literal["semihard", "hard", "all"] = "semihard"
    margin: float = MINED


class Triplet(Embedding):
    """A network with the triplet loss."""

    name, title, settings = "triplet", "Triplet network", TripletConfig
    config: TripletConfig

    def build(self, shape: tuple[int, ...]) -> None:
        if self.config.miner not in ("semihard", "hard", "all"):
            raise ValueError(f"miner is 'semihard', 'hard' or 'all', not {self.config.miner!r}")
        super().build(shape)

    def loss(self, codes: Tensor, labels: Tensor | None) -> Tensor:
        margin, kind = self.config.margin, self.config.miner
        miner = library("miners").TripletMarginMiner(margin=margin, type_of_triplets=kind)
        return library("losses").TripletMarginLoss(margin=margin)(codes, labels, miner(codes, labels))
