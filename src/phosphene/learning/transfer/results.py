"""What a transfer gives: a network that knows how good it is."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ...measures.proportion import Proportion
from ...network import Network
from ..checkpoints.card import Card


class TransferredNetwork(Network):
    """A network that a transfer made. `card` is what stands in its folder beside the weights."""

    def __init__(self, *args: Any, card: Card, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.card = card

    @classmethod
    def of(cls, card: Card) -> Callable[..., TransferredNetwork]:
        """What makes such a network of a module."""
        return partial(cls, card=card)

    @property
    def accuracy(self) -> float:
        """The share of the held-out photos that it answers rightly."""
        return self.right.share

    @property
    def right(self) -> Proportion:
        """The same with how many photos these are, and its 95 % interval: `.low`, `.high`."""
        held = int(self.card.data["test"])
        return Proportion(round(self.card.numbers["accuracy"] * held), held)

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.card.data["classes"])
