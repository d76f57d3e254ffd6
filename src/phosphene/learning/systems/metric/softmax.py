"""Features of a classifier, to compare with: the same network learns to name its classes by a softmax.

The codes are the values that a last linear layer takes; for classes that it has never seen they are compared like those
of the other embeddings.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ...sets.examples import Examples
from .embedding import Embedding, EmbeddingConfig


@dataclass(frozen=True)
class SoftmaxConfig(EmbeddingConfig):
    """Those of every embedding; `classes` is how many the last layer has room for."""

    classes: int = 1000


class Softmax(Embedding):
    """A network with a softmax over the classes that it learns from."""

    name, title, settings = "softmax", "Features of a classifier", SoftmaxConfig
    config: SoftmaxConfig

    def build(self, shape: tuple[int, ...]) -> None:
        super().build(shape)
        self.head = nn.Linear(self.config.codes, self.config.classes)

    def learns_from(self, examples: Examples) -> Examples:
        labels = getattr(examples, "labels", None)
        if labels is not None and int(labels.max()) >= self.config.classes:
            raise ValueError(
                f"there are classes up to number {int(labels.max())}; take classes={int(labels.max()) + 1}"
            )
        return super().learns_from(examples)

    def loss(self, codes: Tensor, labels: Tensor | None) -> Tensor:
        assert labels is not None
        return cross_entropy(self.head(codes), labels)
