"""t-SNE's descent: points laid so that their t-distribution q comes close to given affinities p.

The gradient of KL(p, q) pulls each point to its neighbours and pushes it from all others (L. van der Maaten, G. Hinton,
Visualizing Data using t-SNE, JMLR 2008), up to a factor of 4 that the length of steps takes in:

    sum over j of p_ij (y_i - y_j) / (1 + d_ij^2)  -  1/Z · sum over j of (y_i - y_j) / (1 + d_ij^2)^2

with Z the sum of 1 / (1 + d^2) over all pairs. The push is -1/2 of the gradient, in y_i, of the potential
phi(y_i) = sum over j of 1 / (1 + d_ij^2), whose sum is Z + N. So the points are spread on a grid by cubic B-splines,
one convolution by FFT gives phi at the grid's points, and the same splines and their slopes give it and its gradient at
the points: the particle-mesh method (U. Essmann et al., A smooth particle mesh Ewald method, 1995). With a spacing of
0.35, where the kernel's width is 1, the push is exact to within some percent on maps whose points have neighbours, and
to a tenth among points much closer than that, as at the start. One kernel, one transform each way and 32 bits make it
several times faster than interpolating kernel by kernel (G. Linderman et al., 2019).

Steps have a momentum, and each coordinate its own gain, up by 0.2 while it goes on and down to 0.8 of itself when it
turns; they are N over the exaggeration long (A. Belkina et al., 2019), but none moves a point by more than 5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

SPACING = 0.35  # of the grid; the kernel's width is 1
ROOM = 1.1  # a grid is made so much wider than the points, so that it serves for many steps
BY_PAIRS = 1_000  # points up to which all pairs are faster than a grid
SMALLEST, LARGEST = 16, 8192  # points of the grid along a side
TOGETHER = 1 << 16  # pairs that are worked on at once: they should stay in a processor's cache
FURTHEST = 5.0  # that a step moves a point
UP, DOWN, LEAST = 0.2, 0.8, 0.01  # of gains


@dataclass(frozen=True)
class Phase:
    """Steps of one kind; `exaggeration` multiplies p in them."""

    steps: int
    exaggeration: float = 1.0
    momentum: float = 0.8


def laid_out(affinities: Any, start: np.ndarray, phases: Sequence[Phase]) -> tuple[np.ndarray, float]:
    """Positions (N, 2) whose q is close to p, and KL(p, q) in nats, to within the third decimal.

    ValueError where they don't stay finite, or grow without end.

    - `affinities`: p as a SciPy matrix in CSR format: symmetric, of sum 1, no row empty
    - `start`: positions (N, 2) to begin at, close together
    - `phases`: how, one after the other
    """
    y = torch.tensor(start, dtype=torch.float32)
    velocity, gains, repulsion = torch.zeros_like(y), torch.ones_like(y), Repulsion()
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        attraction = Attraction.of(affinities, pool)
        for phase in phases:
            for _ in range(phase.steps):
                push, total = repulsion.at(y)
                gradient = attraction.at(y).mul_(phase.exaggeration).sub_(push, alpha=1 / total)
                onwards = gradient * velocity < 0  # velocities point down
                gains = torch.where(onwards, gains + UP, gains * DOWN).clamp_(min=LEAST)
                velocity.mul_(phase.momentum).addcmul_(gains, gradient, value=-len(y) / phase.exaggeration)
                velocity.mul_((FURTHEST / velocity.norm(dim=1, keepdim=True)).clamp_(max=1))
                y += velocity
                y -= y.mean(0)
            _check(y)
        return y.double().numpy(), attraction.divergence(y, repulsion.at(y)[1])


@dataclass(frozen=True)
class _Rows:
    """Rows of the affinities, from `first` to `last`: how many entries each has, where it starts, columns, and p."""

    first: int
    last: int
    lengths: np.ndarray
    starts: np.ndarray
    columns: np.ndarray
    p: np.ndarray


@dataclass(frozen=True)
class Attraction:
    """The pull of neighbours, some rows at a time."""

    rows: tuple[_Rows, ...]
    pool: ThreadPoolExecutor

    @classmethod
    def of(cls, affinities: Any, pool: ThreadPoolExecutor) -> Attraction:
        bounds, columns = affinities.indptr.astype(np.int64), affinities.indices.astype(np.int64)
        p = affinities.data.astype(np.float32)
        chunks, first = [], 0
        while first < len(bounds) - 1:
            last = max(first + 1, int(np.searchsorted(bounds, bounds[first] + TOGETHER, side="right")) - 1)
            here, starts = slice(bounds[first], bounds[last]), bounds[first:last] - bounds[first]
            chunks.append(_Rows(first, last, np.diff(bounds[first : last + 1]), starts, columns[here], p[here]))
            first = last
        return cls(tuple(chunks), pool)

    def at(self, y: Tensor) -> Tensor:
        """The sum over j of p_ij (y_i - y_j) / (1 + d_ij^2), (N, 2)."""
        across, down = np.ascontiguousarray(y.numpy().T)
        forces = np.empty((2, len(y)), np.float32)

        def pulled(rows: _Rows) -> None:
            x, y = _apart(across, rows), _apart(down, rows)
            weights = _plus_one(x, y)
            np.divide(rows.p, weights, out=weights)
            here = slice(rows.first, rows.last)
            np.add.reduceat(np.multiply(x, weights, out=x), rows.starts, out=forces[0, here])
            np.add.reduceat(np.multiply(y, weights, out=y), rows.starts, out=forces[1, here])

        list(self.pool.map(pulled, self.rows))
        return torch.from_numpy(forces).T

    def divergence(self, y: Tensor, total: float) -> float:
        """KL(p, q) with Z = `total`."""
        across, down = np.ascontiguousarray(y.numpy().T)

        def part_of(rows: _Rows) -> float:
            p = rows.p.astype(np.float64)
            positive = p > 0
            apart = _plus_one(_apart(across, rows), _apart(down, rows))
            return float((p[positive] * np.log(p[positive] * apart[positive])).sum())

        return sum(self.pool.map(part_of, self.rows)) + math.log(total)


def _apart(values: np.ndarray, rows: _Rows) -> np.ndarray:
    """For every pair of the rows the value of its row less that of its column."""
    result = np.repeat(values[rows.first : rows.last], rows.lengths)
    result -= values.take(rows.columns)
    return result


def _plus_one(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """1 + d^2."""
    result = x * x
    result += y * y
    result += 1
    return result


class Repulsion:
    """The push of all points: their potential on a grid, by FFT."""

    def __init__(self) -> None:
        self.side = 0  # points of the grid, along a side

    def at(self, y: Tensor) -> tuple[Tensor, float]:
        """The sum over j of (y_i - y_j) / (1 + d_ij^2)^2, (N, 2), and Z, the sum of 1 / (1 + d^2) over all pairs."""
        if len(y) <= BY_PAIRS:
            return _of_pairs(y)
        _check(y)
        low = y.amin(0)
        self._fit(float((y.amax(0) - low).max()))
        at = (y - low) / SPACING
        first = at.floor()
        weights, slopes = _splines(at - first)
        steps = torch.arange(4)
        rows, columns = (first[:, axis, None].long() + steps for axis in (0, 1))
        index = (rows[:, :, None] * self.side + columns[:, None]).flatten()
        spread = (weights[:, 0, :, None] * weights[:, 1, None]).flatten()
        density = torch.zeros(self.side**2).index_add_(0, index, spread).view(self.side, self.side)
        near = self._convolved(density).index_select(0, index).view(-1, 4, 4)
        along = near @ torch.stack([weights[:, 1], slopes[:, 1]], 2)  # (N, 4, 2): the potential, and its slope across
        potential = (along[:, :, 0] * weights[:, 0]).sum(1)
        gradient = torch.stack([(along[:, :, 0] * slopes[:, 0]).sum(1), (along[:, :, 1] * weights[:, 0]).sum(1)], 1)
        push = gradient.mul_(-0.5 / SPACING)
        return push - push.mean(0), float(potential.sum(dtype=torch.float64)) - len(y)  # what all push on all is 0

    def _convolved(self, density: Tensor) -> Tensor:
        """The potential at the grid's points, flat; the grid is padded to twice its side, so that nothing wraps."""
        size = 2 * self.side
        spectrum = torch.fft.rfft2(density, (size, size)).mul_(self.kernel)
        spectrum = torch.fft.ifft(spectrum, dim=0)[: self.side]  # half of the second transform is not asked for
        return torch.fft.irfft(spectrum, size, dim=1)[:, : self.side].flatten()

    def _fit(self, span: float) -> None:
        """Makes a grid for points that span so much, if the last one is too small, or much too large."""
        needed = math.ceil(span / SPACING) + 5  # a spline reaches two points to either side
        if needed <= self.side <= 2 * max(SMALLEST, needed):
            return
        if needed > LARGEST:
            raise ValueError(f"the map has grown {span:,.0f} wide, too far for t-SNE; are the features very large?")
        from scipy.fft import next_fast_len

        self.side = next_fast_len(max(SMALLEST, int(needed * ROOM)), real=True)
        steps = torch.arange(2 * self.side, dtype=torch.float64)
        apart = (torch.minimum(steps, 2 * self.side - steps) * SPACING).square()
        kernel = torch.fft.rfft2(1 / (1 + apart[:, None] + apart)).real
        smooth = ((2 + torch.cos(steps * math.pi / self.side)) / 3).square()  # what spreading and reading take away
        self.kernel = (kernel / smooth[:, None] / smooth[: self.side + 1]).float()


