"""Models with a hidden code: z ~ N(0, I), x ~ p(x | z), and the ways to compute p(x) = E_z p(x | z).

    prior       log 1/K sum_k p(x | z_k), z_k ~ p(z): right in the mean of p, too low in the mean of its logarithm
    importance  log 1/K sum_k p(x | z_k) p(z_k) / q(z_k | x), z_k ~ q: the same with codes that suit x
    quadrature  the integral itself, on a grid; for codes of one or two numbers

The first needs a number of samples that grows exponentially with the codes; the second does not, which is what an
encoder is for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

Likelihood = Literal["bernoulli", "gaussian"]
LOG_2PI = math.log(2 * math.pi)
AT_ONCE = 1 << 24  # values (examples × codes × values of an example) that are held at once
REACH, GRID = 5.0, 201  # of the grid: −5 to 5 in 201 steps for each code


class Likeliness(nn.Module):
    """log p(x | z) from a decoder's output: of each value a Bernoulli's logit, or a Gaussian's mean.

    The Gaussian's variance is one learned number.
    """

    def __init__(self, kind: Likelihood) -> None:
        super().__init__()
        if kind not in ("bernoulli", "gaussian"):
            raise ValueError(f"likelihood is 'bernoulli' or 'gaussian', not {kind!r}")
        self.kind = kind
        if kind == "gaussian":
            self.log_sigma = nn.Parameter(torch.tensor(-1.0))

    def forward(self, x: Tensor, output: Tensor) -> Tensor:
        """(...,) nats of x (..., d) under outputs (..., d), which broadcast."""
        return self.of_values(x, output).sum(-1)

    def of_values(self, x: Tensor, output: Tensor) -> Tensor:
        """The same of each value, (..., d)."""
        if self.kind == "bernoulli":
            return x * output - softplus(output)
        scaled = (x - output) * (-self.log_sigma).exp()
        return -0.5 * scaled.square() - self.log_sigma - 0.5 * LOG_2PI

    def of_pairs(self, x: Tensor, output: Tensor) -> Tensor:
        """(n, k) nats of each x (n, d) under each of the outputs (k, d), as one product of matrices."""
        if self.kind == "bernoulli":
            return x @ output.T - softplus(output).sum(1)
        squares = torch.cdist(x, output).square() * (-2 * self.log_sigma).exp()
        return -0.5 * squares - x.shape[-1] * (self.log_sigma + 0.5 * LOG_2PI)

    def mean(self, output: Tensor) -> Tensor:
        """E[x | z]."""
        return output.sigmoid() if self.kind == "bernoulli" else output

    def draw(self, output: Tensor) -> Tensor:
        """x ~ p(x | z)."""
        if self.kind == "bernoulli":
            return torch.bernoulli(output.sigmoid())
        return output + self.log_sigma.exp() * torch.randn_like(output)


Conditional = Callable[[Tensor, Tensor], Tensor]  # x (n, d), z (k, q) -> log p(x | z) (n, k)


def prior_estimate(conditional: Conditional, x: Tensor, codes: int, samples: int) -> Tensor:
    """log p(x) (n,) by `samples` codes drawn from the prior, the same ones for every x."""
    total = torch.full((len(x),), -math.inf, device=x.device)
    for count in _portions(samples, len(x) * x.shape[1]):
        some = conditional(x, torch.randn(count, codes, device=x.device)).logsumexp(1)
        total = torch.logaddexp(total, some)
    return total - math.log(samples)


def quadrature(conditional: Conditional, x: Tensor, codes: int) -> Tensor:
    """log p(x) (n,) by the trapezoid rule on a grid of codes. ValueError for more than two of them."""
    if codes > 2:
        raise ValueError(f"a grid serves codes of one or two numbers, not of {codes}")
    axis = torch.linspace(-REACH, REACH, GRID, device=x.device)
    grid = torch.cartesian_prod(*[axis] * codes).view(-1, codes)
    log_weights = -0.5 * grid.square().sum(1) - 0.5 * codes * LOG_2PI + codes * math.log(2 * REACH / (GRID - 1))
    total, start = torch.full((len(x),), -math.inf, device=x.device), 0
    for count in _portions(len(grid), len(x) * x.shape[1]):
        part = slice(start, start + count)
        total = torch.logaddexp(total, (conditional(x, grid[part]) + log_weights[part]).logsumexp(1))
        start += count
    return total


def importance_estimate(
    decoded: Callable[[Tensor, Tensor], Tensor], x: Tensor, mean: Tensor, log_sigma: Tensor, samples: int
) -> Tensor:
    """log p(x) (n,) by codes drawn from N(mean, sigma²) of each x; `decoded(x, z)` is log p(x | z) of z (k, n, q)."""
    total = torch.full((len(x),), -math.inf, device=x.device)
    for count in _portions(samples, x.numel()):
        noise = torch.randn(count, *mean.shape, device=x.device)
        codes = mean + log_sigma.exp() * noise
        log_prior = -0.5 * (codes.square() + LOG_2PI).sum(-1)
        log_posterior = (-0.5 * (noise.square() + LOG_2PI) - log_sigma).sum(-1)
        total = torch.logaddexp(total, (decoded(x, codes) + log_prior - log_posterior).logsumexp(0))
    return total - math.log(samples)


def given_others(log_weights: Tensor, nats: Tensor) -> Tensor:
    """log p(x_i | all other values) (d,) of one x, from draws of codes.

    `log_weights` (k,) are log p(x, z_k) less the logarithm of the density that z_k was drawn from; `nats` (k, d) are
    log p(x_i | z_k). As p(x_i | rest) = p(x) / p(rest), and a draw's weight for the rest lacks x_i alone.
    """
    return log_weights.logsumexp(0) - (log_weights[:, None] - nats).logsumexp(0)


def _portions(samples: int, values: int) -> list[int]:
    """The samples in portions that fit into memory."""
    if samples < 1:
        raise ValueError(f"a mean takes at least one sample, not {samples}")
    portion = max(1, min(samples, AT_ONCE // max(1, values)))
    return [min(portion, samples - start) for start in range(0, samples, portion)]
