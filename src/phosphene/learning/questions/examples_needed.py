"""How many examples a kernel density estimate needs, by the number of dimensions.

Silverman asks it (*Density estimation*, 1986, table 4.2): the density of N(0, I_d) is estimated at its centre, from n
examples of it. With the best bandwidth h, how large must n be for a relative mean square error of 0.1?

The answer has a closed form. A Gaussian of bandwidth h about an example x has the value K(x) at the centre, with

    E K   = (2 pi (1 + h^2))^(-d/2),    E K^2 = (2 pi h sqrt(h^2 + 2))^(-d),    p(0) = (2 pi)^(-d/2).

The bias is E K − p(0), and the variance is (E K^2 − (E K)^2) / n, so that

    n = (E K^2 − (E K)^2) / (0.1 p(0)^2 − (E K − p(0))^2),    smallest for the best h.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize_scalar

from ...instrument import Result, instrument
from ...picture import Block, DrawingBlock, Row, Sheet, Table, compact
from ...picture.chart import Axis, Chart, Curve, Dots, Reference
from ..systems.density.kde import log_density

MNIST = 60_000  # training images, as a measure of a large set
REPEATS, MOST = 200, 3000  # estimates for each measured dimension, of at most so many examples


@dataclass(frozen=True, eq=False, kw_only=True)
class ExamplesNeeded(Result):
    """Numbers of examples for 1, 2, … dimensions, with the best bandwidths, and errors that were measured with so many.

    `measured` are relative mean square errors of real estimates with that many examples, and their standard errors, for
    as many of the first dimensions as are quick.
    """

    error: float
    counts: np.ndarray = field(repr=False)
    bandwidths: np.ndarray = field(repr=False)
    measured: tuple[tuple[float, float], ...]

    def sheet(self) -> Sheet:
        """Examples against dimensions."""
        dimensions = np.arange(1, len(self.counts) + 1)
        chart = Chart(
            [Curve(dimensions, self.counts, "examples needed"), Reference(MNIST, "the 60,000 images of MNIST")],
            Axis("dimensions", whole=True),
            Axis("examples", scale="log"),
            width=560,
            height=300,
        )
        beyond = next((number for number, count in zip(dimensions, self.counts, strict=True) if count > MNIST), None)
        title = "How many examples does a kernel density estimate need?"
        words = (
            f"For a relative mean square error of {self.error:g} at the centre of a Gaussian, with the best bandwidth"
        )
        subtitle = f"{words}; from {beyond} dimensions on more than MNIST has" if beyond else words
        charts: list[Block] = [DrawingBlock(chart.drawing(), "Examples that it takes")]
        if self.measured:
            charts.append(DrawingBlock(self._measured().drawing(), "The error that so many examples really have"))
        blocks: list[Block] = [Row(charts) if len(charts) > 1 else charts[0]]
        most = f"{len(self.counts)} take {compact(self.counts[-1])} examples"
        caption = f"An image of 28 × 28 pixels has 784 dimensions; {most}."
        return Sheet(title, subtitle, blocks, caption=caption, description=f"{title} {subtitle}.")

    def _measured(self) -> Chart:
        means, errors = (np.array(each) for each in zip(*self.measured, strict=True))
        names = [str(number + 1) for number in range(len(means))]
        dots = Dots(means, means - 2 * errors, means + 2 * errors, "measured, ± 2 standard errors")
        reference = Reference(self.error, "asked for")
        return Chart([dots, reference], Axis("dimensions", names=names), Axis("relative error", low=0), 460, 300)

    def table(self) -> Table:
        """Dimensions, examples and bandwidths."""
        rows = zip(self.counts, self.bandwidths, strict=True)
        body = [[str(number), f"{math.ceil(count):,}", f"{h:.2f}"] for number, (count, h) in enumerate(rows, 1)]
        return Table(["dimensions", "examples", "best bandwidth"], body)

    def to_dict(self) -> dict[str, Any]:
        rows = zip(self.counts.tolist(), self.bandwidths.tolist(), strict=True)
        return {
            "error": self.error,
            "rows": [{"dimensions": n, "examples": count, "bandwidth": h} for n, (count, h) in enumerate(rows, 1)],
            "measured": [{"error": mean, "standard_error": wide} for mean, wide in self.measured],
        }


@instrument
def examples_needed(dimensions: int = 12, *, error: float = 0.1, seed: int = 0) -> ExamplesNeeded:
    """How many examples a kernel density estimate needs, by the number of dimensions, with the best bandwidth.

    - `dimensions`: up to how many
    - `error`: the relative mean square error that is allowed at the centre of a Gaussian, below 1
    - `seed`: where the random numbers begin, of the estimates that check it

    After Silverman, *Density estimation for statistics and data analysis*, 1986, table 4.2.
    """
    if not 1 <= dimensions <= 100:
        raise ValueError(f"dimensions are 1 to 100, not {dimensions}")
    if not 0 < error < 1:
        raise ValueError(f"a relative error lies between 0 and 1, not at {error:g}")
    best = [fewest(number, error) for number in range(1, dimensions + 1)]
    measured = []
    for number, (count, h) in enumerate(best, 1):
        if count > MOST:
            break
        measured.append(measured_error(number, math.ceil(count), h, seed))
    counts, bandwidths = (np.array(each) for each in zip(*best, strict=True))
    return ExamplesNeeded(error=error, counts=counts, bandwidths=bandwidths, measured=tuple(measured))


def fewest(dimensions: int, error: float) -> tuple[float, float]:
    """The number of examples with the best bandwidth, and that bandwidth."""

    def needed(h: float) -> float:
        """Examples for a bandwidth, with densities in units of p(0); infinite where the bias alone is too large."""
        mean = (1 + h * h) ** (-dimensions / 2)
        square = (h * math.sqrt(h * h + 2)) ** -dimensions
        left = error - (1 - mean) ** 2
        return (square - mean * mean) / left if left > 0 else math.inf

    # the bias alone reaches the error at this bandwidth
    widest = math.sqrt((1 - math.sqrt(error)) ** (-2 / dimensions) - 1)
    h = minimize_scalar(lambda log_h: math.log(needed(math.exp(log_h))), method="bounded",
                        bounds=(math.log(widest / 20), math.log(widest * (1 - 1e-9)))).x  # fmt: skip
    return needed(math.exp(h)), math.exp(h)


def measured_error(dimensions: int, count: int, h: float, seed: int) -> tuple[float, float]:
    """The relative mean square error of estimates from `count` examples each, and its standard error."""
    chance = torch.Generator().manual_seed(seed + dimensions)
    centre = torch.zeros(1, dimensions, dtype=torch.float64)
    true = -dimensions / 2 * math.log(2 * math.pi)
    squares = []
    for _ in range(REPEATS):
        x = torch.randn(count, dimensions, generator=chance, dtype=torch.float64)
        squares.append(math.expm1(float(log_density(centre, x, h)) - true) ** 2)
    return float(np.mean(squares)), float(np.std(squares) / math.sqrt(REPEATS))
