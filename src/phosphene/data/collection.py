"""Images of any source as inputs of one network or of several, in the same batches each time one goes over them."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count as counting
from itertools import islice, tee
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..network import Network
from ..network.describing.stated import stated_class
from ..picture import Photo, counted
from .batches import Row, batches
from .sources import Shard, shards_of, whole

BATCH = 16
IMAGENET = 1000  # classes
HELD = ("memory", "mapped")  # kinds of sources that lie in the process that gave them


@dataclass(frozen=True)
class Entry:
    """An image that could be read."""

    place: int  # of those that are taken, also of those that can't be read
    name: str
    label: str | None  # the class that its source states
    sha256: str  # of its file, or of a tensor's bytes


@dataclass(frozen=True)
class Batch:
    """A stretch of the images that are taken: those that could be read, in order, and each network's input for them.

    `seen` counts the images that are taken up to its end, also those that can't be read.
    """

    number: int
    seen: int
    entries: tuple[Entry, ...]
    inputs: tuple[Tensor, ...] = field(repr=False)
    unreadable: tuple[str, ...] = ()  # what could not be read, and why

    def __len__(self) -> int:
        return len(self.entries)

    def classes(self, network: Network) -> Tensor:
        """The class of each image (n,) in the network's order, as its folder or file states it.

        -1 where none does, and for a class that the network has not.
        """
        count = network.labels.count or 0
        numbered = count == IMAGENET  # file names hold numbers of ImageNet's classes
        paths = [Path(each.name) if numbered else Path() for each in self.entries]
        stated = [
            stated_class(network.labels, path, each.label) for path, each in zip(paths, self.entries, strict=True)
        ]
        return torch.tensor([index if index < count else -1 for index in stated])


class ImageCollection:
    """The images of a source for some networks: a folder, archive, table, data set, list of photos or files, or tensor.

    Iterating gives the same batches each time; nothing is kept of them. Of more than `limit` images so many are taken,
    spread evenly over all, or the first ones where nobody knows how many there are; with a `turn` (n, places) only
    those at these places of every n. A tensor (N, C, H, W) is each network's input already. `unreadable` says, after a
    first pass, what could not be read and why.

    A batch is a stretch of the images that are taken, whatever can't be read in it: so that batches are the same in a
    run without a stop, in one that was resumed, and on several machines.
    """

    def __init__(
        self,
        source: Any,
        networks: Sequence[Network],
        *,
        limit: int | None = None,
        turn: tuple[int, Container[int]] | None = None,
        batch: int = BATCH,
        workers: int | None = None,
    ) -> None:
        if limit is not None and limit < 1:
            raise ValueError(f"limit is a number of images, at least 1, not {limit}")
        self.networks, self.batch, self.workers = tuple(networks), batch, workers
        self.unreadable: tuple[str, ...] = ()
        self._tensor = source.detach() if isinstance(source, Tensor) else None
        self._shards: list[Shard] = []
        if self._tensor is not None:
            for network in networks:
                network.inputs(self._tensor[:1])
            total: int | None = len(self._tensor)
        else:
            for network in networks:
                if network.preprocessing.crop == "none":
                    raise ValueError(
                        f"{network.name} takes photos of any size, and maps of different sizes have no common places; "
                        'give it one: phosphene.Network(module, dataclasses.replace(preprocessing, crop="center"))'
                    )
            listed = shards_of([source] if isinstance(source, Photo) else source)
            self._shards = [part for shard in listed for part in whole(shard)]
            sizes = [shard.images for shard in self._shards]
            total = None if None in sizes else sum(size for size in sizes if size is not None)
        taken = total if limit is None else limit if total is None else min(limit, total)
        self._turn = turn
        self.count = None if taken is None else sum(1 for _ in _in_turn(range(taken), turn))
        self._total, self._limit = total, limit

    @property
    def of_all(self) -> str:
        """' of 200', where it is known how many there are."""
        return "" if self.count is None else f" of {self.count:,}"

    @property
    def batches(self) -> int | None:
        """How many batches there are; None where nobody knows how many images."""
        return None if self.count is None else -(-self.count // self.batch)

    @property
    def held(self) -> bool:
        """Whether its images, or some of them, are in this process alone, where no other machine can read them."""
        return any(shard.kind in HELD for shard in self._shards)

    @property
    def identity(self) -> str:
        """A hash of what the images are listed as, of which ones are taken, and of how they are cut into batches."""
        if self._tensor is not None:
            listed: Any = [tuple(self._tensor.shape), _digest(self._tensor)]
        else:
            listed = [(shard.kind, shard.where, shard.part) for shard in self._shards]
        turn = None if self._turn is None else (self._turn[0], [at in self._turn[1] for at in range(self._turn[0])])
        return sha256(repr((listed, self._limit, turn, self.batch)).encode()).hexdigest()

    def _chosen(self) -> Iterator[tuple[int, int]]:
        """The images that are taken: each one's place among those of the limit, and in the source."""
        total, limit = self._total, self._limit
        if limit is None or (total is not None and limit >= total):
            return ((at, at) for at in _in_turn(counting() if total is None else range(total), self._turn))
        if total is None:
            return ((at, at) for at in _in_turn(range(limit), self._turn))
        return ((at, at * total // limit) for at in _in_turn(range(limit), self._turn))

    def __iter__(self) -> Iterator[Batch]:
        unreadable: list[str] = []
        images = 0
        for read in self.stretch():
            unreadable += read.unreadable
            images += len(read)
            if len(read):
                yield read
        self.unreadable = tuple(unreadable)
        check_read(images, self.unreadable)

    def stretch(self, first: int = 0, stop: int | None = None) -> Iterator[Batch]:
        """The batches from number `first` up to `stop`; those of which nothing can be read are empty."""
        beyond = None if stop is None else stop * self.batch
        chosen = islice(self._chosen(), first * self.batch, beyond)
        yield from self._of_tensor(chosen, first) if self._tensor is not None else self._of_source(chosen, first)

    def _of_tensor(self, chosen: Iterator[tuple[int, int]], number: int) -> Iterator[Batch]:
        assert self._tensor is not None
        while some := list(islice(chosen, self.batch)):
            x = self._tensor[[at for _, at in some]]
            entries = tuple(
                Entry(place, f"image {at + 1}", None, _digest(image))
                for (place, at), image in zip(some, x, strict=True)
            )
            inputs = tuple(network.inputs(x) for network in self.networks)
            yield Batch(number, number * self.batch + len(some), entries, inputs)
            number += 1

    def _of_source(self, chosen: Iterator[tuple[int, int]], number: int) -> Iterator[Batch]:
        numbered = [(at, shard, 0) for at, shard in enumerate(self._shards)]
        these, those = tee(chosen)
        places = (place for place, _ in these)
        waiting: list[_Prepared] = []  # and not yet in a batch
        for _, rows, ready in batches(self._prepare, numbered, self.batch, self.workers, (at for _, at in those)):
            tensors = iter(ready)
            for row in rows:
                prepared = None if row.error is not None else next(tensors)
                waiting.append(_Prepared(next(places), row, prepared))
            while len(waiting) >= self.batch:
                yield self._joined(number, waiting[: self.batch])
                waiting, number = waiting[self.batch :], number + 1
        if waiting:
            yield self._joined(number, waiting)

    def _joined(self, number: int, images: Sequence[_Prepared]) -> Batch:
        good = [(image.place, image.row, *image.prepared) for image in images if image.prepared is not None]
        entries = tuple(Entry(place, row.key, row.label, digest) for place, row, digest, _ in good)
        inputs = tuple(
            torch.cat([tensors[at] for *_, tensors in good]).to(network.device, network.dtype)
            for at, network in enumerate(self.networks if good else ())
        )
        unreadable = tuple(image.row.error for image in images if image.row.error is not None)
        return Batch(number, number * self.batch + len(images), entries, inputs, unreadable)

    def _prepare(self, photo: Photo) -> tuple[str, tuple[Tensor, ...]]:
        ways = {network.preprocessing: network for network in self.networks}  # each is prepared once
        prepared = {way: network.prepare(photo) for way, network in ways.items()}
        return photo.sha256, tuple(prepared[network.preprocessing] for network in self.networks)


@dataclass(frozen=True)
class _Prepared:
    """An image that is taken; `prepared` is None where it can't be read."""

    place: int
    row: Row
    prepared: tuple[str, tuple[Tensor, ...]] | None = field(repr=False)


def check_read(images: int, unreadable: Sequence[str]) -> None:
    """ValueError where no image of a source could be read."""
    if not images:
        reason = f"; the first: {unreadable[0]}" if unreadable else ""
        raise ValueError(f"none of {counted(len(unreadable), 'image')} can be read{reason}")


def _in_turn(places: Iterable[int], turn: tuple[int, Container[int]] | None) -> Iterator[int]:
    return (place for place in places if turn is None or place % turn[0] in turn[1])


def _digest(image: Tensor) -> str:
    return sha256(image.contiguous().cpu().flatten().view(torch.uint8).numpy().tobytes()).hexdigest()
