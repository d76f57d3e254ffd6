"""Probabilistic principal components (Tipping & Bishop 1999): x = W z + mu + e, z ~ N(0, I), e ~ N(0, sigma^2 I).

The best weights have a closed form (their eq. 7 and 8): with the eigenvalues l_1 >= l_2 >= ... of the covariance and
its first q eigenvectors U,

    sigma^2 = mean of l_(q+1) ... l_d,    W = U (L - sigma^2 I)^(1/2).

The density is that of one Gaussian, N(mu, W W' + sigma^2 I); a code is the mean of z given x; what is missing of an
image is the mean of it given the rest. `em` reaches the same weights step by step.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ....network.opening.source import undisturbed
from ...sets.examples import Examples, parts
from ...system import CHUNK, Config, System


@dataclass(frozen=True)
class PPCAConfig(Config):
    """`components` is q. `unbiased` divides the covariance by n − 1, as scikit-learn does, instead of by n."""

    components: int = 20
    unbiased: bool = False


class PPCA(System):
    """Probabilistic principal components."""

    name, title, settings = "ppca", "Probabilistic PCA", PPCAConfig
    config: PPCAConfig
    weights: Tensor
    mean: Tensor
    variance: Tensor

    def build(self, shape: tuple[int, ...]) -> None:
        size, components = math.prod(shape), self.config.components
        if not 1 <= components < size:
            raise ValueError(f"examples of {size} values have 1 to {size - 1} components, not {components}")
        self.register_buffer("weights", torch.zeros(size, components, dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(size, dtype=torch.float64))
        self.register_buffer("variance", torch.ones((), dtype=torch.float64))

    def players(self) -> dict[str, Any]:
        return {}

    def steps(self, batch: Any) -> Iterator[tuple[str, Tensor]]:
        raise TypeError("probabilistic PCA has no steps; its weights have a closed form")

    def solve(self, examples: Examples) -> None:
        mean, covariance = moments(examples, self.config.unbiased)
        self.mean = mean
        self.weights, self.variance = closed_form(covariance, self.config.components)

    # ---- what it can do

    @property
    def code_size(self) -> int:
        return self.config.components

    @property
    def most_used(self) -> list[int]:
        return list(range(self.config.components))  # in the order of their eigenvalues

    @property
    def inner(self) -> Tensor:
        """M = W'W + sigma^2 I, q × q."""
        return self.weights.T @ self.weights + self.variance * torch.eye(self.weights.shape[1], dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        """The mean of z given x, M^-1 W'(x − mu), (N, components): what the instruments look at."""
        projection = torch.linalg.solve(self.inner, self.weights.T).to(x.dtype)
        return torch.nn.functional.linear(x.flatten(1) - self.mean.to(x.dtype), projection)

    def encode(self, x: Tensor) -> Tensor:
        """The mean of z given x."""
        return self(self._checked(x).double()).float()

    def decode(self, codes: Tensor) -> Tensor:
        """The mean of x given z, W z + mu."""
        return (codes.double() @ self.weights.T + self.mean).view(len(codes), *self.shape).float()

    def log_prob(self, x: Tensor) -> Tensor:
        centred = self._checked(x).flatten(1).double() - self.mean
        size, components = self.weights.shape
        factor = torch.linalg.cholesky(self.inner)
        projected = torch.linalg.solve_triangular(factor, self.weights.T @ centred.T, upper=False)
        distances = (centred.square().sum(1) - projected.square().sum(0)) / self.variance
        volume = 2 * factor.diagonal().log().sum() + (size - components) * self.variance.log()
        return -0.5 * (size * math.log(2 * math.pi) + volume + distances)

    def pixel_log_prob(self, x: Tensor) -> Tensor:
        """log p of each value given all others, of variance 1 / P_ii about x_i − (P (x − mu))_i / P_ii, P = C^-1."""
        centred = self._checked(x).flatten(1).double() - self.mean
        projected = torch.linalg.solve(self.inner, self.weights.T @ centred.T)  # Woodbury's identity, C is never formed
        residual = (centred - (self.weights @ projected).T) / self.variance
        taken = (self.weights * torch.linalg.solve(self.inner, self.weights.T).T).sum(1)
        precision = (1 - taken) / self.variance
        nats = 0.5 * (precision.log() - math.log(2 * math.pi) - residual.square() / precision)
        return nats.view_as(x)

    def sample(self, count: int, *, seed: int = 0) -> Tensor:
        with undisturbed(seed):
            codes = torch.randn(count, self.weights.shape[1], dtype=torch.float64)
            noise = torch.randn(count, len(self.mean), dtype=torch.float64) * self.variance.sqrt()
        return (codes @ self.weights.T + self.mean + noise).view(count, *self.shape).float()

    def complete(self, x: Tensor, known: Tensor) -> Tensor:
        """The examples with the mean of what is not known, given what is."""
        flat, masks = self._checked(x).flatten(1).double(), known.expand_as(x).flatten(1)
        result = flat.clone()
        for row, mask in enumerate(masks):
            given, centred = self.weights[mask], flat[row, mask] - self.mean[mask]
            inner = given.T @ given + self.variance * torch.eye(given.shape[1], dtype=torch.float64)
            code = torch.linalg.solve(inner, given.T @ centred)
            result[row, ~mask] = self.weights[~mask] @ code + self.mean[~mask]
        return result.view_as(x).to(x.dtype)

    def evaluate(self, examples: Examples) -> dict[str, float]:
        scores = torch.cat([self.log_prob(batch.x) for batch in parts(examples, CHUNK)])
        errors = torch.cat(
            [(self.decode(self.encode(b.x)) - b.x).square().flatten(1).mean(1) for b in parts(examples, CHUNK)]
        )
        return {
            "log density (nats)": float(scores.mean()),
            "reconstruction error (mean square)": float(errors.mean()),
            "noise variance": float(self.variance),
        }


def moments(examples: Examples, unbiased: bool) -> tuple[Tensor, Tensor]:
    """The mean (d,) and covariance (d, d) of all values, in two passes, in 64-bit numbers."""
    count = len(examples)
    if count < 2:
        raise ValueError("a covariance takes two examples or more")
    mean = sum(batch.x.flatten(1).double().sum(0) for batch in parts(examples, CHUNK)) / count
    total = torch.zeros(len(mean), len(mean), dtype=torch.float64)
    for batch in parts(examples, CHUNK):
        centred = batch.x.flatten(1).double() - mean
        total.addmm_(centred.T, centred)
    return mean, total / (count - unbiased)


def closed_form(covariance: Tensor, components: int) -> tuple[Tensor, Tensor]:
    """W (d, q) and sigma^2 of the highest likelihood."""
    values, vectors = torch.linalg.eigh(covariance)
    values, vectors = values.flip(0).clamp_min(0), vectors.flip(1)
    variance = values[components:].mean().clamp_min(torch.finfo(values.dtype).tiny)
    # a vector's sign is free: the largest entry is positive, so that machines agree
    vectors = vectors[:, :components]
    vectors = vectors * vectors.gather(0, vectors.abs().argmax(0)[None]).sign()
    return vectors * (values[:components] - variance).clamp_min(0).sqrt(), variance


def em(covariance: Tensor, components: int, steps: int, seed: int = 0) -> Iterator[tuple[Tensor, Tensor, float]]:
    """W, sigma^2 and the mean log likelihood after each step of expectation maximisation (their eq. 29 and 30).

    It begins with a random W, and the likelihood never falls.
    """
    size = len(covariance)
    with undisturbed(seed):
        weights = torch.randn(size, components, dtype=torch.float64)
    variance = covariance.diagonal().mean()
    eye = torch.eye(components, dtype=torch.float64)
    for _ in range(steps):
        inner = weights.T @ weights + variance * eye
        projected = covariance @ weights
        latter = variance * eye + torch.linalg.solve(inner, weights.T @ projected)
        new = torch.linalg.solve(latter.T, projected.T).T
        variance = (covariance.diagonal().sum() - (projected * torch.linalg.solve(inner, new.T).T).sum()) / size
        weights = new
        yield weights, variance, likelihood(covariance, weights, variance)


def likelihood(covariance: Tensor, weights: Tensor, variance: Tensor) -> float:
    """The mean log likelihood of examples of this covariance about their mean."""
    size, components = weights.shape
    inner = weights.T @ weights + variance * torch.eye(components, dtype=torch.float64)
    volume = torch.linalg.slogdet(inner).logabsdet + (size - components) * variance.log()
    trace = (
        covariance.diagonal().sum() - (torch.linalg.solve(inner, weights.T) * (covariance @ weights).T).sum()
    ) / variance
    return float(-0.5 * (size * math.log(2 * math.pi) + volume + trace))
