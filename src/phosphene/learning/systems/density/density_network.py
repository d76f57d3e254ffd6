"""Density network (MacKay 1995): a decoder under a prior of codes, trained without an encoder.

    log p(x) ~ log 1/L sum_l p(x | z_l),  z_l ~ N(0, I), the same codes for a whole batch

It is a lower bound in the mean, and tight where L codes fill the space: in two dimensions, not in twenty.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ....network.opening.source import undisturbed
from ...nets.mlp import mlp
from ...sets.binarised import Binarise, binarised
from ...sets.examples import Batch, Examples, parts
from ...system import CHUNK, Config, System
from ...training.recipe import Recipe
from .latent import Likelihood, Likeliness, given_others, prior_estimate, quadrature

ESTIMATE = 40_000  # codes of the prior with which log p(x) is estimated where there is no grid
FOR_PIXELS = 4000  # codes of the prior with which single values are scored


@dataclass(frozen=True)
class DensityNetworkConfig(Config):
    """`codes` numbers in a code; `samples` of them are drawn for a step; `hidden` units in each of two layers."""

    codes: int = 2
    samples: int = 500
    hidden: int = 256
    likelihood: Likelihood = "bernoulli"
    binarise: Binarise = "static"


class DensityNetwork(System):
    """A decoder under a prior, by Monte Carlo."""

    name, title, settings = "density-network", "Density network", DensityNetworkConfig
    recipe = Recipe(steps=3000, batch=100, rate=1e-3)
    config: DensityNetworkConfig

    def build(self, shape: tuple[int, ...]) -> None:
        hidden = self.config.hidden
        self.decoder = mlp((self.config.codes, hidden, hidden, math.prod(shape)), nn.Tanh)
        self.likeliness = Likeliness(self.config.likelihood)

    def learns_from(self, examples: Examples) -> Examples:
        return binarised(examples, self.config.binarise) if self.config.likelihood == "bernoulli" else examples

    def steps(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        x = batch.x.flatten(1)
        codes = torch.randn(self.config.samples, self.config.codes, device=x.device)
        yield "network", math.log(self.config.samples) - self._conditional(x, codes).logsumexp(1).mean()

    def _conditional(self, x: Tensor, codes: Tensor) -> Tensor:
        """log p(x | z) (n, k) of every example with every code."""
        return self.likeliness.of_pairs(x, self.decoder(codes))

    @property
    def code_size(self) -> int:
        return self.config.codes

    @property
    def most_used(self) -> list[int]:
        return list(range(self.config.codes))  # none is known to say more than another

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        return self.likeliness.mean(self.decoder(codes.float())).view(len(codes), *self.shape)

    @torch.no_grad()
    def sample(self, count: int, *, seed: int = 0) -> Tensor:
        """Means of p(x | z) for codes of the prior, not draws: the noise of single pixels would hide them."""
        with undisturbed(seed):
            return self.decode(torch.randn(count, self.config.codes, device=self._device))

    @torch.no_grad()
    def prior_log_prob(self, x: Tensor, samples: int) -> Tensor:
        """Nats of each example with `samples` codes of the prior, the same ones for all; too low in the mean."""
        with undisturbed(0):
            return prior_estimate(self._conditional, self._checked(x).flatten(1).float(), self.config.codes, samples)

    @torch.no_grad()
    def log_prob(self, x: Tensor, samples: int | None = None) -> Tensor:
        """Nats of each example: on a grid for codes of one or two numbers, else with `samples` codes of the prior."""
        if samples is None and self.config.codes <= 2:
            return self.exact_log_prob(x)
        return self.prior_log_prob(x, samples or ESTIMATE)

    @torch.no_grad()
    def pixel_log_prob(self, x: Tensor) -> Tensor:
        """log p of each value given all others, with codes of the prior."""
        x = self._checked(x).float()
        with undisturbed(0):
            output = self.decoder(torch.randn(FOR_PIXELS, self.config.codes, device=x.device))
        nats = (self.likeliness.of_values(flat, output) for flat in x.flatten(1))
        return torch.stack([given_others(each.sum(1), each) for each in nats]).view_as(x)

    @torch.no_grad()
    def exact_log_prob(self, x: Tensor) -> Tensor:
        """Nats of each example by the integral over codes of one or two numbers; ValueError for more."""
        return quadrature(self._conditional, self._checked(x).flatten(1).float(), self.config.codes)

    @property
    def _device(self) -> torch.device:
        return next(self.parameters()).device

    def evaluate(self, examples: Examples) -> dict[str, float]:
        held = self.learns_from(examples)
        with undisturbed(0):  # where images are drawn anew for each batch, these are the same ones each time
            drawn = [batch.x for batch in parts(held, CHUNK)]
        scores = torch.cat([self.log_prob(x.to(self._device)).cpu() for x in drawn])
        way = "on a grid" if self.config.codes <= 2 else f"by {ESTIMATE:,} codes of the prior"
        return {f"−log p {way} (nats)": -float(scores.mean())}
