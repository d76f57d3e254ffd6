"""Images through the network, batch by batch: measured while each layer's value stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...data.batches import Row, batches
from ...data.sources import Shard, number, picked
from ...network import Layer, Network
from ...network.running.seam import keep_wrapper
from ..store.work import Work
from .summary import Part, Summary, as_maps, of_layer

HOPELESS = 4  # images without finite values, and none with them, after which a network is given up


@dataclass(frozen=True)
class BatchRun:
    """A batch that ran: the images of a shard up to `stop`, and the features of those that could be read."""

    shard: int
    stop: int
    rows: tuple[Row, ...]
    features: Mapping[str, np.ndarray]  # a layer's (images that could be read, values)


def summaries(network: Network, work: Work) -> dict[str, Summary]:
    """A fresh summary of every layer, on the network's device."""
    return {name: of_layer(network.layer(name), work.k, work.each, network.device) for name in work.layers}


def run(
    network: Network,
    work: Work,
    shards: Iterable[tuple[int, Shard, int]],
    layer_summaries: dict[str, Summary],
    workers: int | None,
) -> Iterator[BatchRun]:
    """Runs the shards, (number, shard, where to begin) each, in rising order, into the `layer_summaries`.

    So many `workers` decode.
    The summaries hold a batch wholly when it is yielded. Raises ValueError for a network that gives nothing finite.
    """
    names = {*work.layers, *work.features}
    layers = {layer.name: layer for layer in network.layers() if layer.name in names}
    shards = list(shards)
    judged = not any(what.kind == picked.KIND for _, what, _ in shards)  # of those that run again all may be bad
    good = bad = 0
    batch = 1 if network.steadiness().coupled else work.batch  # an image's values must not hang on its neighbours
    with keep_wrapper():
        for shard, rows, tensors in batches(network.preprocessing.prepare, shards, batch, workers):
            features: dict[str, np.ndarray] = {}
            if tensors:
                x = torch.cat(tensors).to(network.device, network.dtype)
                features, why = _taken_in(
                    network, work, layers, layer_summaries, x, [row.id for row in rows if row.error is None]
                )
                rows = tuple(replace(row, error=why.get(row.id, row.error)) for row in rows)
                good, bad = good + len(tensors) - len(why), bad + len(why)
                if judged and bad >= HOPELESS and not good:
                    raise ValueError(f"{next(iter(why.values()))} of any image; phosphene.check looks for the cause")
            yield BatchRun(shard, rows[-1].id - number(shard, 0) + 1, rows, features)


def _taken_in(
    network: Network,
    work: Work,
    layers: Mapping[str, Layer],
    layer_summaries: dict[str, Summary],
    x: Tensor,
    ids: list[int],
) -> tuple[dict[str, np.ndarray], dict[int, str]]:
    """The images' features, and why some of them could not be used; the others are in the summaries then."""

    def measured(name: str, value: Any) -> tuple[Part | None, Tensor | None]:
        maps = as_maps(layers[name], value)
        part = layer_summaries[name].part(maps, ids) if name in layer_summaries else None
        return part, pooled(maps, work.pool) if name in work.features else None

    functions: dict[str, Callable[[Any], Any]] = {name: partial(measured, name) for name in layers}
    with torch.no_grad():
        values = network.reduce(x, functions)
    why: dict[int, str] = {}
    for name in layers:
        part, vectors = values[name]
        finite = part.finite if part is not None else torch.isfinite(vectors).all(1).tolist()
        for id, usable in zip(ids, finite, strict=True):
            if not usable:
                why.setdefault(id, f"{name} of {network.name} gives values that are not finite")
    if why:  # rare: the others run again without them
        rest = [id for id in ids if id not in why]
        if not rest:
            return {name: _as_stored(values[name][1][:0], name, work) for name in work.features}, why
        usable = torch.tensor([id not in why for id in ids])
        features, others = _taken_in(network, work, layers, layer_summaries, x[usable], rest)
        return features, why | others
    for name in work.layers:
        layer_summaries[name].add(values[name][0])
    return {name: _as_stored(values[name][1], name, work) for name in work.features}, why


def _as_stored(vectors: Tensor, layer: str, work: Work) -> np.ndarray:
    """Features in the kind of number that they are kept in. ValueError where that can't hold them."""
    if not work.half:
        return vectors.float().cpu().numpy()
    most = torch.finfo(torch.float16).max
    if len(vectors) and vectors.abs().max() > most:
        raise ValueError(f"features of {layer} reach {vectors.abs().max():.3g}, and 16 bits hold {most:,.0f} at most; "
                         "keep them in 32 bits, without half")  # fmt: skip
    return vectors.half().cpu().numpy()


def pooled(maps: Tensor, pool: str) -> Tensor:
    """Features (N, values) of maps (N, C, rows, columns)."""
    if pool == "mean":
        return maps.mean((2, 3))
    return maps.amax((2, 3)) if pool == "max" else maps.flatten(1).clone()
