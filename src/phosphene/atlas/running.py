"""Images through the network, batch by batch: decoded ahead by threads, measured while each layer's value stands.

A batch is a stretch of a shard, whatever can't be read in it: so that batches are the same, and with them every last
bit, in a run without a stop, in one that was resumed, and on several machines.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..network import Layer, Network
from .sources import Item, Shard, number, reader
from .summary import Part, Summary, as_maps, of_layer
from .work import Work

AHEAD = 3  # batches that are decoded or on their way


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


@dataclass(frozen=True)
class Ran:
    """A batch that ran: the images of a shard up to `stop`, and the features of those that could be read."""

    shard: int
    stop: int
    rows: tuple[Row, ...]
    features: Mapping[str, np.ndarray]  # a layer's (images that could be read, values)


def summaries(network: Network, work: Work) -> dict[str, Summary]:
    """A fresh summary of every layer, on the network's device."""
    return {name: of_layer(network.layer(name), work.k, work.each, network.device) for name in work.layers}


def run(
    network: Network, work: Work, shards: Iterable[tuple[int, Shard, int]], kept: dict[str, Summary], workers: int
) -> Iterator[Ran]:
    """Runs the shards, (number, shard, where to begin) each, in rising order, and takes them into the summaries `kept`.

    The summaries hold a batch wholly when it is yielded. Raises ValueError for a network without one input size.
    """
    if network.preprocessing.crop == "none":
        raise ValueError(
            f"{network.name} takes photos of any size, and maps of different sizes have no common places; "
            'give it one: phosphene.Network(module, dataclasses.replace(preprocessing, crop="center"))'
        )
    layers = {name: network.layer(name) for name in (*work.layers, *work.features)}
    for shard, rows, tensors in _decoded(network, shards, work.batch, workers):
        features: dict[str, np.ndarray] = {}
        if tensors:
            x = torch.cat(tensors).to(network.device, network.dtype)
            features = _taken_in(network, work, layers, kept, x, [row.id for row in rows if row.error is None])
        yield Ran(shard, rows[-1].id - number(shard, 0) + 1, rows, features)


def _taken_in(
    network: Network, work: Work, layers: Mapping[str, Layer], kept: dict[str, Summary], x: Tensor, ids: list[int]
) -> dict[str, np.ndarray]:
    images = torch.tensor(ids, device=network.device)

    def measured(name: str, value: Any) -> tuple[Part | None, Tensor | None]:
        maps = as_maps(layers[name], value)
        part = kept[name].part(maps, images) if name in kept else None
        return part, pooled(maps, work.pool) if name in work.features else None

    functions: dict[str, Callable[[Any], Any]] = {name: partial(measured, name) for name in layers}
    with torch.no_grad():
        found = network.reduce(x, functions)
    for name in work.layers:
        try:
            kept[name].add(found[name][0])
        except ValueError as error:
            raise ValueError(f"{name} of {network.name}: {error}; phosphene.check looks for the cause") from None
    kind = torch.float16 if work.half else torch.float32
    return {name: found[name][1].to(kind).cpu().numpy() for name in work.features}


def pooled(maps: Tensor, pool: str) -> Tensor:
    """Features (N, values) of maps (N, C, rows, columns)."""
    if pool == "mean":
        return maps.mean((2, 3))
    return maps.amax((2, 3)) if pool == "max" else maps.flatten(1).clone()


def _decoded(
    network: Network, shards: Iterable[tuple[int, Shard, int]], batch: int, workers: int
) -> Iterator[tuple[int, tuple[Row, ...], list[Tensor]]]:
    """Batches of rows and inputs; some batches are decoded ahead, so that memory does not grow with the images."""
    waiting: deque[tuple[int, list[Future[tuple[Row, Tensor | None]]]]] = deque()
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="decode") as pool:
        try:
            for shard, items in _cut(shards, batch):
                waiting.append((shard, [pool.submit(_input, network, shard, item) for item in items]))
                if len(waiting) >= AHEAD:
                    yield _ready(*waiting.popleft())
            while waiting:
                yield _ready(*waiting.popleft())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _cut(shards: Iterable[tuple[int, Shard, int]], batch: int) -> Iterator[tuple[int, list[Item]]]:
    for shard, what, start in shards:
        items = reader(what).items(what, start)
        while some := list(islice(items, batch)):
            yield shard, some


def _ready(shard: int, waiting: list[Future]) -> tuple[int, tuple[Row, ...], list[Tensor]]:
    done = [future.result() for future in waiting]
    return shard, tuple(row for row, _ in done), [x for _, x in done if x is not None]


def _input(network: Network, shard: int, item: Item) -> tuple[Row, Tensor | None]:
    row = Row(number(shard, item.index), shard, item.key, item.label)
    try:
        photo = item.photo()
        x = network.preprocessing.prepare(photo)
    except (ValueError, OSError, LookupError) as error:
        return replace(row, error=str(error)), None
    return replace(row, width=photo.width, height=photo.height), x
