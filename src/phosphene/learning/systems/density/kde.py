"""Kernel density estimate (Parzen 1962): a Gaussian about each example, and their mean as the density.

    p(x) = 1/n sum_i N(x; x_i, h^2 I)

The bandwidth h is the one under which examples that are left out are most probable, each in turn. In many dimensions
there is no good h: docs/learning/kde.md shows how many examples it would take.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ....network.opening.source import undisturbed
from ...sets.examples import Examples, parts
from ...system import CHUNK, Config, System
from .latent import given_others

BANDWIDTHS = 25  # that are tried, equal steps of their logarithm
MOST = 4096  # examples that are left out in turn when a bandwidth is chosen


@dataclass(frozen=True)
class KDEConfig(Config):
    """`bandwidth` is h, in the examples' own units; None chooses it."""

    bandwidth: float | None = None
    count: int | None = None  # examples that it holds, found when it learns


class KDE(System):
    """A Gaussian about each example."""

    name, title, settings = "kde", "Kernel density estimate", KDEConfig
    config: KDEConfig

    def build(self, shape: tuple[int, ...]) -> None:
        if self.config.bandwidth is not None and not self.config.bandwidth > 0:
            raise ValueError(f"a bandwidth is above 0, not {self.config.bandwidth}")
        count = self.config.count or 0
        self.register_buffer("points", torch.zeros(count, math.prod(shape), dtype=torch.float64))
        self.register_buffer("h", torch.tensor(self.config.bandwidth or math.nan, dtype=torch.float64))

    points: Tensor
    h: Tensor

    def players(self) -> dict[str, Any]:
        return {}

    def steps(self, batch: Any) -> Iterator[tuple[str, Tensor]]:
        raise TypeError("a kernel density estimate has no steps; it holds its examples")

    def solve(self, examples: Examples) -> None:
        x = torch.cat([batch.x.flatten(1).double() for batch in parts(examples, CHUNK)])
        self.config = replace(self.config, count=len(x))
        self.points = x
        self.h = torch.tensor(self.config.bandwidth or best_bandwidth(x), dtype=torch.float64)

    def log_prob(self, x: Tensor) -> Tensor:
        return log_density(self._checked(x).flatten(1).double(), self.points, float(self.h))

    def pixel_log_prob(self, x: Tensor) -> Tensor:
        """log p of each value given all others, which say near which examples it should lie."""
        h, rows = float(self.h), []
        for flat in self._checked(x).flatten(1).double():
            exponents = (self.points - flat).square_().mul_(-0.5 / h**2)
            rows.append(given_others(exponents.sum(1), exponents) - math.log(h * math.sqrt(2 * math.pi)))
        return torch.stack(rows).view_as(x)

    def sample(self, count: int, *, seed: int = 0) -> Tensor:
        with undisturbed(seed):
            centres = self.points[torch.randint(len(self.points), (count,))]
            return (centres + self.h * torch.randn_like(centres)).view(count, *self.shape).float()

    def evaluate(self, examples: Examples) -> dict[str, float]:
        scores = torch.cat([self.log_prob(batch.x) for batch in parts(examples, CHUNK)])
        return {"log density (nats)": float(scores.mean()), "bandwidth": float(self.h)}


def log_density(x: Tensor, points: Tensor, h: float, without_own: bool = False) -> Tensor:
    """The log density (n,) of x (n, d) under Gaussians of bandwidth h about the points (m, d).

    `without_own` leaves out the point that lies where x does, of equal place in both.
    """
    dimensions, count = x.shape[1], len(points) - without_own
    constant = math.log(count) + dimensions * math.log(h * math.sqrt(2 * math.pi))
    result, mean = torch.empty(len(x), dtype=x.dtype), points.mean(0)
    x, points = x - mean, points - mean
    for start in range(0, len(x), CHUNK):
        some = x[start : start + CHUNK]
        exponents = squared_distances(some, points).mul_(-0.5 / h**2)
        if without_own:
            exponents[torch.arange(len(some)), torch.arange(start, start + len(some))] = -math.inf
        result[start : start + CHUNK] = exponents.logsumexp(1) - constant
    return result


def squared_distances(x: Tensor, points: Tensor) -> Tensor:
    """|x − y|² (n, m) as a product of matrices: much faster than the differences, and exact enough for 64-bit numbers
    that are centred.
    """
    squares = torch.addmm(points.square().sum(1), x, points.T, alpha=-2).add_(x.square().sum(1, keepdim=True))
    return squares.clamp_min_(0)


def best_bandwidth(x: Tensor) -> float:
    """The bandwidth with the highest mean log density of examples left out in turn.

    Of many examples only the first `MOST` are left out, and of these each is scored under the others.
    """
    if len(x) < 2:
        raise ValueError("a bandwidth is chosen by leaving examples out, which takes two of them; give bandwidth=")
    some = x[:MOST] - x[:MOST].mean(0)
    squares = squared_distances(some, some).fill_diagonal_(math.inf)
    nearest = squares.min(1).values.sqrt()
    typical = float(nearest[nearest > 0].median()) if (nearest > 0).any() else 0.0
    if typical == 0:
        raise ValueError("all examples are equal, so that no bandwidth fits them; give bandwidth=")
    dimensions, (low, high) = x.shape[1], (typical / 10 / math.sqrt(x.shape[1]), 3 * typical)
    tried = torch.logspace(math.log10(low), math.log10(high), BANDWIDTHS, dtype=x.dtype)

    def score(h: float) -> float:
        return float((squares * (-0.5 / h**2)).logsumexp(1).mean()) - dimensions * math.log(h)

    scores = [score(float(h)) for h in tried]
    best = max(range(len(scores)), key=scores.__getitem__)
    low, high = (math.log10(float(tried[min(max(best + side, 0), BANDWIDTHS - 1)])) for side in (-1, 1))
    fine = torch.logspace(low, high, BANDWIDTHS, dtype=x.dtype)
    return max(map(float, fine), key=score)
