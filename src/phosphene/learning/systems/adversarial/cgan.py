"""Class-conditional GAN (Mirza & Osindero 2014): both players are told the class.

The generator gets the class beside its noise, as one of K inputs that is 1. The critic gets it as K further channels of
the image, one of which is 1 everywhere. The networks are those of `dcgan`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import one_hot, softplus

from ....network.opening.source import undisturbed
from ...evaluation.generated import agreement_of
from ...reference import Reference
from ...sets.examples import Batch, Examples
from .dcgan import ASKED, CONFIDENT, DCGAN, ENTROPY, FRECHET, DCGANConfig, _first_weights, critic, generator
from .gan import CHUNK, GAN

AGREEMENT = "agreement with the class (%)"


@dataclass(frozen=True)
class CGANConfig(DCGANConfig):
    """`classes` is found in the data."""

    classes: int | None = None


class CGAN(GAN):
    """Generator and critic of convolutions that are told the class."""

    name, title, settings = "cgan", "Class-conditional adversarial pair", CGANConfig
    references = tuple(
        Reference(number, data, bound, ASKED, at_most)
        for data in ("mnist", "fashion-mnist")
        for number, bound, at_most in (
            (AGREEMENT, 95, False), (CONFIDENT, 90, False), (ENTROPY, 2.2, False), (FRECHET, 10, True)
        )
    )  # fmt: skip
    recipe = DCGAN.recipe
    config: CGANConfig

    def build(self, shape: tuple[int, ...]) -> None:
        if self.config.classes is None:
            raise ValueError(
                "cgan learns from images with classes, and these have none; give a sub-folder for each class"
            )
        self.generator = generator(shape, self.config.codes + self.config.classes, self.config.hidden)
        self.critic = critic(shape, shape[0] + self.config.classes, self.config.hidden)
        self.apply(_first_weights)

    def suited(self, examples: Examples, seed: int = 0) -> Self:
        """With as many classes as the examples have."""
        names = getattr(examples, "classes", None)
        with undisturbed(seed):
            classes = len(names) if names else None
            return type(self)(replace(self.config, shape=tuple(examples.shape), classes=classes))

    def steps(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        assert batch.labels is not None
        fake = self._made(self._noise(len(batch.x)), batch.labels)
        real_loss = softplus(-self._judged(batch.x, batch.labels)).mean()
        yield "critic", real_loss + softplus(self._judged(fake.detach(), batch.labels)).mean()
        yield "generator", softplus(-self._judged(fake, batch.labels)).mean()

    def _made(self, noise: Tensor, labels: Tensor) -> Tensor:
        return self.generator(torch.cat([noise, one_hot(labels, self.classes).to(noise.dtype)], 1))

    def _judged(self, x: Tensor, labels: Tensor) -> Tensor:
        maps = one_hot(labels, self.classes).to(x.dtype)[:, :, None, None].expand(-1, -1, *x.shape[2:])
        return self.critic(torch.cat([x, maps], 1))

    @property
    def classes(self) -> int:
        """How many classes there are."""
        assert self.config.classes is not None  # since it has weights
        return self.config.classes

    def forward(self, x: Tensor) -> Tensor:
        """The critic's logit of "real" for each class, (N, classes): what the instruments look at."""
        return torch.cat([self._judged(x, x.new_full((len(x),), label).long()) for label in range(self.classes)], 1)

    @torch.no_grad()
    def real_probability(self, x: Tensor) -> Tensor:
        """The critic's probability (N,) that examples are real, of the class that it finds most real."""
        return self(x).amax(1).sigmoid()

    @torch.no_grad()
    def decode_as(self, codes: Tensor, labels: Tensor) -> Tensor:
        parts = zip(codes.float().split(CHUNK), labels.split(CHUNK), strict=True)
        return torch.cat([self._made(*part) for part in parts])

    def decode(self, codes: Tensor) -> Tensor:
        """Images of the first class; `decode_as` takes others."""
        return self.decode_as(codes, torch.zeros(len(codes), dtype=torch.long, device=codes.device))

    @torch.no_grad()
    def sample(self, count: int, *, seed: int = 0, labels: Tensor | None = None) -> Tensor:
        """New images, of these classes (count,), or of all in turn."""
        with undisturbed(seed):
            noise = self._noise(count)
        if labels is None:
            labels = torch.arange(count) % self.classes
        if not ((labels >= 0) & (labels < self.classes)).all():
            raise ValueError(f"classes are 0 to {self.classes - 1}, not {labels.min()} to {labels.max()}")
        return self.decode_as(noise, labels.to(noise.device))

    def evaluate(self, examples: Examples) -> dict[str, float]:
        agreement = agreement_of(lambda labels: self.sample(len(labels), seed=1, labels=labels), examples)
        return {AGREEMENT: agreement, **super().evaluate(examples)}
