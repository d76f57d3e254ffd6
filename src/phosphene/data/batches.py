"""Images of sources in batches, decoded and prepared ahead by threads.

A batch is a stretch of a shard, whatever can't be read in it: so that batches are the same, and with them every last
bit, in a run without a stop, in one that was resumed, and on several machines.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

from ..picture import Photo
from .closing import closed_at_exit
from .sources import Item, Shard, number, reader

AHEAD = 3  # batches that are decoded or on their way
Prepared = TypeVar("Prepared")


@dataclass(frozen=True)
class Row:
    """One image of a source; `error` says why it could not be used."""

    id: int
    shard: int
    key: str
    label: str | None
    width: int = 0
    height: int = 0
    error: str | None = None


@closed_at_exit
def batches(
    prepare: Callable[[Photo], Prepared],
    shards: Iterable[tuple[int, Shard, int]],
    batch: int,
    workers: int | None = None,
    chosen: Iterable[int] | None = None,
) -> Generator[tuple[int, tuple[Row, ...], list[Prepared]]]:
    """Batches of the shards, (number, shard, where to begin) each: the shard, its rows, and what was prepared of them.

    Some batches are decoded ahead, by so many `workers`; one a processor, at most 8, if it is not said. Memory does not
    grow with the images. Of all images only the `chosen` ones are read, by their places in the whole, in rising order.
    """
    waiting: deque[tuple[int, list[Future[tuple[Row, Prepared | None]]]]] = deque()
    with ThreadPoolExecutor(max_workers=workers or min(8, os.cpu_count() or 1), thread_name_prefix="decode") as pool:
        try:
            for shard, items in _cut(shards, batch, chosen):
                waiting.append((shard, [pool.submit(_input, prepare, shard, item) for item in items]))
                if len(waiting) >= AHEAD:
                    yield _ready(*waiting.popleft())
            while waiting:
                yield _ready(*waiting.popleft())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _cut(
    shards: Iterable[tuple[int, Shard, int]], batch: int, chosen: Iterable[int] | None
) -> Iterator[tuple[int, list[Item]]]:
    places = None if chosen is None else iter(chosen)
    wanted = None if places is None else next(places, None)
    at = 0  # of the next image in the whole
    for shard, what, start in shards:
        if places is not None and wanted is None:
            return
        known = what.images
        if places is not None and known is not None and wanted is not None and wanted >= at + known - start:
            at += known - start  # none of this shard is chosen
            continue
        items = reader(what).items(what, start)
        if places is not None:
            some: list[Item] = []
            for item in items:
                if at == wanted:
                    some.append(item)
                    wanted = next(places, None)
                at += 1
                if len(some) == batch:
                    yield shard, some
                    some = []
                if wanted is None:
                    break
            if some:
                yield shard, some
            continue
        while items_at_once := list(islice(items, batch)):
            yield shard, items_at_once


def _ready(
    shard: int, waiting: list[Future[tuple[Row, Prepared | None]]]
) -> tuple[int, tuple[Row, ...], list[Prepared]]:
    results = [future.result() for future in waiting]
    return shard, tuple(row for row, _ in results), [x for _, x in results if x is not None]


def _input(prepare: Callable[[Photo], Prepared], shard: int, item: Item) -> tuple[Row, Prepared | None]:
    row = Row(number(shard, item.index), shard, _text(item.key), None if item.label is None else _text(item.label))
    try:
        photo = item.photo()
        x = prepare(photo)
    except (ValueError, OSError, LookupError) as error:
        return replace(row, error=str(error)), None
    return replace(row, width=photo.width, height=photo.height), x


def _text(name: str) -> str:
    """A file's name as text that can be kept; bytes of it that aren't UTF-8 are spelt out."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")
