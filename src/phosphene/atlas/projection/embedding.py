"""A map of images: each where its features' neighbours are, in two dimensions.

The map is made by t-SNE, UMAP or PCA (reduction.py) of the features that a sweep kept, and kept in the atlas itself, so
that it is made once: it is made anew where it is asked for in another way, or the atlas has come to hold other images.
How far it can be trusted is measured (preservation.py) and said with it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ...instrument import Result, instrument
from ...instrument.roles import AtlasLike
from ...picture import Sheet, files
from ...picture.chart.classes import STYLES
from ..opened import opened
from ..scatter import scatter
from ..search.features import features_of, features_sweep
from ..store.tables import map_table
from ..store.work import Sweep
from . import preservation
from .reduction import Method, Reduced, Reduction

if TYPE_CHECKING:
    from ..opened import OpenedAtlas

NAMES = {"tsne": "t-SNE", "umap": "UMAP", "pca": "PCA"}


@dataclass(frozen=True, eq=False, kw_only=True)
class Embedding(Result):
    """The images of an atlas on a map, in the order of their numbers."""

    ids: np.ndarray = field(repr=False)  # (N,)
    positions: np.ndarray = field(repr=False)  # (N, 2) about their mean; only PCA's axes mean something
    labels: tuple[str | None, ...] = field(repr=False)
    keys: tuple[str, ...] = field(repr=False)
    network: str
    layer: str
    reduction: Reduction
    variance: float  # the share of it that the principal components hold
    shares: Sequence[float] = ()  # and each of the first two by itself
    kl: float | None  # KL(p, q) in nats, of t-SNE
    preservation: float  # the share of the 10 nearest neighbours among the features that are such on the map
    accuracy: float | None  # how often the 5 nearest on the map tell the class; None where there are no classes
    accuracy_of_features: float | None  # and the 5 nearest among the features
    atlas: Any = field(repr=False)
    sweep: Sweep = field(repr=False)

    @property
    def method(self) -> str:
        return self.reduction.method

    @property
    def vectors(self) -> np.ndarray:
        """The features (N, D) of its images, read from the atlas."""
        ids, vectors = self.atlas.store.features(self.sweep, self.layer)
        return vectors[np.isin(ids, self.ids)]

    @cached_property
    def _reduced(self) -> Reduced:
        return Reduced(self.reduction, self.vectors)

    def place(self, photos: Any) -> np.ndarray:
        """Where photos, files or folders (M of them) lie on the map: positions (M, 2). The map stays as it is."""
        vectors = features_of(self.atlas.network(self.sweep), self.sweep, self.layer, files(photos))
        return self._reduced.place(self.positions, vectors)

    @property
    def axes(self) -> str:
        """What the axes are, in a sentence."""
        if self.method == "pca":
            return "The first component goes from left to right, the second upwards."
        return "The axes mean nothing; who is near whom does."

    def words(self) -> str:
        """How the map was made, and what was measured of it."""
        components = min(self.reduction.components, len(self.ids) - 1)
        steps = [f"{NAMES[self.method]} of {components} principal components"]
        steps[0] += f" ({self.variance:.0%} of the variance)"
        if self.method == "pca" and self.shares:
            first, second = (f"{share:.0%}" for share in self.shares)
            steps = [f"PCA: the first two principal components, with {first} and {second} of the variance"]
        if self.method == "tsne":
            values = " and ".join(f"{value:g}" for value in self.reduction.perplexities(len(self.ids)))
            steps.append(f"perplexity {values}")
            if (last := self.reduction.last_exaggeration(len(self.ids))) > 1:
                steps.append(f"exaggeration {last:g}")
        if self.method == "umap":
            steps.append(f"{min(self.reduction.neighbours, len(self.ids) - 1)} neighbours")
        text = ", ".join(steps)
        text += f"; KL(p, q) {self.kl:.3g}" if self.kl is not None else ""
        count = min(preservation.KEPT, len(self.ids) - 1)
        text += f". Of the {count} nearest neighbours among the features {self.preservation:.0%} are such on the map."
        if self.accuracy is not None and self.accuracy_of_features is not None:
            text += (
                f" The {preservation.VOTERS} nearest tell the class of {self.accuracy:.1%} of the images on the map, "
                f"of {self.accuracy_of_features:.1%} by the features."
            )
        return text

    def sheet(self, classes: int = STYLES, names: bool = True) -> Sheet:
        """A point for each image, in its class's colour and shape.

        - `classes`: how many classes get their own colour and shape, at most 60: the most frequent ones; the others are
          grey
        - `names`: write the classes' names beside their points
        """
        return scatter(
            self.positions,
            self.labels,
            title=f"Map of {len(self.ids):,} images",
            subtitle=f"features of {self.layer} of {self.network}",
            caption=f"{self.words()} {self.axes}",
            classes=classes,
            names=names,
            shorten=self.method != "pca",
            seed=self.reduction.seed,
            description=f"{self.network}, features of {self.layer}: {self.words()}",
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "layer": self.layer,
            **asdict(self.reduction),
            "variance": self.variance,
            "shares": list(self.shares),
            "kl": self.kl,
            "preservation": self.preservation,
            "accuracy": self.accuracy,
            "accuracy_of_features": self.accuracy_of_features,
            "images": [
                {"id": int(id), "image": key, "label": label, "x": float(x), "y": float(y)}
                for id, key, label, (x, y) in zip(self.ids, self.keys, self.labels, self.positions, strict=True)
            ],
        }


@instrument
def atlas_map(
    atlas: AtlasLike,
    features: str | None = None,
    *,
    method: Method = "tsne",
    perplexity: float = 30.0,
    components: int = 50,
    multiscale: bool = False,
    exaggeration: float | None = None,
    neighbours: int = 15,
    seed: int = 0,
    sweep: str | None = None,
) -> Embedding:
    """A map of all images: each is a point, and similar images are near each other.

    Raises LookupError for features that the atlas does not store, ValueError for fewer than 5 images, ImportError for
    UMAP if umap-learn is not installed.

    - `features`: the layer whose features are used; the first that the atlas stores if not given
    - `method`: how the map is made: tsne, umap or pca
    - `perplexity`: for t-SNE, the effective number of neighbours; a third of the images at most
    - `components`: how many principal components the features are first reduced to
    - `multiscale`: for t-SNE, add a perplexity of a hundredth of the images, which arranges groups better; slower
    - `exaggeration`: for t-SNE, the factor that draws neighbours together; 1, and above 100,000 images 4, if not given
    - `neighbours`: for UMAP, how many neighbours of each image are used
    - `seed`: seed of the random numbers
    - `sweep`: whose features to use, if the atlas stores those of several networks
    """
    whole = opened(atlas)
    swept, layer = features_sweep(whole, features, sweep)
    reduction = Reduction(method, components, float(perplexity), multiscale, exaggeration, neighbours, seed)
    name = map_table(swept.name, layer, method)
    ids, vectors = whole.store.features(swept, layer)
    labels, keys = _named(whole, ids)
    stored_map = whole.store.map(name)
    if (
        stored_map is not None
        and stored_map[2]["reduction"] == asdict(reduction)
        and np.array_equal(stored_map[0], ids)
    ):
        _, positions, account = stored_map
    else:
        positions, account = _computed_map(reduction, vectors, labels)
        with contextlib.suppress(OSError, RuntimeError, ValueError):  # it can be looked at where it can't be kept
            whole.store.keep_map(name, ids, positions, account)
    return Embedding(
        ids=ids, positions=positions, labels=labels, keys=keys, network=swept.network, layer=layer, reduction=reduction,
        atlas=whole, sweep=swept, **{key: value for key, value in account.items() if key != "reduction"},
    )  # fmt: skip


def _computed_map(reduction: Reduction, vectors: np.ndarray, labels: tuple[str | None, ...]) -> tuple[np.ndarray, dict]:
    reduced = Reduced(reduction, vectors)
    positions, kl = reduced.positions()
    return positions, {
        "reduction": asdict(reduction),
        "variance": reduced.components.share,
        "shares": reduced.components.shares[:2].tolist(),
        "kl": kl,
        "preservation": preservation.kept_neighbours(vectors, positions),
        "accuracy": preservation.accuracy(positions, labels),
        "accuracy_of_features": preservation.accuracy(vectors, labels),
    }


def _named(atlas: OpenedAtlas, ids: np.ndarray) -> tuple[tuple[str | None, ...], tuple[str, ...]]:
    """The images' labels and keys."""
    table = atlas.store.images()
    rows = np.searchsorted(table.column("id").to_numpy(), ids)
    columns = table.select(["label", "key"]).take(rows)
    return tuple(columns.column("label").to_pylist()), tuple(columns.column("key").to_pylist())
