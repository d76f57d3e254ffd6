"""Variational autoencoder (Kingma & Welling 2013; Rezende, Mohamed & Wierstra 2014).

An encoder gives for each image a Gaussian of codes, q(z | x) = N(m(x), s(x)^2); a decoder gives p(x | z). Both ascend

    ELBO = E_q log p(x | z) - beta KL(q(z | x) || N(0, I))  <=  log p(x)  for beta = 1,

with codes z = m + s e, e ~ N(0, I), so that the gradient goes through them. All numbers are sums over an image's
values, in nats. Reported is always the bound, with beta = 1; a beta that is not 1 changes only what is trained.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from ....network.opening.source import undisturbed
from ...nets.conv import decoder as conv_decoder
from ...nets.conv import encoder as conv_encoder
from ...nets.mlp import mlp
from ...reference import Reference
from ...sets.binarised import Binarise, binarised
from ...sets.examples import Batch, Examples, parts
from ...system import CHUNK, Config, System
from ...training.recipe import Recipe
from .latent import Likelihood, Likeliness, given_others, importance_estimate, prior_estimate, quadrature

IMPORTANCE, MEASURED = 1000, 1000  # codes for each of so many examples by which log p(x) is estimated
ACTIVE = 0.01  # nats of KL above which a code is in use
BOUND, ESTIMATE = "−ELBO (nats)", f"−log p by {IMPORTANCE:,} codes (nats)"
FIELD = "learning of MNIST by an encoder and decoder of 500 units, in ten minutes of two processor cores"


@dataclass(frozen=True)
class VAEConfig(Config):
    """`codes` numbers in a code; `hidden` units in each of two layers; `net` is 'mlp' or 'conv' (28 to 64 pixels)."""

    codes: int = 20
    hidden: int = 500
    net: Literal["mlp", "conv"] = "mlp"
    likelihood: Likelihood = "bernoulli"
    binarise: Binarise = "static"
    beta: float = 1.0


class VAE(System):
    """Variational autoencoder."""

    name, title, settings = "vae", "Variational autoencoder", VAEConfig
    recipe = Recipe(steps=14_000, batch=128, rate=1e-3)
    references = (Reference(BOUND, "mnist", 105, FIELD), Reference(ESTIMATE, "mnist", 98, FIELD))
    config: VAEConfig

    def build(self, shape: tuple[int, ...]) -> None:
        if self.config.beta < 0:
            raise ValueError(f"beta is at least 0, not {self.config.beta}")
        codes, hidden, size = self.config.codes, self.config.hidden, math.prod(shape)
        if self.config.net == "conv":
            self.encoder, self.decoder = conv_encoder(shape, 2 * codes, hidden), conv_decoder(shape, codes, hidden)
        else:
            self.encoder = nn.Sequential(nn.Flatten(), *mlp((size, hidden, hidden, 2 * codes)))
            self.decoder = nn.Sequential(*mlp((codes, hidden, hidden, size)), nn.Unflatten(1, shape))
        self.likeliness = Likeliness(self.config.likelihood)
        self.register_buffer("usage", torch.zeros(codes))  # the mean KL of each code on held-out examples

    usage: Tensor

    def learns_from(self, examples: Examples) -> Examples:
        return binarised(examples, self.config.binarise) if self.config.likelihood == "bernoulli" else examples

    def steps(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        reconstruction, divergence = self._terms(batch.x)
        yield "network", (self.config.beta * divergence.sum(1) - reconstruction).mean()

    def _posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The mean and log sigma (N, codes) of q(z | x)."""
        mean, log_sigma = self.encoder(x).float().chunk(2, 1)
        return mean, log_sigma.clamp(-10, 10)

    def _terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """One draw of log p(x | z), (N,), and the KL of each code, (N, codes)."""
        mean, log_sigma = self._posterior(x)
        codes = mean + log_sigma.exp() * torch.randn_like(mean)
        divergence = 0.5 * (mean.square() + (2 * log_sigma).exp() - 1) - log_sigma
        return self.likeliness(x.flatten(1), self.decoder(codes).float().flatten(1)), divergence

    # ---- what it can do

    @property
    def code_size(self) -> int:
        return self.config.codes

    @property
    def most_used(self) -> list[int]:
        return self.usage.argsort(descending=True).tolist()

    def forward(self, x: Tensor) -> Tensor:
        """The mean of q(z | x), (N, codes): what the instruments look at."""
        return self._posterior(x)[0]

    def encode(self, x: Tensor) -> Tensor:
        """The mean of q(z | x)."""
        with torch.no_grad():
            return self(self._checked(x).float())

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """E[x | z], values in [0, 1] for a Bernoulli decoder."""
        return self.likeliness.mean(self.decoder(codes.float()))

    @torch.no_grad()
    def sample(self, count: int, *, seed: int = 0) -> Tensor:
        """Means of p(x | z) for codes of the prior, not draws: the noise of single pixels would hide them."""
        with undisturbed(seed):
            return self.decode(torch.randn(count, self.config.codes, device=self._device))

    @torch.no_grad()
    def bound(self, x: Tensor) -> Tensor:
        """The ELBO (N,) of each example, in nats, with one code each drawn from q."""
        reconstruction, divergence = self._terms(self._checked(x).float())
        return reconstruction - divergence.sum(1)

    @torch.no_grad()
    def log_prob(self, x: Tensor, samples: int = IMPORTANCE) -> Tensor:
        """Nats of each example by importance sampling; a lower bound in the mean, and tighter than the ELBO."""
        x = self._checked(x).float()
        with undisturbed(0):
            return importance_estimate(self._conditional, x.flatten(1), *self._posterior(x), samples)

    @torch.no_grad()
    def pixel_log_prob(self, x: Tensor) -> Tensor:
        """log p of each value given all others, with codes of the encoder."""
        x, rows = self._checked(x).float(), []
        with undisturbed(0):
            for flat, mean, log_sigma in zip(x.flatten(1), *self._posterior(x), strict=True):
                noise = torch.randn(IMPORTANCE, len(mean), device=x.device)
                codes = mean + log_sigma.exp() * noise
                nats = self.likeliness.of_values(flat, self.decoder(codes).float().flatten(1))
                log_ratio = (0.5 * (noise.square() - codes.square()) + log_sigma).sum(1)  # log p(z) / q(z | x)
                rows.append(given_others(nats.sum(1) + log_ratio, nats))
        return torch.stack(rows).view_as(x)

    @torch.no_grad()
    def exact_log_prob(self, x: Tensor) -> Tensor:
        """Nats of each example by the integral over codes of one or two numbers; ValueError for more."""
        return quadrature(self._of_pairs, self._checked(x).flatten(1).float(), self.config.codes)

    @torch.no_grad()
    def prior_log_prob(self, x: Tensor, samples: int) -> Tensor:
        """Nats of each example with `samples` codes of the prior, the same ones for all: as without an encoder."""
        with undisturbed(0):
            return prior_estimate(self._of_pairs, self._checked(x).flatten(1).float(), self.config.codes, samples)

    def _of_pairs(self, x: Tensor, codes: Tensor) -> Tensor:
        """log p(x | z) (n, k) of every example with every code."""
        return self.likeliness.of_pairs(x, self.decoder(codes).flatten(1))

    def _conditional(self, x: Tensor, codes: Tensor) -> Tensor:
        output = self.decoder(codes.reshape(-1, codes.shape[-1])).view(*codes.shape[:-1], -1)
        return self.likeliness(x, output)

    @property
    def _device(self) -> torch.device:
        return next(self.parameters()).device

    # ---- how good it is

    @torch.no_grad()
    def evaluate(self, examples: Examples) -> dict[str, float]:
        held = self.learns_from(examples)
        bounds, divergences = [], []
        with undisturbed(0):
            for batch in parts(held, CHUNK):
                reconstruction, divergence = self._terms(batch.x.to(self._device))
                bounds.append((reconstruction - divergence.sum(1)).cpu())
                divergences.append(divergence.cpu())
        with undisturbed(0):  # where images are drawn anew for each batch, these are the same ones each time
            some = held.batch(torch.arange(min(MEASURED, len(held)))).x.to(self._device)
        estimates = torch.cat([self.log_prob(part) for part in some.split(CHUNK)])
        divergence = torch.cat(divergences).mean(0)
        self.usage.copy_(divergence)
        return {
            BOUND: -float(torch.cat(bounds).mean()),
            ESTIMATE: -float(estimates.mean()),
            "KL (nats)": float(divergence.sum()),
            "codes in use": float((divergence > ACTIVE).sum()),
        }

    def remarks(self, numbers: Mapping[str, float]) -> list[str]:
        used, codes = int(numbers["codes in use"]), self.config.codes
        notes = []
        if self.config.likelihood == "bernoulli":
            notes.append(f"images in black and white, {self.config.binarise} binarisation")
        if self.config.beta != 1:
            notes.append(f"trained with beta = {self.config.beta:g}; the bound that is reported has beta = 1")
        if used == 0:
            notes.append("the codes have collapsed: none says anything about the image, and the decoder ignores them")
        elif used < codes:
            notes.append(f"{codes - used} of {codes} codes are unused (each below {ACTIVE} nats)")
        return notes
