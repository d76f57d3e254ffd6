"""Pattern networks: images that a small function of the place paints (CPPN, K. Stanley, 2007).

A compositional pattern-producing network takes a pixel's coordinates x and y, its distance d from the middle, and 1,
and gives its hue, saturation and brightness. Each unit has one of a few functions, such as a sine or a bell, which is
where the regular, symmetric and repeated patterns come from. Evolution changes weights, adds and removes connections,
adds units, and changes functions.

All genomes of a batch have the same room: units 0 to 3 are the inputs, the last 3 the outputs, and those between are
used or not. A connection leads from a lower to a higher unit, so that one pass in their order computes all. Weights are
a matrix (units, units) with zeros where there is no connection. The hue's weight for itself is the hue that it counts
from: functions at their limits are whole numbers, and all such hues would be red.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..engine.objectives import Size
from .encodings import Genomes

INPUTS, OUTPUTS = 4, 3
HUE = -OUTPUTS  # the first of the outputs
FUNCTIONS: tuple[tuple[str, Callable[[Tensor], Tensor]], ...] = (
    ("sine", lambda s: (math.pi * s).sin()),
    ("bell", lambda s: 2 * (-2 * s * s).exp() - 1),
    ("sigmoid", lambda s: (2 * s).tanh()),
    ("line", lambda s: s.clamp(-3, 3)),
    ("fold", lambda s: s.abs().clamp(max=3)),
    ("step", lambda s: s.sign()),
)
# What the first networks have beyond outputs that see all inputs, chosen by the highest confidences that 256 of their
# like reach with the embedded network: benchmarks/results/fooling.md.
UNITS, CONNECTIONS, STRENGTH = 12, 24, 2.0


@dataclass(frozen=True)
class Patterns:
    """Pattern networks with room for `hidden` units beside the inputs and outputs.

    A child draws how much it changes: the deviation of normal noise on its weights, evenly in its logarithm between
    `least` and `most`, and the share of its weights that get it. With the probability `turn` its pattern is also moved,
    turned and stretched by as much; it gains a unit, gains or loses a connection, and changes a function with the
    probabilities of these names.
    """

    size: Size
    hidden: int = 20
    least: float = 0.02
    most: float = 1.5
    turn: float = 0.3
    unit: float = 0.5
    connect: float = 0.6
    cut: float = 0.2
    function: float = 0.3

    @property
    def text(self) -> str:
        return f"pattern networks (CPPN) of up to {self.hidden} hidden units"

    @property
    def founding(self) -> int:
        return 32

    @property
    def units(self) -> int:
        return INPUTS + self.hidden + OUTPUTS

    def random(self, count: int, generator: torch.Generator) -> Genomes:
        """Networks whose outputs see all inputs, with UNITS more units and CONNECTIONS more connections."""
        weights = torch.zeros(count, self.units, self.units)
        weights[:, -OUTPUTS:, :INPUTS] = torch.randn(count, OUTPUTS, INPUTS, generator=generator)
        genomes = {"weights": weights, "functions": self._functions(count, generator)}
        everyone = torch.ones(count, dtype=torch.bool)
        for _ in range(UNITS):
            self._add_unit(genomes, everyone, generator)
        for _ in range(CONNECTIONS):
            self._connect(weights, everyone, generator)
        weights *= STRENGTH
        weights[:, HUE, HUE] = torch.rand(count, generator=generator)
        return genomes

    def mutated(self, parents: Genomes, generation: int, generator: torch.Generator) -> Genomes:
        genomes = {name: values.clone() for name, values in parents.items()}
        weights = genomes["weights"]
        count = len(weights)

        def happens(probability: float) -> Tensor:
            return torch.rand(count, generator=generator) < probability

        noise = self.least * (self.most / self.least) ** torch.rand(count, 1, 1, generator=generator)
        share = 0.05 + 0.6 * torch.rand(count, 1, 1, generator=generator)
        changed = (torch.rand(weights.shape, generator=generator) < share) & (weights != 0)
        weights += changed * noise * torch.randn(weights.shape, generator=generator)
        self._turn(weights, happens(self.turn)[:, None, None] * noise / 2, generator)
        self._add_unit(genomes, happens(self.unit), generator)
        self._connect(weights, happens(self.connect), generator)
        self._cut(weights, happens(self.cut), generator)
        other, at = self._functions(count, generator), torch.randint(self.units, (count,), generator=generator)
        here = happens(self.function)[:, None] & (torch.arange(self.units) == at[:, None])
        genomes["functions"] = torch.where(here, other, genomes["functions"])
        return genomes

    def images(self, genomes: Genomes) -> Tensor:
        """The patterns as uint8 (N, 3, H, W)."""
        weights, functions = genomes["weights"], genomes["functions"]
        height, width = self.size
        values = torch.zeros(len(weights), self.units, height * width)
        values[:, :INPUTS] = coordinates(self.size)
        needed = used(weights)
        for unit in range(INPUTS, self.units):
            if not needed[:, unit].any():
                continue
            sums = torch.bmm(weights[:, unit : unit + 1, :unit], values[:, :unit])[:, 0]
            for number, (_, function) in enumerate(FUNCTIONS):
                rows = ((functions[:, unit] == number) & needed[:, unit]).nonzero()[:, 0]
                if len(rows):
                    values[rows, unit] = function(sums[rows])
        values[:, HUE] += weights[:, HUE, HUE, None]
        painted = from_hsv(values[:, -OUTPUTS:]).view(len(weights), 3, height, width)
        return (painted * 255).round().to(torch.uint8)

    def _functions(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.randint(len(FUNCTIONS), (count, self.units), generator=generator)

    def _turn(self, weights: Tensor, strength: Tensor, generator: torch.Generator) -> None:
        """The place (x, y) that a pattern sees becomes (x, y) + strength (A (x, y) + b), with normal A and b."""
        turned = strength * torch.randn(len(weights), 2, 2, generator=generator)
        moved = strength * torch.randn(len(weights), 2, 1, generator=generator)
        old_weights = weights[:, :, :2].clone()
        weights[:, :, :2] += old_weights @ turned
        weights[:, :, 3:4] += old_weights @ moved

    def _add_unit(self, genomes: Genomes, happens: Tensor, generator: torch.Generator) -> None:
        """An unused unit gets a connection from a lower used unit and one to a higher used one."""
        weights = genomes["weights"]
        for index in happens.nonzero()[:, 0].tolist():
            genome = weights[index]
            alive = used(genome[None])[0]
            free = (~alive).nonzero()[:, 0]
            if not len(free):
                continue
            unit = int(free[_draw(len(free), generator)])
            below, above = alive[:unit].nonzero()[:, 0], unit + 1 + alive[unit + 1 :].nonzero()[:, 0]
            genome[unit] = 0
            source, goal = below[_draw(len(below), generator)], above[_draw(len(above), generator)]
            genome[unit, source], genome[goal, unit] = torch.randn(2, generator=generator)

    def _connect(self, weights: Tensor, happens: Tensor, generator: torch.Generator) -> None:
        for index in happens.nonzero()[:, 0].tolist():
            alive = used(weights[index : index + 1])[0].nonzero()[:, 0]
            goals = alive[alive >= INPUTS]
            goal = goals[_draw(len(goals), generator)]
            sources = alive[(alive < goal) & (alive < self.units - OUTPUTS)]
            source = sources[_draw(len(sources), generator)]
            weights[index, goal, source] = torch.randn((), generator=generator)

    def _cut(self, weights: Tensor, happens: Tensor, generator: torch.Generator) -> None:
        for index in happens.nonzero()[:, 0].tolist():
            connections = weights[index].nonzero()
            if len(connections) > 1:
                goal, source = connections[_draw(len(connections), generator)].tolist()
                weights[index, goal, source] = 0


def used(weights: Tensor) -> Tensor:
    """Which units (N, units) an output can see: inputs and outputs always, others if a connection leaves them."""
    result = (weights != 0).any(1)
    result[:, :INPUTS] = result[:, -OUTPUTS:] = True
    return result


def _draw(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (1,), generator=generator))


def coordinates(size: Size) -> Tensor:
    """x and y in [-1, 1] along the shorter side, the distance from the middle, and 1: (4, H * W)."""
    height, width = size
    short = min(size)
    down = (torch.arange(height) + 0.5 - height / 2) / (short / 2)
    right = (torch.arange(width) + 0.5 - width / 2) / (short / 2)
    y, x = torch.meshgrid(down, right, indexing="ij")
    return torch.stack([x, y, (x * x + y * y).sqrt(), torch.ones_like(x)]).flatten(1)


def from_hsv(values: Tensor) -> Tensor:
    """RGB in [0, 1] (N, 3, P) of hue (any number, of period 1), saturation and brightness (clipped to [0, 1])."""
    hue, saturation, brightness = values.unbind(1)
    saturation, brightness = saturation.abs().clamp(max=1), brightness.abs().clamp(max=1)
    turned = (hue[:, None] + hue.new_tensor([0.0, 2 / 3, 1 / 3])[:, None]) % 1  # of red, green and blue
    pure = ((turned * 6 - 3).abs() - 1).clamp(0, 1)
    return brightness[:, None] * (1 + saturation[:, None] * (pure - 1))
