"""What an atlas adds to a report: the patches of a data set that the shown units answer to most, and images like it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..atlas import Atlas
from ..atlas.opened import opened
from ..atlas.store.sweep_rows import images_of, units_of
from ..atlas.units.naming import named
from ..atlas.units.patch import patches_of
from ..atlas.units.tiles import Scale, cuts
from ..network import Layer, Network
from ..picture import Photo, compact
from .choose import Chosen
from .figures import PageImage, compressed, crisp
from .sections import Units

PATCHES = 6  # of each unit
SIDE = 72.0  # pixels of a tile's longer side, at the density of tiles.py
NEAR = 6
VIEW = 280  # pixels of the longer side of an image like the photo
SMALL = 40  # pixels of a photo: a window of fewer is kept without loss, so that its squares keep their edges
REACH = 6  # a layer that the atlas holds stands for one within this share of the network's values


@dataclass(frozen=True)
class Tile:
    """A patch of the data set; `why` says why its photo can't be shown."""

    image: PageImage | None
    says: str
    why: str = ""


@dataclass(frozen=True)
class Best:
    """A unit's strongest patches in the atlas."""

    tiles: tuple[Tile, ...]
    says: str


@dataclass(frozen=True)
class Near:
    """An image of the data set that is like the photo."""

    image: PageImage | None
    title: str
    says: str


@dataclass(frozen=True)
class Neighbours:
    near: tuple[Near, ...]
    caption: str


@dataclass(frozen=True)
class AtlasPart:
    """All that the atlas says: by layer and channel the units' patches, and the images like the photo."""

    path: str
    images: int
    best: Mapping[str, Mapping[int, Best]]
    neighbours: Neighbours | None


def belonging(atlas: str | os.PathLike[str], network: Network) -> Atlas:
    """The atlas, opened with the network. ValueError where it holds nothing of that network."""
    return Atlas(opened(atlas).path, network)


def layers_in_atlas(
    atlas: Atlas, network: Network, chosen: Sequence[Chosen], layers: Sequence[Layer]
) -> tuple[Chosen, ...]:
    """The layers chosen, each replaced by the nearest one whose units the atlas holds, where there is one near it."""
    atlas_layers = {
        name for sweep in atlas.sweeps() if sweep.fingerprint == network.fingerprint for name in sweep.work.layers
    }
    names = [layer.name for layer in layers]
    able = {names.index(layer.name): layer for layer in layers if layer.name in atlas_layers and _has_places(layer)}
    choices: list[Chosen] = []
    for part in chosen:
        at = names.index(part.layer.name)
        free = [index for index in able if all(able[index].name != other.layer.name for other in choices)]
        nearest = min(free, key=lambda index: abs(index - at), default=None)
        if part.layer.name in atlas_layers or nearest is None or abs(nearest - at) * REACH > len(names):
            choices.append(part)
        else:
            choices.append(Chosen(part.part, able[nearest]))
    return tuple({part.layer.name: part for part in choices}.values())


def atlas_part_of(atlas: Atlas, network: Network, photo: Photo, units: Sequence[Units]) -> AtlasPart:
    """What the atlas says of the units and of the photo."""
    images = 0
    best: dict[str, dict[int, Best]] = {}
    for layer in units:
        name = layer.chosen.layer.name
        sweep = _sweep(atlas, network, name)
        if sweep is None:
            continue
        try:
            table = units_of(atlas.store, sweep, name)
        except ValueError:  # nothing has run yet
            continue
        images = max(images, images_of(atlas.store, sweep).num_rows)
        try:
            names = [each.name for each in named(atlas.store, sweep, table)]
        except ValueError:  # no labels
            names = [""] * table.num_rows
        channels = [card.channel for card in layer.cards]
        rows = table.take(channels).to_pylist()
        patches = patches_of(atlas, sweep, atlas.network(sweep), name, rows, PATCHES)
        best[name] = {
            channel: _best(patches_of_unit, names[channel])
            for channel, patches_of_unit in zip(channels, patches, strict=True)
        }
    return AtlasPart(atlas.path, images, best, _neighbours(atlas, network, photo))


def _sweep(atlas: Atlas, network: Network, layer: str) -> Any:
    sweeps = [sweep for sweep in atlas.sweeps() if sweep.fingerprint == network.fingerprint]
    return next((sweep for sweep in sweeps if layer in sweep.work.layers), None)


def _best(patches: Sequence[Any], name: str) -> Best:
    tiles = []
    for cut in cuts(patches, Scale.of(patches, SIDE)):
        says = f"{cut.patch.image}: {compact(cut.patch.value)}"
        image = None
        if cut.tile is not None:
            squares = max(cut.patch.box.width, cut.patch.box.height) <= SMALL
            image = crisp(cut.tile) if squares else compressed(cut.tile)
        tiles.append(Tile(image, says, cut.why))
    if not patches:
        return Best((), "")
    first, last = compact(patches[0].value), compact(patches[-1].value)
    says = f"{first} to {last}" if len(patches) > 1 else first
    return Best(tuple(tiles), says + (f"; named {name}" if name else ""))


def _neighbours(atlas: Atlas, network: Network, photo: Photo) -> Neighbours | None:
    """The images nearest to the photo; None where the atlas keeps no features of this network."""
    sweeps = [sweep for sweep in atlas.sweeps() if sweep.fingerprint == network.fingerprint and sweep.work.features]
    if not sweeps:
        return None
    layer = sweeps[0].work.features[0]
    try:
        neighbours = atlas.neighbours(photo, k=NEAR, features=layer, sweep=sweeps[0].name)
    except ValueError:  # nothing has run yet
        return None
    near = []
    for number, distance, key, label in zip(
        neighbours.numbers[0], neighbours.distances[0], neighbours.keys[0], neighbours.labels[0], strict=True
    ):
        if number < 0:
            continue
        try:
            image = compressed(neighbours.photo(int(number)).pixels, VIEW)
        except (OSError, LookupError, ValueError):
            image = None
        near.append(Near(image, label or key, f"{key}, distance {compact(float(distance))}"))
    if not near:
        return None
    metric = neighbours.metric.replace("euclid", "Euclid")
    caption = f"Nearest by {metric} distance between their features at {layer}; {neighbours.how}."
    return Neighbours(tuple(near), caption)


def _has_places(layer: Layer) -> bool:
    return layer.layout is not None and layer.name != "logits" and int(np.prod(layer.maps_shape[1:])) > 1
