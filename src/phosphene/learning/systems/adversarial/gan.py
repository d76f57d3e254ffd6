"""Generative adversarial network (Goodfellow and others 2014): a generator G against a critic D.

    critic       descends   E softplus(−D(x)) + E softplus(D(G(z)))
    generator    descends   E softplus(−D(G(z))),    z ~ N(0, I)

D gives a logit, so softplus(−D) is −log of the probability "real". The generator's loss is the paper's second one (its
section 3), whose gradient does not vanish while the critic is sure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ....network.opening.source import undisturbed
from ...evaluation.generated import remarks, scores_of
from ...nets.mlp import mlp
from ...sets.examples import Batch, Examples
from ...system import Config, System
from ...training.recipe import Recipe

CHUNK = 256  # samples that are made at once


@dataclass(frozen=True)
class GANConfig(Config):
    """`codes` numbers of noise; `hidden` units in each of two layers of both networks."""

    codes: int = 64
    hidden: int = 256


class GAN(System):
    """Generator and critic of fully connected layers, for images and for points."""

    name, title, settings = "gan", "Adversarial pair", GANConfig
    recipe = Recipe(steps=6000, batch=128, rate=2e-4, betas=(0.5, 0.999), average=0.995)
    config: GANConfig
    generator: nn.Module
    critic: nn.Module

    def build(self, shape: tuple[int, ...]) -> None:
        codes, hidden, size = self.config.codes, self.config.hidden, math.prod(shape)
        self.generator = nn.Sequential(*mlp((codes, hidden, hidden, size)), nn.Unflatten(1, shape))
        if len(shape) == 3:  # images have values from 0 to 1
            self.generator.append(nn.Sigmoid())
        self.critic = nn.Sequential(nn.Flatten(), *mlp((size, hidden, hidden, 1), lambda: nn.LeakyReLU(0.2)))

    def players(self) -> Mapping[str, Iterable[nn.Parameter]]:
        return {"critic": self.critic.parameters(), "generator": self.generator.parameters()}

    def steps(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        fake = self.generator(self._noise(len(batch.x)))
        yield "critic", softplus(-self.critic(batch.x)).mean() + softplus(self.critic(fake.detach())).mean()
        yield "generator", softplus(-self.critic(fake)).mean()

    def _noise(self, count: int) -> Tensor:
        return torch.randn(count, self.config.codes, device=next(self.parameters()).device)

    # ---- what it can do

    @property
    def code_size(self) -> int:
        return self.config.codes

    @property
    def most_used(self) -> list[int]:
        return list(range(self.config.codes))  # none is known to say more than another

    def forward(self, x: Tensor) -> Tensor:
        """The critic's logit of "real", (N, 1): what the instruments look at."""
        return self.critic(x)

    @torch.no_grad()
    def real_probability(self, x: Tensor) -> Tensor:
        """The critic's probability (N,) that examples are real."""
        return self.critic(x).sigmoid()[:, 0]

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        return torch.cat([self.generator(part) for part in codes.float().split(CHUNK)])

    @torch.no_grad()
    def sample(self, count: int, *, seed: int = 0) -> Tensor:
        with undisturbed(seed):
            return self.decode(self._noise(count))

    # ---- how good it is

    def evaluate(self, examples: Examples) -> dict[str, float]:
        return scores_of(lambda count: self.sample(count, seed=0), examples)

    def remarks(self, numbers: Mapping[str, float]) -> list[str]:
        return remarks(numbers)