def _check(y: Tensor) -> None:
    if not torch.isfinite(y).all():
        raise ValueError("t-SNE's positions don't stay finite; are the features very large?")


def _of_pairs(y: Tensor) -> tuple[Tensor, float]:
    """What `Repulsion.at` gives, from every pair."""
    total, forces = -float(len(y)), torch.empty_like(y)
    for part, out in zip(y.split(TOGETHER // len(y)), forces.split(TOGETHER // len(y)), strict=True):
        apart = [part[:, axis, None] - y[:, axis] for axis in (0, 1)]
        near = apart[0].square().addcmul_(apart[1], apart[1]).add_(1).reciprocal_()
        total += float(near.sum(1).sum(dtype=torch.float64))
        torch.stack([each.mul_(near).mul_(near).sum(1) for each in apart], 1, out=out)
    return forces, total


def _splines(f: Tensor) -> tuple[Tensor, Tensor]:
    """Cubic B-splines at four grid points around a place `f` (N, 2) after the second, and their slopes, (N, 2, 4)."""
    g = 1 - f
    weights = [g**3 / 6, 2 / 3 - f**2 + f**3 / 2, 2 / 3 - g**2 + g**3 / 2, f**3 / 6]
    slopes = [-(g**2) / 2, 1.5 * f**2 - 2 * f, 2 * g - 1.5 * g**2, f**2 / 2]
    return torch.stack(weights, 2), torch.stack(slopes, 2)
