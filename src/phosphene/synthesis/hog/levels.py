"""The last steps to an image with a given HOG descriptor: in whole levels of 255, a pixel at a time.

    minimise E(x) = sum over cells c of w_c |h_c(x) - h_c(x_0)|^2 over images x of whole levels

h_c are a cell's summed votes (network/hog.py); where they are equal, so are the descriptors. w_c is the sum, over
the cell's blocks, of 1 over the block's squared norm, so that E measures what is left as L2 blocks see it.

Votes are whole: as an edge turns it votes for one direction and then, at once, for the next. No gradient sees these
jumps, and descent comes to rest among them. So a pixel is tried at other levels, and takes one of these, or stays,
with probabilities in proportion to exp(-E / T), while the temperature T falls (simulated annealing, S. Kirkpatrick,
C. Gelatt and M. Vecchi 1983). What comes out is what a file holds; nothing is rounded afterwards.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import torch

from ...network.hog import Cells, Settings
from ..engine.options import whole_seed

AROUND = np.array([(-1, 0), (1, 0), (0, -1), (0, 1)])  # the pixels whose gradients a pixel is part of
DOWN, RIGHT = np.array([1, -1, 0, 0]), np.array([0, 0, 1, -1])  # how their two gradients follow it
LARGEST = 64  # levels that a pixel may change by at once
SIZES = 8  # tried at a time, upwards and downwards
REACH = 255 + LARGEST


@dataclass(frozen=True)
class _Batch:
    """Pixels at one place of cells so far apart that no two change the same cell: n of them, with their neighbours."""

    pixels: np.ndarray  # (n,) into the flat image
    around: np.ndarray  # (4, n) into flat gradients; one past their end where the neighbour has no such gradient
    counts: np.ndarray  # (4, n) 1 where the neighbour votes, else 0
    slots: np.ndarray  # (4,) which of `cells` each neighbour votes in
    cells: np.ndarray  # (n, slots) into flat cells; one past their end where there is none


class Levels:
    """A grey image (H, W), uint8, on its way to the cells of `goal`; the same seed takes the same way."""

    def __init__(self, image: np.ndarray, goal: np.ndarray, settings: Settings, seed: int = 0) -> None:
        self.settings, self.generator = settings, np.random.default_rng(whole_seed(seed) % 2**64)
        self.height, self.width = image.shape
        self.tables = _votes(settings)  # the direction and the length of every gradient
        goal_votes = summed(goal, settings)
        self.weights = np.append(weights(goal_votes, settings), 0.0)
        # what is left of each cell's votes; one more cell, of weight 0, stands for those outside
        left = (summed(image, settings) - goal_votes).reshape(-1, settings.orientations)
        self.left = np.append(left, np.zeros((1, settings.orientations)), 0)
        self.values = image.astype(np.int64).ravel()
        self.down, self.right = (np.append(each.ravel(), 0) for each in _gradients(image))
        # batches of pixels that share no cell, so that all of one can be tried at once
        period = settings.cell * (1 + math.ceil(2 / settings.cell))
        self.batches = [self._batch_at(row, column, period) for row in range(period) for column in range(period)]
        self.batches = [each for each in self.batches if len(each.pixels)]

    @property
    def image(self) -> np.ndarray:
        """The image (H, W), uint8."""
        return self.values.reshape(self.height, self.width).astype(np.uint8)

    @property
    def error(self) -> float:
        """E as it stands."""
        return float((self.weights * np.square(self.left).sum(1)).sum())

    def sweep(self, temperature: float) -> int:
        """Tries every pixel once; how many changed."""
        order = self.generator.permutation(len(self.batches))
        return sum(self._try(self.batches[index], temperature) for index in order)

    def _try(self, batch: _Batch, temperature: float) -> int:
        # some changes, up and down, small ones more often
        sizes = np.unique(np.exp(self.generator.uniform(0, math.log(LARGEST), SIZES)).astype(np.int64))
        changes = np.concatenate([sizes, -sizes])
        before = self.values[batch.pixels]
        now = before[:, None] + changes
        # how each change moves E: sum w (|left + moved|² - |left|²); levels beyond 0 to 255 are ruled out
        moved = self._moved(batch, changes)
        cost = ((moved + 2 * self.left[batch.cells][:, None]) * moved).sum(3)
        cost = np.einsum("ncs,ns->nc", cost, self.weights[batch.cells])
        cost[(now < 0) | (now > 255)] = np.inf
        cost = np.concatenate([np.zeros((len(cost), 1)), cost], 1)  # the first is to stay
        # noise of Gumbel's distribution makes the smallest a draw in proportion to exp(-cost / T)
        choice = (cost - temperature * self.generator.gumbel(size=cost.shape)).argmin(1)
        who = choice.nonzero()[0]
        which = choice[who] - 1
        # take the changes: the levels, what is left of the votes, and the neighbours' gradients
        self.values[batch.pixels[who]] += changes[which]
        self.left[batch.cells[who]] += moved[who, which]
        for index, ends in enumerate(batch.around):
            counted = batch.counts[index, who] * changes[which]
            self.down[ends[who]] += DOWN[index] * counted
            self.right[ends[who]] += RIGHT[index] * counted
        return len(who)

    def _moved(self, batch: _Batch, changes: np.ndarray) -> np.ndarray:
        """How each change would move the votes (n, changes, slots, K) of the cells about each pixel."""
        many, kinds, slots = len(batch.pixels), self.settings.orientations, batch.cells.shape[1]
        # the neighbours' gradients before and after the change, as numbers of the tables' rows
        down, right = self.down[batch.around][..., None], self.right[batch.around][..., None]
        old = (down + REACH) * (2 * REACH + 1) + right + REACH
        turned = DOWN[:, None, None] * (2 * REACH + 1) + RIGHT[:, None, None]
        new = old + turned * changes
        # old votes are taken off and new ones added, each in its cell's slot and its direction
        first = np.arange(many * len(changes)).reshape(many, -1) * slots + batch.slots[:, None, None]
        spots = np.stack([np.broadcast_to(self.tables[0][old], new.shape), self.tables[0][new]]) + first * kinds
        votes = np.stack([np.broadcast_to(-self.tables[1][old], new.shape), self.tables[1][new]])
        votes = votes * batch.counts[..., None]
        votes_moved = np.bincount(spots.ravel(), votes.ravel(), many * len(changes) * slots * kinds)
        return votes_moved.reshape(many, len(changes), slots, kinds)

    def _batch_at(self, row: int, column: int, period: int) -> _Batch:
        cell = self.settings.cell
        rows, columns = self.height // cell, self.width // cell
        # one pixel of every period, and the cells that its four neighbours vote in
        at = np.mgrid[row : self.height : period, column : self.width : period].reshape(2, -1)
        within = np.array([row % cell, column % cell])
        offsets = (AROUND + within) // cell  # of the neighbours' cells from the pixel's own
        kinds, slots = np.unique(offsets, axis=0, return_inverse=True)
        cells = at // cell + kinds[..., None]  # (slots, 2, n)
        inside = (cells[:, 0] >= 0) & (cells[:, 0] < rows) & (cells[:, 1] >= 0) & (cells[:, 1] < columns)
        # which neighbours vote: not across the border, and only inside a cell
        around = at + AROUND[..., None]
        inner = np.where(
            DOWN[:, None] != 0,
            (around[:, 0] > 0) & (around[:, 0] < self.height - 1),
            (around[:, 1] > 0) & (around[:, 1] < self.width - 1),
        )  # pixels of the border have no gradient across it
        counts = inner & inside[slots.ravel()]
        flat = around[:, 0] * self.width + around[:, 1]
        return _Batch(
            at[0] * self.width + at[1],
            np.where(counts, flat, self.height * self.width),
            counts.astype(np.int64),
            slots.ravel(),
            np.where(inside, cells[:, 0] * columns + cells[:, 1], rows * columns).T,
        )


def summed(image: np.ndarray, settings: Settings) -> np.ndarray:
    """The summed votes (R, C, K) of the cells of an image (H, W) of whole levels."""
    bins, lengths = _votes(settings)
    cell, kinds = settings.cell, settings.orientations
    rows, columns = image.shape[0] // cell, image.shape[1] // cell
    down, right = (each[: rows * cell, : columns * cell] for each in _gradients(image))
    index = (down + REACH) * (2 * REACH + 1) + right + REACH
    number = np.arange(rows * cell)[:, None] // cell * columns + np.arange(columns * cell) // cell
    votes = np.bincount((number * kinds + bins[index]).ravel(), lengths[index].ravel(), rows * columns * kinds)
    return votes.reshape(rows, columns, kinds)


def weights(cells: np.ndarray, settings: Settings) -> np.ndarray:
    """The sum over each cell's blocks of 1 over their squared norms (R * C,), for cells (R, C, K)."""
    squares = np.square(cells).sum(2)
    high, wide = (side - settings.block + 1 for side in squares.shape)
    windows = [
        (slice(row, row + high), slice(column, column + wide))
        for row in range(settings.block)
        for column in range(settings.block)
    ]
    norms = sum(squares[window] for window in windows)
    sums = np.zeros_like(squares)
    for window in windows:
        sums[window] += 1 / (norms + 1)  # one vote of one level, where all is flat
    return sums.ravel()


