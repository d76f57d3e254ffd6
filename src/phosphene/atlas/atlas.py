"""An atlas: a whole data set through a network, once, and all that can be asked of it afterwards."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from ..network import Network, Preprocessing, near
from ..network.reopening import read_preprocessing, reopened
from ..picture import Photo
from . import tables
from .activations import ActivationAtlas, atlas_activations
from .embedding import Embedding, atlas_map
from .export import export as exporting
from .indexing import Index
from .indexing import build as indexing
from .info import Info, atlas_info
from .layer_sheet import LayerSheet, atlas_layer
from .mosaic import Mosaic, atlas_mosaic
from .naming import Names, atlas_names
from .neighbours import Neighbours, atlas_neighbours
from .patches import Patches, atlas_patches
from .placed import Placed, atlas_place
from .relocating import relocate
from .running import run
from .sources import photo_of, place
from .statistics import Statistics, atlas_statistics
from .store import Store
from .sweep import Progress, Runner
from .sweep import build as sweeping
from .work import K, Sweep, Work, chosen, described

LISTED = 12  # layers that a sentence names
TOGETHER, TOGETHER_GPU = 4, 64  # images that run together, if it is not said


def opened(atlas: Atlas | str | os.PathLike[str]) -> Atlas:
    """The atlas, opened where its path was given."""
    return atlas if isinstance(atlas, Atlas) else Atlas(atlas)


class Atlas:
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
        batch: int | None = None,
        workers: int | None = None,
        ray: str | None = None,
        retry: bool = False,
        missing: bool = False,
    ) -> Generator[Progress]:
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
        - `batch`: images that run together; if not given 4 on a processor, whose caches hold them, and 64 on a GPU
        - `workers`: threads that decode; one a core, at most 8, if not given
        - `ray`: run on the Ray cluster at this address; 'local' starts one on this machine, 'auto' takes one that runs
        - `retry`: the images that could not be used are tried again, as well
        - `missing`: go on without sources that are gone; their images that have not run are noted as unreadable
        """
        usual = TOGETHER if network.device.type == "cpu" else TOGETHER_GPU
        together = usual if batch is None else batch
        work = Work(chosen(network, layers), described(network, features), k, each, pool, half, together)
        runner: Runner = run
        if ray is not None:
            from .ray_run import on_ray

            runner = on_ray(ray)
        yield from sweeping(network, source, path, work, workers=workers, runner=runner, retry=retry, missing=missing)

    def __fspath__(self) -> str:
        return self.path

    def __repr__(self) -> str:
        return f"Atlas({self.path!r})"

    def sweeps(self, name: str | None = None) -> list[Sweep]:
        """The networks and layers that it holds; of one sweep only, if named. LookupError where there is none so."""
        every = self.store.sweeps()
        found = [sweep for sweep in every if name in (None, sweep.name)]
        if name is not None and not found:
            names = ", ".join(sweep.name for sweep in every) or "none"
            raise LookupError(f"the atlas {self.path!r} has no sweep {name!r}; it has {names}")
        return found

    def preferred(self, sweeps: list[Sweep]) -> list[Sweep]:
        """Those of the network that the atlas was opened with, where there are any; otherwise all."""
        given = self._network
        own = [sweep for sweep in sweeps if given and sweep.fingerprint == given.fingerprint]
        same = [sweep for sweep in own if given and Preprocessing.from_dict(sweep.preprocessing) == given.preprocessing]
        return same or own or sweeps

    def newest(self, sweeps: list[Sweep], what: str) -> Sweep:
        """The last that was begun of one network's sweeps, of those that have run, if any has.

        ValueError where they are of several networks, or of one with several preprocessings.
        """
        found = self.preferred(sweeps)
        if len({(sweep.fingerprint, json.dumps(sweep.preprocessing, sort_keys=True)) for sweep in found}) > 1:
            names = dict.fromkeys(sweep.name for sweep in found)
            raise ValueError(f"several networks have {what}; say which is meant: sweep={' or '.join(names)}")
        return ([sweep for sweep in found if self.store.holds(tables.units_table(sweep.name))] or found)[-1]

    def network(self, sweep: Sweep) -> Network:
        """The network of a sweep, opened again. ValueError where it is not the same any more."""
        found = self._networks.get(sweep.name)
        if found is None:
            found = self._networks[sweep.name] = self._opened(sweep)
        return found

    def _check_holds(self, network: Network) -> None:
        """ValueError where it holds nothing of that network."""
        sweeps = self.store.sweeps()
        if not any(sweep.fingerprint == network.fingerprint for sweep in sweeps):
            held = ", ".join(dict.fromkeys(sweep.network for sweep in sweeps)) or "no network"
            raise ValueError(
                f"the atlas {self.path!r} holds nothing of {network.name} with these weights, only of {held}; build it "
                "with this network, or leave the network or the atlas out"
            )

    def _opened(self, sweep: Sweep) -> Network:
        given = self._network
        if given is not None and given.fingerprint == sweep.fingerprint:
            preprocessing = read_preprocessing(sweep.preprocessing)
            return (
                given
                if given.preprocessing == preprocessing
                else Network(given.module, preprocessing, given.labels, head=given.head)
            )
        if not sweep.opening:
            raise ValueError(
                f"the network {sweep.network} was given as a module; open the atlas with it: "
                "phosphene.Atlas(path, network)"
            )
        how = "--trust, or trust=True in Atlas(...) and again(...); or give the network yourself, with --network"
        by = f"the atlas {self.path!r}"
        found = reopened(sweep.opening, sweep.preprocessing, by=by, how=how, trust=self.trust)
        if found.fingerprint != sweep.fingerprint:
            raise ValueError(f"{sweep.network} has other weights than those that the atlas was built with")
        return found

    def sweep(self, layer: str, *, features: bool = False, name: str | None = None) -> Sweep:
        """The sweep that holds a layer's units, or its features.

        LookupError where none does; ValueError where those of several networks do and neither `name` nor the network
        that the atlas was opened with says which is meant.
        """
        sweeps = self.sweeps(name)
        held = {sweep.name: sweep.work.features if features else sweep.work.layers for sweep in sweeps}
        found = [sweep for sweep in sweeps if layer in held[sweep.name]]
        if not found:
            what, every = (
                "features" if features else "units",
                list(dict.fromkeys(n for own in held.values() for n in own)),
            )
            more = f" and {len(every) - LISTED} more" if len(every) > LISTED else ""
            listed = f"it holds those of {', '.join(every[:LISTED])}{more}" if every else "it holds none"
            own = layer.rpartition(":")[0]
            if own in every:
                raise LookupError(f"{layer!r} is one unit; name its layer, {own!r}")
            raise LookupError(f"the atlas {self.path!r} holds no {what} of {layer!r}{near(layer, every)}; {listed}")
        return self.newest(found, f"a layer {layer!r}")

    def photo(self, image: int) -> Photo:
        """The photo of this number, read from its source.

        Raises LookupError for a number that the atlas does not have, FileNotFoundError where the source has moved.
        """
        rows = self.store.images([image]).to_pylist()
        if not rows:
            raise LookupError(f"the atlas {self.path!r} has no image of number {image}")
        shard, index = place(image)
        return photo_of(self.store.shards([shard])[shard], index, rows[0]["key"])

    def patches(self, unit: str, k: int | None = None, **options: Any) -> Patches:
        """The strongest patches of a unit such as 'layer3:17' over all images, best first; options of `atlas_patches`.

        Raises LookupError for a layer that the atlas does not hold or a channel that it does not have.
        """
        return atlas_patches(self, unit, k=k, **options)

    def layer(self, layer: str, **options: Any) -> LayerSheet:
        """Many units of a layer, each with its few strongest patches; options of `atlas_layer`."""
        return atlas_layer(self, layer, **options)

    def names(self, layer: str, **options: Any) -> Names:
        """What each unit of a layer stands for, as far as its patches say; options of `atlas_names`."""
        return atlas_names(self, layer, **options)

    def statistics(self, layer: str, **options: Any) -> Statistics:
        """Mean, share of active places and quantiles of each unit of a layer; options of `atlas_statistics`."""
        return atlas_statistics(self, layer, **options)

    def neighbours(self, query: Any, k: int = 6, **options: Any) -> Neighbours:
        """The images nearest to a photo, or to an image by its key or number; options of `atlas_neighbours`."""
        return atlas_neighbours(self, query, k=k, **options)

    def index(self, features: str | None = None, **options: Any) -> Index:
        """An index of a layer's features, for neighbours among very many images; options of `indexing.build`."""
        return indexing(self, features, **options)

    def map(self, features: str = "features", **options: Any) -> Embedding:
        """All images on a map, alike ones near each other; options of `atlas_map`."""
        return atlas_map(self, features, **options)

    def place(self, photos: Any, **options: Any) -> Placed:
        """Where new photos lie on the map, which stays as it is; options of `atlas_place`."""
        return atlas_place(self, photos, **options)

    def mosaic(self, features: str = "features", path: str | os.PathLike[str] | None = None, **options: Any) -> Mosaic:
        """The images as thumbnails near those that are like them; options of `atlas_mosaic`.

        It is written to `path`, if given: a picture's name, or a folder's, for tiles with a page to zoom into.
        """
        found = atlas_mosaic(self, features, **options)
        if path is not None:
            found.save(path)
        return found

    def activations(self, features: str = "features", **options: Any) -> ActivationAtlas:
        """The map's cells, each as an image of what its images have in common; options of `atlas_activations`."""
        return atlas_activations(self, features, **options)

    def export(self, path: str | os.PathLike[str], kind: str = "parquet", **options: Any) -> Path:
        """Writes its images for other programs, as parquet, embedding-atlas or fiftyone; options of `export`."""
        return exporting(self, path, kind, **options)  # type: ignore[arg-type]

    def relocate(self, old: str | os.PathLike[str], new: str | os.PathLike[str]) -> int:
        """Tells it that a source has moved from `old` to `new`, files or folders; how many images lie there.

        Raises LookupError where no source lies at `old`, FileNotFoundError or ValueError where at `new` there are not
        the images that were read.
        """
        return relocate(self.store, old, new)

    def info(self) -> Info:
        """What it holds, and how far each sweep is."""
        return atlas_info(self)
