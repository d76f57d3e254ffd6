"""Gradients integrated along a straight line from a baseline to an image, times its length, for one pixel each.

    a_i = (x_i − b_i) · ∫₀¹ ∂f/∂x_i (b + α (x − b)) dα  ≈  (x_i − b_i) · Σ_k w_k · ∂f/∂x_i (b + α_k (x − b))

Points run in batches and none is kept. A fixed rule spreads its points over the whole path; but a network often changes
its mind on a small part of it, which few of them meet. `adaptive` puts the points there: the signals of any part of the
path must sum to the value's change over that part, which is known from its ends, so every part checks itself, and those
that are off are halved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from torch import Tensor

from ...network.room import check_room, human, memory
from ..maps.fixed_units import gradients, values

Rule = Literal["gauss", "trapezoid", "middle", "riemann"]
PARTS = 8  # that an adaptive path begins with
NODES = 3  # of Gauss-Legendre in a part; an odd number, so that the middle one gives the value between the halves
OFF = 0.05  # of a part's change, or of that of the whole path / 16 where the part's is smaller
LEAST = 1 / 16
HALVINGS = 9
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Line:
    """The line from a baseline `start` to an `image` (C, H, W), and the units `at` of a layer asked along it."""

    network: Any
    image: Tensor
    start: Tensor
    layer: str
    at: Tensor
    batch: int

    def points(self, alphas: Sequence[float]) -> Tensor:
        return torch.stack([self.start + alpha * (self.image - self.start) for alpha in alphas])

    def values(self, alphas: Sequence[float]) -> Tensor:
        """(T, n), in float64 where there is such a thing."""
        batches_of_values = [
            values(self.network, self.points(alphas_at_once), self.layer, self.at)
            for alphas_at_once in batches(alphas, self.batch)
        ]
        return torch.cat(batches_of_values, 1).cpu().double()

    def zeros(self) -> Tensor:
        return self.image.new_zeros(len(self.at), *self.image.shape)


def rule_points(rule: str, steps: int) -> list[tuple[float, float]]:
    """The points α in [0, 1] of a rule and their weights, which sum to 1; ValueError for a rule that is not there."""
    if rule == "gauss":
        _check_gauss(steps)
    else:
        check_room(steps, 200, "steps={}: points of a path")
    k = np.arange(steps)
    if rule == "gauss":
        at, weights = np.polynomial.legendre.leggauss(steps)
        at, weights = (at + 1) / 2, weights / 2
    elif rule == "trapezoid":
        if steps < 2:
            raise ValueError("the trapezoid rule takes at least 2 steps, the two ends")
        at, weights = k / (steps - 1), np.where((k == 0) | (k == steps - 1), 0.5, 1.0) / (steps - 1)
    elif rule in ("middle", "riemann"):
        at, weights = (k + (0.5 if rule == "middle" else 1)) / steps, np.full(steps, 1 / steps)
    else:
        raise ValueError(f"rule is one of gauss, trapezoid, middle, riemann, not {rule!r}")
    return list(zip(at.tolist(), weights.tolist(), strict=True))


def _check_gauss(steps: int) -> None:
    """The points of Gauss-Legendre are the eigenvalues of a matrix of steps × steps numbers."""
    available = memory()
    if available is not None and 8 * steps**2 > available:
        raise ValueError(
            f"steps={steps:,} of the rule gauss take a matrix of {human(8 * steps**2)}, and this machine has "
            f"{human(available)}; at most {isqrt(available // 8):,} would fit, and rule='middle' takes more"
        )


def fixed(line: Line, points: Sequence[tuple[float, float]]) -> tuple[Tensor, int]:
    """The signals (T, C, H, W) by the points and weights of a rule, and how many points there were."""
    total = line.zeros()
    for weighted in batches(points, line.batch):
        along = line.points([alpha for alpha, _ in weighted])
        for sums, (_, path_gradients) in zip(total, gradients(line.network, along, line.layer, line.at), strict=True):
            for (_, weight), gradient in zip(weighted, path_gradients, strict=True):
                sums.add_(gradient, alpha=weight)
    return total * (line.image - line.start), len(points)


@dataclass(frozen=True)
class Part:
    """A part of the path, the values (T,) at its ends, and the numbers of the units that still need it."""

    low: float
    high: float
    first: Tensor
    last: Tensor
    units: tuple[int, ...]


def adaptive(line: Line) -> tuple[Tensor, int]:
    """The signals (T, C, H, W), and how many points it took.

    Halves every part of the path whose signals don't sum to the value's change over it, to 5 % of this change or of a
    sixteenth of the path's, up to nine times; for each unit by itself.
    """
    edges = np.linspace(0, 1, PARTS + 1).tolist()
    answers = line.values(edges)
    travelled = answers.diff(dim=1).abs().sum(1)  # up and down, over the whole path
    everyone = tuple(range(len(line.at)))
    parts = [Part(edges[i], edges[i + 1], answers[:, i], answers[:, i + 1], everyone) for i in range(PARTS)]
    total, points = line.zeros(), 0
    for halvings in range(HALVINGS + 1):
        halved: list[Part] = []
        for parts_at_once in batches(parts, max(1, line.batch // NODES)):
            points += NODES * len(parts_at_once)
            halved += _passed(line, parts_at_once, total, travelled, last=halvings == HALVINGS)
        parts = halved
        if not parts:
            break
    return total * (line.image - line.start), points


def _passed(line: Line, parts: Sequence[Part], total: Tensor, travelled: Tensor, *, last: bool) -> list[Part]:
    """Adds the gradients of the parts that are right to `total`; the halves of the others come back."""
    nodes = rule_points("gauss", NODES)
    every = sorted({unit for part in parts for unit in part.units})
    along = line.points([part.low + (part.high - part.low) * alpha for part in parts for alpha, _ in nodes])
    length = line.image - line.start
    middles = torch.zeros(len(parts), len(line.at), dtype=torch.float64)
    open_units: list[list[int]] = [[] for _ in parts]
    for unit, (value, by_image) in zip(every, gradients(line.network, along, line.layer, line.at[every]), strict=True):
        middles[:, unit] = value.view(-1, NODES)[:, NODES // 2].cpu().double()
        slopes = (by_image * length).sum((1, 2, 3)).cpu().double().view(-1, NODES)
        for index, part in enumerate(parts):
            if unit not in part.units:
                continue
            width, change = part.high - part.low, float(part.last[unit] - part.first[unit])
            gap = width * sum(weight * float(slope) for (_, weight), slope in zip(nodes, slopes[index], strict=True))
            allowed = OFF * max(abs(change), LEAST * float(travelled[unit]))
            if not last and abs(gap - change) > allowed:
                open_units[index].append(unit)
                continue
            for (_, weight), gradient in zip(nodes, by_image[index * NODES : (index + 1) * NODES], strict=True):
                total[unit].add_(gradient, alpha=width * weight)
    halves = []
    for part, middle, units in zip(parts, middles, open_units, strict=True):
        if units:
            between = (part.low + part.high) / 2
            halves.append(Part(part.low, between, part.first, middle, tuple(units)))
            halves.append(Part(between, part.high, middle, part.last, tuple(units)))
    return halves


def batches(items: Sequence[_Item], count: int) -> Iterator[Sequence[_Item]]:
    for first in range(0, len(items), count):
        yield items[first : first + count]


Integral = Callable[[Line], tuple[Tensor, int]]
