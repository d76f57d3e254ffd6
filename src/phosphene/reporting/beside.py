"""A second network beside the first: what it says of the photo, and how both compare on many images.

Its numbers are those of `similarity` and `compare_networks`, but for speed, which no two runs measure alike: the same
networks, photo and images give the same page.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..comparison import compare_networks, similarity
from ..instrument.recipe import Recipe, recipe
from ..network import Guess, Network
from ..picture import Block, DrawingBlock, Photo, Row, counted
from . import sections
from .figures import body

LIMIT = 200  # images of the source that take part, spread over all


@dataclass(frozen=True)
class Drawn:
    """A figure with its verdict in bold, and how it was made."""

    figure: sections.Figure
    verdict: str


@dataclass(frozen=True)
class Numbers:
    """Both networks on the images: a table, plots, and the photos that they answer differently."""

    verdict: str
    agreement: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    figures: tuple[sections.Figure, ...]
    notes: tuple[str, ...]
    made: Recipe


@dataclass(frozen=True)
class Beside:
    """All that the page says of the second network; `refused` says why a part is not there."""

    network: Network
    kind: str
    classes: list[Guess] | None
    words: str  # how the answers to the photo differ
    alike: Drawn | None
    numbers: Numbers | None
    refused: tuple[str, ...]


def check(network: Network, against: Any, images: Any) -> None:
    """Refuses what can't be compared; a source that is not there is refused when it is opened."""
    if against is None:
        if images is not None:
            raise ValueError("a report looks at many images to compare two networks; name the second one, as against")
        return
    if not isinstance(against, Network):
        raise TypeError(
            f"a report compares with a phosphene.Network, not {type(against).__name__}; phosphene.load opens one"
        )
    if against is network or against.fingerprint == network.fingerprint:
        raise ValueError(f"{against.name} would be compared with itself; give a second network")


def beside(network: Network, against: Network, photo: Photo, guesses: list[Guess] | None, images: Any) -> Beside:
    """The second network beside the first, on the photo and, where there are any, on the images."""
    classes = sections.classes(against, photo)
    refused: list[str] = []
    alike = numbers = None
    if images is not None:
        try:
            alike = _alike(network, against, images)
        except ValueError as error:  # too few images, or a network whose layers differ from one run to the next
            refused.append(f"There is no similarity of layers: {error}.".replace("..", "."))
        try:
            numbers = _numbers(network, against, images)
        except ValueError as error:
            refused.append(f"There is no agreement: {error}.".replace("..", "."))
    kind, words = type(against.module).__name__, _words(network, guesses, against, classes)
    return Beside(against, kind, classes, words, alike, numbers, tuple(refused))


def _words(network: Network, one: list[Guess] | None, against: Network, other: list[Guess] | None) -> str:
    if not one or not other:
        silent = [net.name for net, guesses in ((network, one), (against, other)) if not guesses]
        return (
            f"{' and '.join(silent)} {'names' if len(silent) == 1 else 'name'} no class, so the answers can't differ."
        )
    first, second = one[0], other[0]
    if first.label.casefold() == second.label.casefold():
        return f"Both say {first.label}."
    return f"{network.name} says {first.label}, {against.name} says {second.label}."


def _alike(network: Network, against: Network, images: Any) -> Drawn:
    result = similarity(network, against, images, limit=LIMIT)
    sheet = result.sheet()
    made = recipe(result.made)
    figure = sections.Figure(body(replace(sheet, blocks=sheet.blocks[1:]), sheet.description), sheet.caption, made)
    return Drawn(figure, _sentence(result.words))


def _numbers(network: Network, against: Network, images: Any) -> Numbers:
    result = compare_networks([network, against], images, limit=LIMIT)
    sheet, made = result.sheet(), recipe(result.made)
    figures = []
    for heading in ("Right answers against operations", "Photos with the most different answers"):
        for block in _drawings(sheet.blocks):
            if block.heading == heading:
                figure = body(replace(sheet, blocks=[replace(block, heading="")]), f"{heading}: {sheet.description}")
                figures.append(sections.Figure(figure, f"{heading}.", made))
    share = f"They give the same answer for {result.agreement[0, 1]:.0%} of {counted(result.images, 'image')}"
    if result.errors[0, 1] == result.errors[0, 1]:
        share += f"; of those that either gets wrong, both get {result.errors[0, 1]:.0%} wrong"
    header = ("network", *(("top 1", "95 % interval", "top 5") if result.stated else ()),
              "parameters", "operations", "depth")  # fmt: skip
    rows = []
    for row in result.networks:
        right: tuple[str, ...] = ()
        if row.top1 is not None and row.top5 is not None:
            right = (f"{row.top1.mean:.1%}", f"{row.top1.low:.0%} to {row.top1.high:.0%}", f"{row.top5.mean:.1%}")
        cost = (f"{row.cost.parameters:,}", f"{row.cost.operations:,}", str(row.cost.depth))
        rows.append((row.network, *right, *cost))
    notes = tuple(map(_sentence, result.notes))
    return Numbers(_sentence(result.words), f"{share}.", header, tuple(rows), tuple(figures), notes, made)


def _drawings(blocks: Sequence[Block]) -> Iterator[DrawingBlock]:
    for block in blocks:
        if isinstance(block, Row):
            yield from _drawings(block.blocks)
        elif isinstance(block, DrawingBlock):
            yield block


def source_text(images: Any) -> str | None:
    """A source as a command or a script names it; None for images that Python holds."""
    return os.fspath(images) if isinstance(images, (str, os.PathLike)) else None


def _sentence(text: str) -> str:
    text = text.rstrip(".")
    return f"{text[:1].upper()}{text[1:]}."
