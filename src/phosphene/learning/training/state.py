"""Where training stands: the step, the optimisers, the averages of the weights, and the losses so far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from .averages import Averages

if TYPE_CHECKING:
    from ..system import System
    from .recipe import Recipe

SHOWN = 100  # steps that a loss that is shown is the mean of
POINTS = 256  # of a curve of losses that is stored


class Descent:
    """An optimiser whose learning rate follows the recipe's schedule."""

    def __init__(self, optimiser: Optimizer) -> None:
        self.optimiser = optimiser
        self.rates = [group["lr"] for group in optimiser.param_groups]

    def step(self, share: float) -> None:
        for group, rate in zip(self.optimiser.param_groups, self.rates, strict=True):
            group["lr"] = rate * share
        self.optimiser.step()


class State:
    """Where training stands."""

    def __init__(self, system: System, recipe: Recipe) -> None:
        self.system, self.step, self.steps = system, 0, recipe.steps
        self.optimisers = {player: Descent(system.optimiser(player, recipe)) for player in system.players()}
        self.averages = None if recipe.average is None else Averages(system, recipe.average)
        self.losses = {player: Losses() for player in self.optimisers}

    def note(self, player: str, loss: float) -> None:
        self.losses[player].add(self.step, loss)

    @property
    def progress(self) -> str:
        """Each player's loss, the mean over the last steps."""
        return ", ".join(f"{player} {curve.recent:.4g}" for player, curve in self.losses.items() if curve.count)

    # ---- as tensors and as JSON, to go on from

    def tensors(self) -> dict[str, Tensor]:
        """All that changes with the steps: weights, averages, and what the optimisers remember."""
        held = {f"weights/{name}": value for name, value in self.system.state_dict().items()}
        if self.averages is not None:
            held |= {f"averages/{name}": value for name, value in self.averages.values.items()}
        for player, descent in self.optimisers.items():
            for at, values in descent.optimiser.state_dict()["state"].items():
                held |= {f"optimiser/{player}/{at}/{key}": torch.as_tensor(value) for key, value in values.items()}
        return held

    def numbers(self) -> dict[str, Any]:
        """The step, and the losses up to it."""
        count = 0 if self.averages is None else self.averages.count
        return {"step": self.step, "averaged": count, "losses": {p: c.to_list() for p, c in self.losses.items()}}

    def restore(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
        """Goes back to what `tensors` and `numbers` have said. LookupError or RuntimeError where they don't fit."""
        self.system.load_state_dict(_below("weights", tensors))
        if self.averages is not None:
            self.averages.load(_below("averages", tensors), int(numbers["averaged"]))
        for player, descent in self.optimisers.items():
            remembered: dict[int, dict[str, Tensor]] = {}
            for name, value in _below(f"optimiser/{player}", tensors).items():
                at, _, key = name.partition("/")
                remembered.setdefault(int(at), {})[key] = value
            state = descent.optimiser.state_dict()
            descent.optimiser.load_state_dict({**state, "state": remembered})
        self.step = int(numbers["step"])
        for player, curve in self.losses.items():
            curve.load(numbers["losses"][player])


def _below(part: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(f"{part}/"): value for name, value in tensors.items() if name.startswith(f"{part}/")}


class Losses:
    """A player's losses as a curve of bounded length: means over stretches of steps, which grow as steps go on."""

    def __init__(self) -> None:
        self.stretch, self.points, self.count = 1, [], 0
        self._sum, self._in_stretch = 0.0, 0
        self._mean = 0.0

    points: list[tuple[int, float]]

    def add(self, step: int, loss: float) -> None:
        self.count += 1
        self._mean += (loss - self._mean) / min(self.count, SHOWN)
        self._sum, self._in_stretch = self._sum + loss, self._in_stretch + 1
        if self._in_stretch == self.stretch:
            self.points.append((step, self._sum / self.stretch))
            self._sum, self._in_stretch = 0.0, 0
        if len(self.points) == POINTS:
            pairs = zip(self.points[::2], self.points[1::2], strict=True)
            self.points = [(late, (a + b) / 2) for (_, a), (late, b) in pairs]
            self.stretch *= 2

    @property
    def recent(self) -> float:
        """About the mean of the last hundred."""
        return self._mean

    def to_list(self) -> dict[str, Any]:
        rest = [self._sum, self._in_stretch]
        return {"stretch": self.stretch, "points": self.points, "count": self.count, "mean": self._mean, "rest": rest}

    def load(self, values: Mapping[str, Any]) -> None:
        self.stretch, self.count, self._mean = int(values["stretch"]), int(values["count"]), float(values["mean"])
        self.points = [(int(step), float(loss)) for step, loss in values["points"]]
        self._sum, self._in_stretch = float(values["rest"][0]), int(values["rest"][1])
