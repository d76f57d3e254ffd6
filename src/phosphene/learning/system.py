"""A learned system: its settings, the networks that it trains, the steps of its training, and how good it is.

A system is one file that reads like the paper's algorithm box. `steps` is a generator: for each batch it yields
(player, loss), and the loop (`training.loop`) lets that player's weights descend that loss before the generator goes
on. So a system with one loss, a game of two or three players, and players that move several times a batch are written
alike:

    def steps(self, batch):
        fake = self.generator(self.noise(len(batch.x)))
        yield "critic", softplus(-self.critic(batch.x)).mean() + softplus(self.critic(fake.detach())).mean()
        yield "generator", softplus(-self.critic(fake)).mean()  # the critic has moved already
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ..network.opening.source import undisturbed
from .checkpoints.held_out import COUNT
from .reference import Reference
from .sets.dataset import DataSet
from .sets.examples import Examples, as_examples
from .training.recipe import Recipe
from .training.train import fitted

CHUNK = 256  # examples that are evaluated at once


@dataclass(frozen=True)
class Config:
    """The settings of a system, which training does not change. `shape` is that of one example, as the data have it."""

    shape: tuple[int, ...] | None = None


class System(nn.Module):
    """What every learned system has in common; what one can do beyond it is said in `abilities`.

    A system without a shape has no weights yet: `shaped` builds its networks for examples of a shape.
    """

    name: ClassVar[str]
    title: ClassVar[str]  # in captions
    settings: ClassVar[type[Config]] = Config
    recipe: ClassVar[Recipe] = Recipe()  # how it is trained where nothing else is said
    references: ClassVar[tuple[Reference, ...]] = ()  # numbers to compare with
    result: ClassVar[Any] = None  # what shows a folder with it, `result.of(folder)`, where that is not `Learned` itself
    shown: ClassVar[int] = COUNT  # held-out examples that are written beside the weights, for its pictures

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        if config.shape is not None:
            self.build(config.shape)

    @abstractmethod
    def build(self, shape: tuple[int, ...]) -> None:
        """Makes the networks, as attributes, for examples of this shape."""

    @abstractmethod
    def steps(self, batch: Any) -> Iterator[tuple[str, Tensor]]:
        """For each of the moves that a batch allows: the player that moves, and the loss that it descends."""

    @abstractmethod
    def evaluate(self, examples: Examples) -> dict[str, float]:
        """How good it is on examples that it has not learned from; the first number is the main one."""

    def forward(self, x: Tensor) -> Tensor:
        """What instruments look at when the system is opened as a network: its codes or scores of images."""
        raise TypeError(f"a {self.title.lower()} computes no layers of an image")

    def players(self) -> Mapping[str, Iterable[nn.Parameter]]:
        """Who moves, and the weights that each moves; one player with all weights, unless a system says more."""
        return {"network": self.parameters()}

    def optimiser(self, player: str, recipe: Recipe) -> Optimizer:
        """How a player descends its loss."""
        return recipe.optimiser(self.players()[player])

    def learns_from(self, examples: Examples) -> Examples:
        """The form of the examples that `steps` takes: the examples themselves, or pairs or triples of them."""
        return examples

    def divided(self, data: DataSet) -> DataSet:
        """The data set in the two parts that this system learns from and is measured on; as it comes, by default."""
        return data

    def remarks(self, numbers: Mapping[str, float]) -> list[str]:
        """What the numbers mean where that needs saying: a collapse, a bound that does not hold. A sentence each."""
        return []

    def shaped(self, shape: tuple[int, ...], seed: int = 0) -> Self:
        """The same system with networks for examples of this shape, its first weights drawn from the seed."""
        if self.config.shape == tuple(shape):
            return self
        if self.config.shape is not None:
            raise ValueError(f"this {self.name} takes examples {self.config.shape}, not {tuple(shape)}")
        with undisturbed(seed):
            return type(self)(replace(self.config, shape=tuple(shape)))

    def suited(self, examples: Examples, seed: int = 0) -> Self:
        """The same system with networks for these examples; by default their shape is all that matters."""
        return self.shaped(examples.shape, seed)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example. ValueError before it is known."""
        if self.config.shape is None:
            raise ValueError(f"this {self.name} has learned nothing yet, so it has no weights; fit it first")
        return self.config.shape

    def fit(self, data: Any, *, seed: int = 0, **recipe: Any) -> Self:
        """Learns from examples (N, ...), a tensor, an array or `Examples`, and gives the system that has learned.

        The other options are those of a `Recipe`: `steps`, `batch`, `rate`. Nothing is written to a disk.
        """
        return fitted(self, as_examples(data), replace(self.recipe, **recipe), seed)

    def _checked(self, x: Tensor) -> Tensor:
        """Examples as this system takes them. ValueError for another shape and for values that are no numbers."""
        x = torch.as_tensor(x)
        if tuple(x.shape[1:]) != self.shape:
            raise ValueError(
                f"this {self.name} takes examples (N, {', '.join(map(str, self.shape))}), not {(*x.shape,)}"
            )
        if not torch.isfinite(x).all():
            raise ValueError("there are values in it that are no finite numbers")
        return x
