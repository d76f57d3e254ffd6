"""An atlas: a whole data set through a network, once, and all that can be asked of it afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

from ..network import Network, load, near
from ..picture import Photo
from .patches import Patch, patches
from .sources import place, reader
from .store import Store, Sweep
from .sweep import Progress
from .sweep import build as sweeping
from .work import K, Work, chosen, described


def opened(atlas: Atlas | str | os.PathLike[str]) -> Atlas:
    """The atlas, opened where its path was given."""
    return atlas if isinstance(atlas, Atlas) else Atlas(atlas)


class Atlas:
    """The atlas at `path`, a folder or an object storage's URL.

    Raises FileNotFoundError where there is none. `network` is the network to draw and compare with, where it can't be
    opened again by its name.
    """

    def __init__(self, path: str | os.PathLike[str], network: Network | None = None) -> None:
        self.store = Store(path)
        self.path = self.store.path
        self._network = network

    @classmethod
    def build(cls, network: Network, source: Any, path: str | os.PathLike[str], **options: Any) -> Atlas:
        """Sweeps the source through the network into the atlas at `path`, and opens it; options as `building`."""
        for _ in cls.building(network, source, path, **options):
            pass
        return cls(path, network)

    @classmethod
    def building(
        cls,
        network: Network,
        source: Any,
        path: str | os.PathLike[str],
        *,
        layers: str | Sequence[str] | None = None,
        features: str | Sequence[str] | None = None,
        k: int = K,
        each: int = 1,
        pool: str = "mean",
        half: bool = False,
        batch: int = 16,
        workers: int | None = None,
    ) -> Iterator[Progress]:
        """The steps of `build`: yields after every batch; what ran is kept also where the caller stops.

        An atlas that stands at `path` is gone on with: a sweep that was stopped is resumed, new images and new layers
        are added, and nothing is run twice.

        - `layers`: whose units' strongest patches and statistics are kept: names, patterns such as 'blocks.*', or
          'convolutions'; all convolutions if not given
        - `features`: layers of which every image's feature vector is kept; the last before the scores if not given
        - `k`: patches for every unit
        - `each`: how many of them may be of one image
        - `pool`: features of maps: 'mean' or 'max' over their places, or 'none' for all of them
        - `half`: keep features as float16
        - `batch`: images that run together
        - `workers`: threads that decode; one a core, at most 8, if not given
        """
        work = Work(chosen(network, layers), described(network, features), k, each, pool, half, batch)
        yield from sweeping(network, source, Store(path, create=True), work, workers=workers)

    def __fspath__(self) -> str:
        return self.path

    def __repr__(self) -> str:
        return f"Atlas({self.path!r})"

    def sweeps(self) -> list[Sweep]:
        """The networks and layers that it holds."""
        return self.store.sweeps()

    def network(self, sweep: Sweep) -> Network:
        """The network of a sweep, opened again. ValueError where it is not the same any more."""
        given = self._network
        if given is not None and given.fingerprint == sweep.fingerprint:
            return given
        if not sweep.opening:
            raise ValueError(
                f"the network {sweep.network} was given as a module; open the atlas with it: "
                "phosphene.Atlas(path, network)"
            )
        found = load(**sweep.opening)
        if found.fingerprint != sweep.fingerprint:
            raise ValueError(f"{sweep.network} has other weights than those that the atlas was built with")
        self._network = found
        return found

    def sweep(self, layer: str, *, features: bool = False) -> Sweep:
        """The sweep that holds a layer's units, or its features. LookupError where none does."""
        sweeps = self.sweeps()
        for sweep in sweeps:
            if layer in (sweep.work.features if features else sweep.work.layers):
                return sweep
        what = "features" if features else "units"
        held = dict.fromkeys(n for each in sweeps for n in (each.work.features if features else each.work.layers))
        listed = f"it holds those of {', '.join(held)}" if held else "it holds none"
        raise LookupError(f"the atlas {self.path!r} holds no {what} of {layer!r}{near(layer, held)}; {listed}")

    def photo(self, image: int) -> Photo:
        """The photo of this number, read from its source.

        Raises LookupError for a number that the atlas does not have, FileNotFoundError where the source has moved.
        """
        rows = self.store.images([image]).to_pylist()
        if not rows:
            raise LookupError(f"the atlas {self.path!r} has no image of number {image}")
        shard, index = place(image)
        source = self.store.shards()[shard]
        return reader(source).item(source, index, rows[0]["key"]).photo()

    def patches(self, unit: str, k: int | None = None) -> list[Patch]:
        """The strongest patches of a unit such as 'layer3:17' over all images, best first.

        Raises LookupError for a layer that the atlas does not hold or a channel that it does not have.
        """
        return patches(self, unit, k)
