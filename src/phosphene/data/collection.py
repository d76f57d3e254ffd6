"""Images of any source as inputs of one network or of several, in the same batches each time one goes over them."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count as counting
from itertools import tee
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..network import Network
from ..network.describing.stated import stated_class
from ..picture import Photo, counted
from .batches import batches
from .sources import Shard, shards_of, whole

BATCH = 16
IMAGENET = 1000  # classes


@dataclass(frozen=True)
class Entry:
    """An image that could be read."""

    place: int  # of those that are taken, also of those that can't be read
    name: str
    label: str | None  # the class that its source states
    sha256: str  # of its file, or of a tensor's bytes


@dataclass(frozen=True)
class Batch:
    """Some images in order: the first one's place among all that could be read, and each network's input for them."""

    start: int
    entries: tuple[Entry, ...]
    inputs: tuple[Tensor, ...] = field(repr=False)

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

    def _chosen(self) -> Iterator[tuple[int, int]] | None:
        """The images that are taken: each one's place among those of the limit, and in the source; None for all."""
        total, limit = self._total, self._limit
        if limit is None or (total is not None and limit >= total):
            if self._turn is None:
                return None
            return ((at, at) for at in _in_turn(counting() if total is None else range(total), self._turn))
        if total is None:
            return ((at, at) for at in _in_turn(range(limit), self._turn))
        return ((at, at * total // limit) for at in _in_turn(range(limit), self._turn))

    def __iter__(self) -> Iterator[Batch]:
        yield from self._of_tensor() if self._tensor is not None else self._of_source()

    def _of_tensor(self) -> Iterator[Batch]:
        assert self._tensor is not None
        chosen = list(self._chosen() or ((at, at) for at in range(len(self._tensor))))
        for start in range(0, len(chosen), self.batch):
            some = chosen[start : start + self.batch]
            x = self._tensor[[at for _, at in some]]
            entries = tuple(
                Entry(place, f"image {at + 1}", None, _digest(image))
                for (place, at), image in zip(some, x, strict=True)
            )
            yield Batch(start, entries, tuple(network.inputs(x) for network in self.networks))

    def _of_source(self) -> Iterator[Batch]:
        numbered = [(number, shard, 0) for number, shard in enumerate(self._shards)]
        places: Iterator[int] = counting()
        chosen: Iterator[int] | None = None
        if (pairs := self._chosen()) is not None:
            these, those = tee(pairs)
            places, chosen = (place for place, _ in these), (at for _, at in those)
        start, unreadable = 0, []
        waiting: list[tuple[Entry, tuple[Tensor, ...]]] = []  # read, and not yet in a batch
        for _, rows, prepared in batches(self._prepare, numbered, self.batch, self.workers, chosen):
            placed = [(next(places), row) for row in rows]
            unreadable += [row.error for row in rows if row.error is not None]
            read = [(place, row) for place, row in placed if row.error is None]
            for (place, row), (digest, tensors) in zip(read, prepared, strict=True):
                waiting.append((Entry(place, row.key, row.label, digest), tensors))
            while len(waiting) >= self.batch:
                yield self._joined(start, waiting[: self.batch])
                waiting, start = waiting[self.batch :], start + self.batch
        if waiting:
            yield self._joined(start, waiting)
        self.unreadable = tuple(unreadable)
        if not start and not waiting:
            reason = f"; the first: {unreadable[0]}" if unreadable else ""
            raise ValueError(f"none of {counted(len(unreadable), 'image')} can be read{reason}")

    def _joined(self, start: int, images: Sequence[tuple[Entry, tuple[Tensor, ...]]]) -> Batch:
        inputs = tuple(
            torch.cat([tensors[at] for _, tensors in images]).to(network.device, network.dtype)
            for at, network in enumerate(self.networks)
        )
        return Batch(start, tuple(entry for entry, _ in images), inputs)

    def _prepare(self, photo: Photo) -> tuple[str, tuple[Tensor, ...]]:
        ways = {network.preprocessing: network for network in self.networks}  # each is prepared once
        prepared = {way: network.prepare(photo) for way, network in ways.items()}
        return photo.sha256, tuple(prepared[network.preprocessing] for network in self.networks)


def _in_turn(places: Iterable[int], turn: tuple[int, Container[int]] | None) -> Iterator[int]:
    return (place for place in places if turn is None or place % turn[0] in turn[1])


def _digest(image: Tensor) -> str:
    return sha256(image.contiguous().cpu().flatten().view(torch.uint8).numpy().tobytes()).hexdigest()