def likest_scale(image: np.ndarray, goal: np.ndarray, settings: Settings) -> float:
    """How many times larger the votes of `image` are than those of `goal`, by least squares; 1 for a flat image."""
    votes, goal_votes = (summed(each, settings) for each in (image, goal))
    weight = weights(goal_votes, settings).reshape(*goal_votes.shape[:2], 1)
    return float((weight * votes * goal_votes).sum() / (weight * goal_votes * goal_votes).sum()) or 1.0


def _gradients(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Differences of the neighbours two apart, down and right; none across the border."""
    values = image.astype(np.int64)
    down, right = np.zeros_like(values), np.zeros_like(values)
    down[1:-1], right[:, 1:-1] = values[2:] - values[:-2], values[:, 2:] - values[:, :-2]
    return down, right


@functools.lru_cache(maxsize=4)
def _votes(settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """The direction and the length of every gradient of whole levels, flat over down and right from -REACH to REACH."""
    levels = torch.arange(-REACH, REACH + 1, dtype=torch.float64)
    gradients = torch.stack(torch.meshgrid(levels, levels, indexing="ij"))[None]
    votes = Cells(settings.orientations, settings.cell).whole(gradients)[0]
    lengths = gradients[0].square().sum(0).sqrt() * votes.sum(0)
    return votes.argmax(0).flatten().numpy(), lengths.flatten().numpy()
