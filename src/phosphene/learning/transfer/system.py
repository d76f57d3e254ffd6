"""A network of other classes: all its weights learn, the head at the full rate and the body below at a tenth of it.

A body that was trained before knows more than a small folder can teach, so it moves slowly; the head is new, and begins
with the weights of the frozen network (`probe`). Beginning there changes the body less than a random head would, whose
first gradients are noise (A. Kumar et al., Fine-tuning can distort pretrained features, ICLR 2022). Batch norms keep
their means and variances: a batch of sixteen photos says little about them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import AdamW, Optimizer

from ...network import Labels, Preprocessing
from ...network.opening.source import Source
from ...network.running.outputs import log_probabilities
from ..checkpoints.card import Card
from ..sets.examples import Batch, Examples, parts
from ..system import Config, System
from ..training.recipe import Recipe
from .base import opened_base
from .features import scores
from .head import BEHIND, ScoreLayer, with_head
from .outcome import Transferred
from .results import TransferredNetwork

BODY = 0.1  # of the head's learning rate
EVALUATED = 16  # images at once


@dataclass(frozen=True)
class TransferConfig(Config):
    """What builds the network again: its base, the layer that was exchanged, its classes and its preprocessing."""

    base: Mapping[str, Any] | None = None
    layer: Mapping[str, Any] | None = None
    classes: tuple[str, ...] = ()
    preprocessing: Mapping[str, Any] | None = None
    head: str = "softmax"
    whole: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", tuple(self.classes))

    @property
    def score_layer(self) -> ScoreLayer:
        """The layer that was exchanged."""
        stated = dict(self.layer or {})
        return ScoreLayer(**{**stated, "after": tuple(stated.get("after", ()))})


class Transfer(System):
    """A network whose layer of scores was exchanged for one with other classes."""

    name, title = "transfer", "Transferred network"
    settings = TransferConfig
    recipe = Recipe(
        steps=600, batch=16, rate=1e-3, betas=(0.9, 0.99), decay=0.01, schedule="cosine", warmup=0.3, clip=5.0
    )
    result = Transferred

    config: TransferConfig

    def __init__(self, config: TransferConfig, module: nn.Module | None = None, architecture: Any = None) -> None:
        nn.Module.__init__(self)
        self.config = config
        if module is None:
            if config.layer is None or len(config.classes) < 2:
                raise ValueError(
                    "a transfer begins with a network: phosphene.transfer(network, folder), phosphene transfer FOLDER"
                )
            base = opened_base(config.base, architecture)
            module = with_head(base, config.score_layer, len(config.classes))
        self.module = module

    def build(self, shape: tuple[int, ...]) -> None:
        raise TypeError("a transfer is built from a network, not for a shape")

    @property
    def preprocessing(self) -> Preprocessing:
        return Preprocessing.from_dict(dict(self.config.preprocessing or {}))

    def players(self) -> Mapping[str, Iterable[nn.Parameter]]:
        return {"network": [weight for weight in self.module.parameters() if weight.requires_grad]}

    def optimiser(self, player: str, recipe: Recipe) -> Optimizer:
        head = {id(weight) for weight in self.module.get_submodule(self.config.score_layer.name or BEHIND).parameters()}
        weights = list(self.players()[player])
        groups = [
            {"params": [weight for weight in weights if id(weight) not in head], "lr": recipe.rate * BODY},
            {"params": [weight for weight in weights if id(weight) in head], "lr": recipe.rate},
        ]
        return AdamW(
            [group for group in groups if group["params"]], recipe.rate, recipe.betas, weight_decay=recipe.decay
        )

    def train(self, mode: bool = True) -> Transfer:
        """Batch norms stay as they are in evaluation."""
        super().train(mode)
        for part in self.modules():
            if isinstance(part, _BatchNorm):
                part.eval()
        return self

    def steps(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        yield "network", self._loss(scores(self.module, batch.x), batch.labels).mean()

    def _loss(self, rows: Tensor, labels: Tensor | None) -> Tensor:
        assert labels is not None
        return -log_probabilities(rows, self.config.head).gather(1, labels[:, None])[:, 0]

    def evaluate(self, examples: Examples) -> dict[str, float]:
        """The share of right answers and the cross entropy in nats."""
        right, loss, count = 0.0, 0.0, len(examples)
        for batch in parts(examples, EVALUATED):
            rows = scores(self.module, batch.x)
            right += float((rows.argmax(1) == batch.labels).sum())
            loss += float(self._loss(rows, batch.labels).sum())
        return {"accuracy": right / count, "cross entropy": loss / count}

    def forward(self, x: Tensor) -> Tensor:
        return scores(self.module, x)

    def classify(self, x: Tensor) -> Tensor:
        """The scores (N, classes) of the network's inputs (N, C, H, W)."""
        with torch.no_grad():
            return scores(self.module, x)

    def source(self, spec: str, card: Card) -> Source:
        """The network alone, as `load` opens the folder."""
        share = card.numbers["accuracy"]
        words = f"{', '.join(self.config.classes[:3])}{', …' if len(self.config.classes) > 3 else ''}"
        note = (
            f"learned {len(self.config.classes)} classes ({words}) from {card.data['name']}; right for {share:.1%} of "
        )
        note += f"{card.data['test']} held-out photos"
        return Source(
            self.module.eval(), self.preprocessing, Labels(self.config.classes), spec, (note,),
            self.config.head, TransferredNetwork.of(card),  # type: ignore[arg-type]
        )  # fmt: skip


def json_of(layer: ScoreLayer) -> dict[str, Any]:
    """The layer as a card holds it."""
    return asdict(layer)
