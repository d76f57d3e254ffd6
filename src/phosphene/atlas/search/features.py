"""Features: those that are meant by a layer's name, those that an atlas keeps, and those of photos, made as these were.

A photo's features are comparable with an image's only where network, preprocessing, layer, pooling and precision are
the same: all of these are the sweep's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ...network import Network
from ...picture import read
from ..store.tables import among, to_features
from ..store.work import Sweep
from ..sweep.running import pooled
from ..sweep.summary import as_maps

if TYPE_CHECKING:
    from ..opened import OpenedAtlas

FEATURES = "features"  # the word for the first features that an atlas keeps
TOGETHER = 16  # photos that run through the network at once


def features_sweep(atlas: OpenedAtlas, features: str | None, sweep: str | None = None) -> tuple[Sweep, str]:
    """The sweep and the layer that are meant by a layer's name; None or 'features': the first whose features are kept.

    Raises LookupError where the atlas keeps none, or not those of this layer, ValueError where several networks' are.
    """
    with_features = [each for each in atlas.sweeps(sweep) if each.work.features]
    if features is None or (features == FEATURES and all(FEATURES not in each.work.features for each in with_features)):
        if not with_features:
            raise LookupError(f"the atlas {atlas.path!r} keeps no features; build it with features=, a layer's name")
        atlas.newest(with_features, "features")  # those of several networks have no first
        features = atlas.preferred(with_features)[0].work.features[0]
    return atlas.sweep(features, features=True, name=sweep), features


def vectors_of(table: Any, numbers: Sequence[int]) -> dict[int, np.ndarray]:
    """What a table of features holds of these images, in float32, by their numbers; of some it may hold nothing."""
    if not len(numbers):
        return {}
    rows = table.search().where(among("id", numbers)).select(["id", "vector"]).limit(len(numbers)).to_arrow()
    ids, vectors = to_features(rows)
    return dict(zip(ids.tolist(), vectors.astype(np.float32), strict=True))


def features_of(network: Network, sweep: Sweep, layer: str, photos: Sequence[Any]) -> np.ndarray:
    """The features (M, D) of photos or their files as the sweep keeps them, rounded where it keeps float16."""
    together = 1 if len(photos) > 1 and network.steadiness().coupled else TOGETHER
    parts = [photos[start : start + together] for start in range(0, len(photos), together)]
    return np.concatenate([_batch(network, sweep, layer, [read(photo) for photo in part]) for part in parts])


def _batch(network: Network, sweep: Sweep, layer: str, photos: Any) -> np.ndarray:
    work, source_layer = sweep.work, network.layer(layer)
    with torch.no_grad():
        vectors = network.reduce(photos, {layer: lambda value: pooled(as_maps(source_layer, value), work.pool)})[layer]
    return vectors.to(torch.float16 if work.half else torch.float32).cpu().numpy()
