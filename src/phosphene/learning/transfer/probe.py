"""The frozen network's head: logistic regression on its features, as a system of one loss.

    minimise over W, b:   mean over photos of -log softmax(W z + b)_class  +  |W|^2 / (2 C n)

z are the features less their mean over the n photos to learn from, divided by one number, the root mean square of all
deviations, so that C means the same for every network. That is what scikit-learn's `LogisticRegression(C)` minimises
for these z; the loss is convex, so that both end at the same W and b, whatever they begin with. Dividing each feature
by its own deviation, as its `StandardScaler` does, would make features that hardly ever change as loud as all others,
and the head worse (benchmarks/results/transfer.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..sets.examples import Batch, Examples, TensorExamples, parts
from ..system import CHUNK, Config, System
from ..training.recipe import Recipe

PENALTY = 0.1  # C


@dataclass(frozen=True)
class ProbeConfig(Config):
    """`classes` are so many; `penalty` is C, the smaller the stronger."""

    classes: int = 2
    penalty: float = PENALTY
    count: int = 1  # photos to learn from


class Probe(System):
    """A linear layer on scaled features."""

    name, title = "probe", "Linear head"
    settings = ProbeConfig
    recipe = Recipe(steps=1500, batch=4096, rate=0.03, schedule="cosine")

    config: ProbeConfig

    def build(self, shape: tuple[int, ...]) -> None:
        self.linear = nn.Linear(shape[0], self.config.classes)
        for weight in self.linear.parameters():
            nn.init.zeros_(weight)

    def steps(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        assert batch.labels is not None
        loss = functional.cross_entropy(self.linear(batch.x), batch.labels)
        penalty = self.linear.weight.square().sum() / (2 * self.config.penalty * self.config.count)
        yield "network", loss + penalty

    def evaluate(self, examples: Examples) -> dict[str, float]:
        """The share of right answers and the cross entropy in nats."""
        right, loss, count = 0.0, 0.0, len(examples)
        for batch in parts(examples, CHUNK):
            scores = self.linear(batch.x)
            right += float((scores.argmax(1) == batch.labels).sum())
            loss += float(functional.cross_entropy(scores, batch.labels, reduction="sum"))
        return {"accuracy": right / count, "cross entropy": loss / count}

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)


@dataclass(frozen=True, eq=False)
class Scale:
    """The mean of features (features,), and one deviation for all of them."""

    mean: Tensor
    deviation: float

    @classmethod
    def of(cls, features: Tensor) -> Scale:
        values = features.double()
        return cls(values.mean(0), float(values.var(0, unbiased=False).mean().sqrt()) or 1.0)

    def examples(self, features: Tensor, labels: Tensor) -> TensorExamples:
        """Scaled features with their classes."""
        return TensorExamples(((features.double() - self.mean) / self.deviation).float(), labels)

    def raw(self, probe: Probe) -> tuple[Tensor, Tensor]:
        """The probe's weights (classes, features) and biases (classes,) for features as the network computes them."""
        weight = probe.linear.weight.detach().cpu().double() / self.deviation
        return weight.float(), (probe.linear.bias.detach().cpu().double() - weight @ self.mean).float()


def probe_for(features: Tensor, classes: int, penalty: float) -> Probe:
    """The probe that has learned nothing, for so many classes of these features (n, features)."""
    if not penalty > 0:
        raise ValueError(f"penalty, C of the logistic regression, is above 0, not {penalty:g}")
    return Probe(ProbeConfig(tuple(features.shape[1:]), classes, penalty, len(features)))


def check_finite(features: Tensor, keys: list[str], network: str) -> None:
    """ValueError where a photo's features are no finite numbers."""
    bad = ~torch.isfinite(features).all(1)
    if bad.any():
        first = keys[int(bad.nonzero()[0])]
        raise ValueError(
            f"{network} computes NaN or infinite features for {int(bad.sum())} of {len(keys)} photos, the first "
            f"{first}; 'phosphene check' finds the layer where they begin"
        )
