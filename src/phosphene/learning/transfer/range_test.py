"""The learning-rate finder: a copy learns for a few steps while its rate rises from tiny to huge.

The loss falls while the rate is useful and rises where it is too large (L. N. Smith, Cyclical learning rates for
training neural networks, WACV 2017, section 3.3). The turn is the largest rate up to which the smoothed loss is not
above its beginning; the rate to train at is a tenth of it.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..training.loop import DivergedError
from ..training.recipe import Recipe
from ..training.train import training

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from ..sets.examples import Examples
    from ..system import System

LOW, HIGH = 1e-4, 1.0  # rates
STEPS = 24
SMOOTH = 0.8  # of the running mean that stands for the loss
WORSE = 4.0  # times the first loss, where the test ends
SHARE = 0.1  # of the turn


@dataclass(frozen=True)
class Rising(Recipe):
    """A recipe whose rate rises geometrically from LOW to HIGH over its steps."""

    def rate_at(self, step: int) -> float:
        return (LOW / HIGH) ** (1 - step / max(1, self.steps - 1))


@dataclass(frozen=True)
class RangeTest:
    """The loss at each rate, smoothed, and the rate that follows."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    turn: float
    chosen: float

    def to_dict(self) -> dict[str, Any]:
        return {"rates": list(self.rates), "losses": list(self.losses), "turn": self.turn, "chosen": self.chosen}


def range_test(
    system: System, examples: Examples, recipe: Recipe, seed: int, fabric: Fabric, steps: int = STEPS
) -> Iterator[RangeTest]:
    """The test after every step; the system itself does not learn."""
    settings = {**vars(recipe), "steps": steps, "rate": HIGH, "average": None}
    rising = Rising(**settings)
    trial = copy.deepcopy(system)
    state, moves = training(trial, examples, rising, seed, fabric)
    rates: list[float] = []
    smoothed: list[float] = []
    mean = 0.0
    try:
        for count, _ in enumerate(moves, 1):
            ((_, curve),) = state.losses.items()
            loss = curve.points[-1][1]
            mean = SMOOTH * mean + (1 - SMOOTH) * loss
            rates.append(HIGH * rising.rate_at(count - 1))
            smoothed.append(mean / (1 - SMOOTH**count))
            yield judged(rates, smoothed)
            if not math.isfinite(loss) or smoothed[-1] > WORSE * max(smoothed[0], 0.1):
                return
    except DivergedError:
        if not rates:
            raise
        yield judged(rates, smoothed)


def judged(rates: list[float], losses: list[float]) -> RangeTest:
    """The turn of a curve and the rate to train at."""
    turn = max(rate for rate, loss in zip(rates, losses, strict=True) if loss <= losses[0] * (1 + 1e-6))
    return RangeTest(tuple(rates), tuple(losses), turn, max(SHARE * turn, LOW))


def at_rate(recipe: Recipe, rate: float) -> Recipe:
    """The recipe at another rate."""
    return replace(recipe, rate=rate)
