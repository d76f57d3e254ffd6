"""An atlas: a whole data set through a network, once, and all that can be asked of it afterwards."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from typing import Any

from ..instrument.fields import Role
from ..instrument.travelling import OPTIONS, Kind, Origin, travels
from ..network import Network
from .export import export
from .info import atlas_info
from .opened import OpenedAtlas
from .projection.activations import atlas_activations
from .projection.embedding import atlas_map
from .projection.mosaic import Mosaic, atlas_mosaic
from .projection.placed import atlas_place
from .search.indexing import build as index
from .search.neighbours import atlas_neighbours
from .similarity import atlas_similarity
from .store.relocating import relocate
from .store.work import K, Work, chosen_layers, described_layers
from .sweep.running import run
from .sweep.sweep import Progress, Runner
from .sweep.sweep import build as sweeping
from .units.layer_sheet import atlas_layer
from .units.naming import atlas_names
from .units.patches_of_unit import atlas_patches
from .units.sensitivities import atlas_sensitivities
from .units.shared import atlas_shared
from .units.statistics import atlas_statistics

TOGETHER, TOGETHER_GPU = 4, 64  # images that run together, if it is not said


class Atlas(OpenedAtlas):
    """The atlas at `path`, a folder or an object storage's URL.

    `network` is the network to use for questions that need one. Give it if it can't be opened by its name, or if
    several networks have built the atlas. An atlas may come from somebody else, and name any Python code as its
    network. Such code runs only with `trust`; it is not needed if you give `network`. Questions that need no network
    open none.

    Raises FileNotFoundError if there is no atlas, ValueError for a network that the atlas was not built with.

    Each question is an instrument: `atlas.patches("layer3:17")` is `atlas_patches(atlas, "layer3:17")`, and takes the
    same options.
    """

    info = atlas_info
    layer = atlas_layer
    patches = atlas_patches
    names = atlas_names
    statistics = atlas_statistics
    shared = atlas_shared
    sensitivities = atlas_sensitivities
    neighbours = atlas_neighbours
    map = atlas_map
    place = atlas_place
    activations = atlas_activations
    similarity = atlas_similarity
    index = index
    export = export

    @classmethod
    def build(cls, network: Network, source: Any, path: str | os.PathLike[str], **options: Any) -> Atlas:
        """Runs the network over the source into the atlas at `path`, and opens the atlas; options as `building`."""
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
        """The steps of `build`: yields after every batch; finished batches are stored, also if the caller stops.

        If there is an atlas at `path`, it is continued: a sweep that was stopped is resumed, new images and new layers
        are added, and nothing runs twice.

        - `layers`: whose units' strongest patches and statistics are stored: names, patterns such as 'blocks.*', or
          'convolutions'; all convolutions and the outputs of blocks, such as blocks.3, if not given
        - `features`: layers whose feature vectors are stored for every image; the last before the scores if not given
        - `k`: how many patches for every unit
        - `each`: how many of a unit's patches may come from one image
        - `pool`: features of maps: 'mean' or 'max' over their places, or 'none' for all of them
        - `half`: store features as float16
        - `batch`: how many images run together; if not given, 4 on a processor, whose caches hold them, and 64 on a GPU
        - `workers`: how many threads decode images; if not given, one for each core, at most 8
        - `ray`: run on the Ray cluster at this address; 'local' starts one on this machine, 'auto' uses a running one
        - `retry`: also try again the images that could not be used
        - `missing`: continue without sources that are lost; their images that have not run are listed as unreadable
        """
        usual = TOGETHER if network.device.type == "cpu" else TOGETHER_GPU
        together = usual if batch is None else batch
        work = Work(chosen_layers(network, layers), described_layers(network, features), k, each, pool, half, together)
        runner: Runner = run
        if ray is not None:
            from .sweep.ray_run import on_ray

            runner = on_ray(ray)
        yield from sweeping(network, source, path, work, workers=workers, runner=runner, retry=retry, missing=missing)

    def mosaic(self, features: str = "features", path: str | os.PathLike[str] | None = None, **options: Any) -> Mosaic:
        """The images as thumbnails, similar ones near each other; options of `atlas_mosaic`.

        If given, `path` is where it is written: a picture, or a folder for tiles with a page to zoom into.
        """
        result = atlas_mosaic(self, features, **options)
        if path is not None:
            result.save(path)
        return result

    def relocate(self, old: str | os.PathLike[str], new: str | os.PathLike[str]) -> int:
        """Tells the atlas that files or folders have moved from `old` to `new`; returns how many images they contain.

        Raises LookupError if no source lies at `old`, FileNotFoundError or ValueError if the images at `new` are not
        those that were read.
        """
        return relocate(self.store, old, new)


def _reopened(path: str, origin: Origin) -> Atlas:
    """The atlas that a picture was made from."""
    return Atlas(path, trust=origin.trust)


travels(Kind(OPTIONS, lambda value: isinstance(value, OpenedAtlas), os.fspath, _reopened, Role.ATLAS))
