"""L-BFGS for a batch of images, a search of its own for each: what one image does never changes another.

    d = −H g,    x ← x + t d,    t halved until f(x + t d) ≤ f(x) + 1e-4 t g · d

H is the usual product of the last differences of values and gradients (J. Nocedal 1980, algorithm 7.4 in Nocedal and
Wright, Numerical Optimization), with all dot products taken image by image. The network is evaluated for all images at
once. `torch.optim.LBFGS` sees one long vector instead: its one step length must suit all images, so that restarts or
targets of very unlike scores hold each other back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

ARMIJO = 1e-4  # how much of the decrease that the slope promises a step must bring
HALVINGS = 12


class SeparateLBFGS(Optimizer):
    """L-BFGS of each image by itself; values are (N, ...), the closure gives N losses and leaves their gradients.

    A step takes `iterations` steps of L-BFGS and evaluates once more than that, where no step must be shortened.
    `history` is the number of differences kept, `first` the length of the very first step: the largest change of any
    value.
    """

    def __init__(self, values: Iterable[Tensor], iterations: int = 5, history: int = 10, first: float = 0.1) -> None:
        super().__init__(values, {})
        self.values: list[Tensor] = [value for group in self.param_groups for value in group["params"]]
        self.iterations, self.history, self.first = iterations, history, first
        # differences of values, of gradients, 1 / their product
        self.corrections: list[tuple[Tensor, Tensor, Tensor]] = []

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor]) -> Any:  # type: ignore[override]
        closure = torch.enable_grad()(closure)
        began = losses = closure().detach()
        gradient = self._gradient()
        slack = 4 * torch.finfo(gradient.dtype).eps  # two evaluations of the same values can differ by as much
        for _ in range(self.iterations):
            at, before = self._at(), gradient
            direction = self._direction(gradient)
            slope = _dot(gradient, direction)
            lost = slope >= 0  # no way down, after rounding: the gradient's own
            direction = torch.where(lost[:, None], -gradient, direction)
            slope = torch.where(lost, -_dot(gradient, gradient), slope)
            length = self._first_length(direction)
            for _ in range(HALVINGS):
                self._put(at + length[:, None] * direction)
                losses_there = closure().detach()
                good = (
                    losses_there <= losses + ARMIJO * length * slope + slack * losses.abs()
                ) & losses_there.isfinite()
                if good.all():
                    break
                length = torch.where(good, length, length / 2)
            else:  # where nothing helps: stay, and begin anew
                length = torch.where(good, length, 0.0)
                self._put(at + length[:, None] * direction)
                losses_there = closure().detach()
                self.corrections = [(moved, changed, inverse * good) for moved, changed, inverse in self.corrections]
            losses, gradient = losses_there, self._gradient()
            self._keep(length[:, None] * direction, gradient - before)
        return began.sum()

    def _first_length(self, direction: Tensor) -> Tensor:
        """1 where the curvature is known, else what changes no value by more than `first`."""
        short = self.first / direction.abs().amax(1).clamp(min=1e-30)
        return torch.where(self._curved().any(0), 1.0, short) if self.corrections else short

    def _curved(self) -> Tensor:
        """Which images each difference says something of: (differences, N)."""
        return torch.stack([inverse > 0 for *_, inverse in self.corrections])

    def _direction(self, gradient: Tensor) -> Tensor:
        """−H g by the two loops."""
        direction, shares = -gradient, []
        for moved, changed, inverse in reversed(self.corrections):
            share = inverse * _dot(moved, direction)
            direction = direction - share[:, None] * changed
            shares.append(share)
        if self.corrections:
            curved = self._curved()
            scales = torch.stack([_dot(moved, y) / _dot(y, y).clamp(min=1e-30) for moved, y, _ in self.corrections])
            last = torch.where(curved, torch.arange(len(curved), device=curved.device)[:, None], -1).amax(0)
            scale = scales.gather(0, last.clamp(min=0)[None])[0]
            direction = direction * torch.where(last >= 0, scale, 1.0)[:, None]
        for (moved, changed, inverse), share in zip(self.corrections, reversed(shares), strict=True):
            direction = direction + (share - inverse * _dot(changed, direction))[:, None] * moved
        return direction

    def _keep(self, moved: Tensor, changed: Tensor) -> None:
        """Notes a difference; an image whose function did not curve upwards along it has the weight 0 there."""
        product = _dot(moved, changed)
        curves = product > 1e-10 * _dot(changed, changed)
        inverse = torch.where(curves, 1 / torch.where(curves, product, 1.0), 0.0)
        self.corrections = [*self.corrections, (moved, changed, inverse)][-self.history :]

    def _at(self) -> Tensor:
        return torch.cat([value.flatten(1) for value in self.values], 1)

    def _gradient(self) -> Tensor:
        return torch.cat([value.grad.flatten(1) for value in self.values], 1)  # type: ignore[union-attr]

    def _put(self, at: Tensor) -> None:
        for value, part in zip(self.values, at.split([v[0].numel() for v in self.values], 1), strict=True):
            value.copy_(part.reshape(value.shape))


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Dot products of the rows: (N,)."""
    return (a * b).sum(1)
