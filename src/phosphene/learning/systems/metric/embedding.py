"""What systems have in common that learn from classes, and are measured on classes that they have never seen.

A batch holds a few images each of several classes; the loss looks at all pairs or triples within it. Codes are compared
by their angle, so that they are divided by their length. Whole classes are held out: stated ones (`held_out`, their
names with commas), or half of all by the hashes of their names.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from ...checkpoints.held_out import some_places
from ...nets.conv import encoder as conv_encoder
from ...nets.mlp import mlp
from ...sets.balanced import Balanced
from ...sets.by_class import by_class
from ...sets.dataset import DataSet
from ...sets.examples import Batch, Examples, TensorExamples, parts
from ...system import CHUNK, Config, System
from ...training.recipe import Recipe
from .library import library
from .retrieval import map_at_r, nmi, recall_at_1
from .shown import LearnedCodes

MEASURED = 1500  # examples that are measured at most, drawn with one seed
RECALL, MAP_R, NMI = "recall@1", "MAP@R", "NMI"
PIXELS = "recall@1 of pixels"
COLLAPSED = 1e-3  # mean distance of two codes of length 1, below which they are all one


@dataclass(frozen=True)
class EmbeddingConfig(Config):
    """`codes` numbers in a code; `each` images of a class in a batch; `held_out` names classes, with commas."""

    codes: int = 64
    hidden: int = 256
    net: Literal["conv", "mlp"] = "conv"
    each: int = 4
    held_out: str = ""


class Embedding(System):
    """The network, its batches and its numbers; a subclass has the loss."""

    settings: ClassVar[type[Config]] = EmbeddingConfig
    recipe = Recipe(steps=1500, batch=128, rate=1e-3)
    result = LearnedCodes
    shown = 400
    mines = True  # whether triplets are mined from its codes

    def build(self, shape: tuple[int, ...]) -> None:
        config = self.config
        if config.net == "conv":
            self.body: nn.Module = conv_encoder(shape, config.codes, config.hidden)
        else:
            widths = (math.prod(shape), config.hidden, config.hidden, config.codes)
            self.body = nn.Sequential(nn.Flatten(), *mlp(widths))

    config: EmbeddingConfig

    def divided(self, data: DataSet) -> DataSet:
        names = [name.strip() for name in self.config.held_out.split(",") if name.strip()]
        return by_class(data, names)

    def learns_from(self, examples: Examples) -> Examples:
        if not isinstance(examples, TensorExamples):
            raise ValueError(f"a {self.name} system learns from images with classes")
        if self.config.each < 2:
            raise ValueError(f"pairs of one class take at least two images each, not {self.config.each}")
        return Balanced(examples, self.config.each)

    def steps(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        yield "network", self.loss(self.body(batch.x).float(), batch.labels)

    @abstractmethod
    def loss(self, codes: Tensor, labels: Tensor | None) -> Tensor:
        """The loss of a batch's codes (N, codes), as the network gives them."""

    # ---- what it can do

    def forward(self, x: Tensor) -> Tensor:
        """The codes (N, codes), of length 1."""
        return normalize(self.body(x))

    @torch.no_grad()
    def encode(self, x: Tensor) -> Tensor:
        return self(self._checked(x).float().to(next(self.parameters()).device)).cpu()

    def triplets(self, codes: Tensor, labels: Tensor) -> Tensor:
        """The places (n, 3) of anchors, positives and negatives that are hard for these codes: semi-hard ones.

        The negative is further from the anchor than the positive, and by less than the margin (Schroff et al. 2015).
        """
        miner = library("miners").TripletMarginMiner(margin=MINED, type_of_triplets="semihard")
        return torch.stack(miner(codes, labels), 1)

    # ---- how good it is

    def evaluate(self, examples: Examples) -> dict[str, float]:
        if not isinstance(examples, TensorExamples) or examples.labels is None:
            raise ValueError(f"a {self.name} system is measured on images with classes")
        some = examples.some(some_places(len(examples), MEASURED))
        assert some.labels is not None
        codes = torch.cat([self.encode(batch.x) for batch in parts(some, CHUNK)])
        pixels = torch.cat([batch.x.flatten(1) for batch in parts(some, CHUNK)])
        return {
            RECALL: recall_at_1(codes, some.labels),
            MAP_R: map_at_r(codes, some.labels),
            NMI: nmi(codes, some.labels),
            PIXELS: recall_at_1(normalize(pixels), some.labels),
            SPREAD: float(torch.pdist(codes[:1000]).mean()),
        }

    def remarks(self, numbers: Mapping[str, float]) -> list[str]:
        notes = ["the numbers are of classes that it has never seen"]
        if numbers[SPREAD] < COLLAPSED:
            notes.append("the codes have collapsed: all are one; a smaller learning rate or other triplets may help")
        return notes


MINED = 0.2  # the margin of triplets that are shown, and of the triplet loss
SPREAD = "mean distance of two codes"
