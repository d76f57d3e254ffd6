"""A learned system opened as a network, so that every instrument looks into it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..network import Labels, Preprocessing
from ..network.opening.source import Source
from .abilities import OpensItself
from .checkpoints.card import Card
from .checkpoints.folder import read
from .checkpoints.shipped import folder_of
from .registry import make, system_class
from .system import System


def open(folder: str | Path) -> System:  # the name that `phosphene.learning` gives it
    """The system in a folder, or one that is shipped by its name, with all that it can do.

    FileNotFoundError or ValueError where there is none.
    """
    return read(folder_of(folder), make)[0]


def as_source(spec: str, architecture: Any = None) -> Source:
    """What `load` opens for such a folder: the system's `forward` on images of the size that it learned from.

    A system that was made of a network opens as that network; `architecture` is what it began with, where its card
    can't name it.
    """

    def made(name: str, **settings: Any) -> System:
        if architecture is None:
            return make(name, **settings)
        kind = system_class(name)
        if not issubclass(kind, OpensItself):
            raise ValueError(f"architecture= has no meaning for {spec!r}; leave it out")
        return kind(kind.settings(**settings), architecture=architecture)  # type: ignore[call-arg]

    system, card = read(folder_of(spec), made)
    if isinstance(system, OpensItself):
        return system.source(spec, card)
    channels, height, width = _image(system, spec)
    if type(system).forward is System.forward:
        raise ValueError(
            f"{spec} holds a {system.title.lower()}, which computes no layers of an image; phosphene.learning.open "
            "opens it with what it can do"
        )
    way = Preprocessing.plain((height, width), channels)
    return Source(system, way, Labels(), spec, (_words(card),))


def _image(system: System, spec: str) -> tuple[int, int, int]:
    shape = system.shape
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise ValueError(f"{spec} learned from examples {shape}, which are no images; phosphene.learning.open opens it")
    channels, height, width = shape
    return channels, height, width


def _words(card: Card) -> str:
    return f"{card.system} learned from {card.data['name']} in {card.steps:,} steps"
