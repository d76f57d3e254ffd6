"""A pass over the images of a collection: here, or in stretches on a Ray cluster; it goes on where it was stopped.

What is done with a batch is a `Pass`, a value that travels. Here its batches run one after the other into one
`Gathered`. On a cluster each actor gathers stretches of batches, and these merge on this machine in the order of the
images; sums are equal up to the order of their addition.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import torch

from ..network import Network
from .checkpoint import IMAGES, Checkpoint
from .cluster import spread
from .collection import Batch, ImageCollection, check_read
from .gathering import Gathered

STRETCHES = 16  # of a pass on a cluster


class Pass(Protocol):
    """One pass over images; it is sent to other machines, so that it holds values and no network."""

    def source(self, networks: Sequence[Network]) -> ImageCollection:
        """The images, for these networks."""

    def begin(self, networks: Sequence[Network]) -> Gathered:
        """What nothing is gathered in yet."""

    def take(self, networks: Sequence[Network], gathered: Gathered, read: Batch) -> None:
        """Takes in a batch of images, at least one."""


@dataclass(frozen=True)
class Way:
    """How the passes of a run go: on the Ray cluster at `ray` or here, and where it is kept how far they are."""

    ray: str | None = None
    checkpoint: Checkpoint | None = None

    def done(self) -> None:
        """Ends the run: what a checkpoint holds is not needed any more."""
        if self.checkpoint is not None:
            self.checkpoint.remove()


def way_of(
    ray: str | None, checkpoint: str | os.PathLike[str] | None, networks: Sequence[Network], account: Mapping[str, Any]
) -> Way:
    """The way of a run of these networks, whose options `account` says; see `Checkpoint` for what raises."""
    if checkpoint is None:
        return Way(ray)
    said = {f"network {at}": f"{each.name} {each.fingerprint}" for at, each in enumerate(networks, 1)}
    said |= {f"network {at}'s preprocessing": str(each.preprocessing) for at, each in enumerate(networks, 1)}
    return Way(ray, Checkpoint(checkpoint, said | {name: str(value) for name, value in account.items()}))


def passed(
    name: str, what: Pass, networks: Sequence[Network], how: Way, gathered: Gathered, words: str | None = None
) -> Iterator[str]:
    """Gathers the pass of that name into `gathered`, which is as it begins; yields where it is, in words.

    ValueError where no image can be read, or where a cluster is to divide images whose number nobody knows.
    """
    source, words = what.source(networks), words or name
    checkpoint, about = how.checkpoint, {}
    done, finished = 0, False
    if checkpoint is not None:
        about = {IMAGES: source.identity}
        stored = checkpoint.read(name, about)
        if stored is not None:
            done, state, finished = stored
            gathered.load(state)
            yield f"{words}: {gathered.images:,} images of before"
    if finished:
        return

    def write(finished: bool = False) -> None:
        if checkpoint is not None:
            checkpoint.write(name, about, done, gathered.state(), finished=finished)

    steps = _here(what, networks, source, done, gathered) if how.ray is None else (
        _on_ray(how.ray, what, networks, source, done, gathered)
    )  # fmt: skip
    try:
        for taken, seen in steps:
            done = taken
            if checkpoint is not None and checkpoint.due():
                write()
            yield f"{words}: image {seen:,}{source.of_all}"
    except GeneratorExit:  # stopped between two batches: what ran is kept
        write()
        raise
    finally:
        steps.close()  # a cluster's actors end with it
    check_read(gathered.images, gathered.unreadable)
    write(finished=True)


def _here(
    what: Pass, networks: Sequence[Network], source: ImageCollection, first: int, gathered: Gathered
) -> Generator[tuple[int, int]]:
    for read in source.stretch(first):
        _take(what, networks, gathered, read)
        yield read.number + 1, read.seen


def _take(what: Pass, networks: Sequence[Network], gathered: Gathered, read: Batch) -> None:
    gathered.unreadable += read.unreadable
    if len(read):
        with torch.no_grad():
            what.take(networks, gathered, read)
        gathered.images += len(read)


def _on_ray(
    address: str, what: Pass, networks: Sequence[Network], source: ImageCollection, first: int, gathered: Gathered
) -> Generator[tuple[int, int]]:
    if source.batches is None:
        raise ValueError(
            "a cluster divides images by their number, and this source does not say how many it has; give a limit"
        )
    if source.held:
        raise ValueError(
            "a cluster reads images from files, and these lie in this process alone; save them, and give their folder"
        )
    size = max(1, -(-(source.batches - first) // STRETCHES))
    stretches = [(at, min(at + size, source.batches)) for at in range(first, source.batches, size)]
    with closing(spread(address, networks, partial(_gathered, what), stretches, ordered=True)) as parts:
        for (_, stop), part in zip(stretches, parts, strict=True):
            gathered.merge(part)
            yield stop, min(stop * source.batch, source.count or 0)


def _gathered(what: Pass, networks: Sequence[Network], stretch: tuple[int, int], workers: int) -> Gathered:
    """An actor's task: what a stretch of batches gives."""
    gathered = what.begin(networks)
    source = what.source(networks)
    source.workers = workers
    for read in source.stretch(*stretch):
        _take(what, networks, gathered, read)
    return gathered
