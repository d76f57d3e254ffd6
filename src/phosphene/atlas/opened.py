"""An opened atlas: where it lies, which sweeps it holds, the network of each, and its photos.

The questions that are asked of an atlas stand on this file; `atlas.py` puts them together.
"""

from __future__ import annotations

import json
import os

from ..data.sources import photo_of, shard_and_index
from ..network import Network, Preprocessing, near
from ..network.opening.reopening import read_preprocessing, reopened
from ..picture import Photo
from .store import tables
from .store.fields import Fields
from .store.store import Store
from .store.work import Sweep

LISTED = 12  # layers that a sentence names


class OpenedAtlas:
    """The atlas at `path`, a folder or an object storage's URL.

    `network` is the network to draw and compare with, where it can't be opened again by its name, or where several have
    built the atlas. An atlas may name any Python code as its network, and it may come from anywhere: it is run only
    with `trust`, as opening it with its `network` needs none of it. What needs no network opens none.

    Raises FileNotFoundError where there is no atlas, ValueError for a network of which it holds nothing.
    """

    def __init__(self, path: str | os.PathLike[str], network: Network | None = None, *, trust: bool = False) -> None:
        self.store = Store(path)
        self.path = self.store.path
        self.trust = trust
        self._network = network
        self._networks: dict[str, Network] = {}  # by sweep
        if network is not None:
            self._check_holds(network)

    def __fspath__(self) -> str:
        return self.path

    def __repr__(self) -> str:
        return f"Atlas({self.path!r})"

    def sweeps(self, name: str | None = None) -> list[Sweep]:
        """The networks and layers that it holds; of one sweep only, if named. LookupError where there is none so."""
        every = self.store.sweeps()
        result = [sweep for sweep in every if name in (None, sweep.name)]
        if name is not None and not result:
            names = ", ".join(sweep.name for sweep in every) or "none"
            raise LookupError(f"the atlas {self.path!r} has no sweep {name!r}; it has {names}")
        return result

    def preferred(self, sweeps: list[Sweep]) -> list[Sweep]:
        """Those of the network that the atlas was opened with, where there are any; otherwise all."""
        network = self._network
        of_network = [sweep for sweep in sweeps if network and sweep.fingerprint == network.fingerprint]
        same = [
            sweep
            for sweep in of_network
            if network and Preprocessing.from_dict(sweep.preprocessing) == network.preprocessing
        ]
        return same or of_network or sweeps

    def newest(self, sweeps: list[Sweep], what: str) -> Sweep:
        """The last that was begun of one network's sweeps, of those that have run, if any has.

        ValueError where they are of several networks, or of one with several preprocessings.
        """
        preferred = self.preferred(sweeps)
        if len({(sweep.fingerprint, json.dumps(sweep.preprocessing, sort_keys=True)) for sweep in preferred}) > 1:
            names = dict.fromkeys(sweep.name for sweep in preferred)
            raise ValueError(f"several networks have {what}; say which is meant: sweep={' or '.join(names)}")
        return ([sweep for sweep in preferred if self.store.holds(tables.units_table(sweep.name))] or preferred)[-1]

    def network(self, sweep: Sweep) -> Network:
        """The network of a sweep, opened again. ValueError where it is not the same any more."""
        result = self._networks.get(sweep.name)
        if result is None:
            result = self._networks[sweep.name] = self._opened(sweep)
        return result

    def _check_holds(self, network: Network) -> None:
        """ValueError where it holds nothing of that network."""
        sweeps = self.store.sweeps()
        if not any(sweep.fingerprint == network.fingerprint for sweep in sweeps):
            names = ", ".join(dict.fromkeys(sweep.network for sweep in sweeps)) or "no network"
            raise ValueError(
                f"the atlas {self.path!r} holds nothing of {network.name} with these weights, only of {names}; build "
                "it with this network, or leave the network or the atlas out"
            )

    def _opened(self, sweep: Sweep) -> Network:
        network = self._network
        if network is not None and network.fingerprint == sweep.fingerprint:
            return as_swept(network, sweep)
        if not sweep.opening:
            raise ValueError(
                f"the network {sweep.network} was given as a module, and this question needs it: name it with "
                "--network module:function, or open the atlas with it, phosphene.Atlas(path, network)"
            )
        how = "--trust, or trust=True in Atlas(...) and again(...); or give the network yourself, with --network"
        by = f"the atlas {self.path!r}"
        result = reopened(sweep.opening, sweep.preprocessing, by=by, how=how, trust=self.trust)
        if result.fingerprint != sweep.fingerprint:
            raise ValueError(f"{sweep.network} has other weights than those that the atlas was built with")
        return result

    def sweep(self, layer: str, *, features: bool = False, name: str | None = None) -> Sweep:
        """The sweep that holds a layer's units, or its features.

        LookupError where none does; ValueError where those of several networks do and neither `name` nor the network
        that the atlas was opened with says which is meant.
        """
        sweeps = self.sweeps(name)
        layers_of = {sweep.name: sweep.work.features if features else sweep.work.layers for sweep in sweeps}
        holding = [sweep for sweep in sweeps if layer in layers_of[sweep.name]]
        if not holding:
            what, every = (
                "features" if features else "units",
                list(dict.fromkeys(name for names in layers_of.values() for name in names)),
            )
            more = f" and {len(every) - LISTED} more" if len(every) > LISTED else ""
            listed = f"it holds those of {', '.join(every[:LISTED])}{more}" if every else "it holds none"
            layer_name = layer.rpartition(":")[0]
            if layer_name in every:
                raise LookupError(f"{layer!r} is one unit; name its layer, {layer_name!r}")
            adding = f"phosphene atlas build SOURCE --to {self.path} --{'features' if features else 'layers'} {layer}"
            raise LookupError(
                f"the atlas {self.path!r} holds no {what} of {layer!r}{near(layer, every)}; {listed}. "
                f"A layer of the network is added by building again: {adding}"
            )
        return self.newest(holding, f"a layer {layer!r}")

    def fields(self, sweep: Sweep, layer: str) -> Fields:
        """What a layer's units see: as it was noted when the atlas was built, or as the network says."""
        return self.store.fields(sweep, layer) or Fields.of(self.network(sweep), layer)

    def photo(self, image: int) -> Photo:
        """The photo of this number, read from its source.

        Raises LookupError for a number that the atlas does not have, FileNotFoundError where the source has moved.
        """
        rows = self.store.images([image]).to_pylist()
        if not rows:
            raise LookupError(f"the atlas {self.path!r} has no image of number {image}")
        shard, index = shard_and_index(image)
        return photo_of(self.store.shards([shard])[shard], index, rows[0]["key"])


def as_swept(network: Network, sweep: Sweep) -> Network:
    """The network with the preprocessing that its photos had in the sweep."""
    preprocessing = read_preprocessing(sweep.preprocessing)
    if network.preprocessing == preprocessing:
        return network
    return Network(network.module, preprocessing, network.labels, head=network.head)


def opened(atlas: str | os.PathLike[str]) -> OpenedAtlas:
    """The atlas, opened where its path was given."""
    return atlas if isinstance(atlas, OpenedAtlas) else OpenedAtlas(atlas)
