"""How alike are the layers of two networks? A number for each pair, from the same images through both.

    cka          centred kernel alignment, linear or with a Gaussian kernel, unbiased, over batches of images (`hsic`)
    rsa          rank correlation of distances between images
    procrustes   what is left after the best rotation of one onto the other
    cca          mean canonical correlation of principal components

`measures` and `hsic` have the formulas and sources. CKA streams: its memory does not grow with the images. The others
compare all images with each other, and need a number for each two of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Literal, get_args

import numpy as np

from ...data.collection import ImageCollection
from ...instrument import Result, instrument
from ...instrument.roles import ImageSource, LayerNames
from ...network import Layer, Network
from ...network.blocks import distinct_blocks
from ...picture import Sheet, Table, counted
from .grams import Whole, batch_grams, whole_grams
from .hsic import FEWEST, alignment, hsic, own, rbf
from .measures import cca, centred, components, correlation_distances, procrustes, rank_correlations
from .similarity_picture import sheet_of, table_of

Kind = Literal["cka", "rsa", "procrustes", "cca"]
Kernel = Literal["linear", "rbf"]
NAMES = {
    "cka": "CKA", "rsa": "RSA, Spearman's rank correlation", "procrustes": "Procrustes similarity",
    "cca": "mean canonical correlation",
}  # fmt: skip
MOST = 24  # layers where none are named
DRAWS = 200  # of batches or images, for the intervals


@dataclass(frozen=True, eq=False, kw_only=True)
class Similarity(Result):
    """A number for each pair of layers: rows are those of the first network, columns those of the second."""

    a: str
    b: str
    kind: Kind
    kernel: Kernel
    layers: tuple[tuple[str, ...], tuple[str, ...]]
    values: np.ndarray = field(repr=False)  # (layers of a, layers of b)
    low: np.ndarray = field(repr=False)  # of 95 % intervals over batches (cka) or images (rsa); NaN elsewhere
    high: np.ndarray = field(repr=False)
    images: int
    hash: str  # of the images' contents, in their order
    same: bool  # whether both are the same network
    seed: int
    rest: int = 0  # images of a last batch that was too small to compare
    unreadable: tuple[str, ...] = ()
    progress: str = ""
    step: int = 0
    steps: int | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        left = [f"left out: the last {counted(self.rest, 'image')}, too few for a batch"] if self.rest else []
        return (*super().notes, *left)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A dict for each layer of the first network: the layer of the second that is most alike, and how much."""
        rows: list[dict[str, Any]] = []
        for index, layer in enumerate(self.layers[0]):
            values = self.values[index]
            if np.isnan(values).all():
                rows.append({"layer": layer, "most_alike": None, "value": None, "interval": [None, None]})
                continue
            best = int(np.nanargmax(values))
            ends = [None if np.isnan(end) else float(end) for end in (self.low[index, best], self.high[index, best])]
            rows.append(
                {"layer": layer, "most_alike": self.layers[1][best], "value": float(values[best]), "interval": ends}
            )
        return rows

    @property
    def order(self) -> float:
        """Spearman's rank correlation of a layer's place with that of the layer most alike; NaN for few layers."""
        from scipy.stats import spearmanr

        places = [self.layers[1].index(row["most_alike"]) for row in self.rows if row["most_alike"] is not None]
        if len(places) < 3 or len(set(places)) < 2:
            return float("nan")
        return float(spearmanr(np.arange(len(places)), places).statistic)

    @property
    def words(self) -> str:
        """What comes out, in a sentence."""
        rows = [row for row in self.rows if row["value"] is not None]
        if not rows:
            return "nothing was measured yet"
        values = [row["value"] for row in rows]
        name = NAMES[self.kind].split(",")[0]
        words = f"the layer of {self.b} that is most alike to one of {self.a} has {name} {min(values):.2f} to "
        words += f"{max(values):.2f}, {np.median(values):.2f} in the middle"
        if np.isnan(self.order):
            return words
        return f"{words}; these layers come in the same order (rank correlation {self.order:.2f})".replace("-", "−")

    def sheet(self) -> Sheet:
        """The matrix as a heat map, with the most alike layers marked."""
        return sheet_of(self)

    def table(self) -> Table:
        """Each layer's most alike one."""
        return table_of(self)

    def to_dict(self) -> dict[str, Any]:
        def listed(matrix: np.ndarray) -> list[list[float | None]]:
            return [[None if np.isnan(value) else float(value) for value in row] for row in matrix]

        return {
            "a": self.a, "b": self.b, "kind": self.kind, "kernel": self.kernel, "verdict": self.words,
            "images": self.images, "hash": self.hash, "layers": [list(names) for names in self.layers],
            "values": listed(self.values), "low": listed(self.low), "high": listed(self.high), "seed": self.seed,
            "order": None if np.isnan(self.order) else self.order, "rows": self.rows,
            "unreadable": list(self.unreadable),
        }  # fmt: skip


@instrument
def similarity(
    a: Network,
    b: Network,
    images: ImageSource,
    *,
    kind: Kind = "cka",
    layers: LayerNames | None = None,
    layers_b: LayerNames | None = None,
    kernel: Kernel = "linear",
    width: float = 0.5,
    batch: int = 64,
    limit: int | None = 1000,
    seed: int = 0,
) -> Iterator[Similarity]:
    """How alike the layers of two networks are: CKA, RSA, Procrustes or CCA, for every pair of layers in one pass.

    Raises LookupError for an unknown layer, ValueError for too few images or values that are not finite.

    - `a`: the network of the rows
    - `b`: the network of the columns
    - `images`: a folder, archive, table or data set of images, or photos
    - `kind`: centred kernel alignment (cka, over batches), rank correlation of distances (rsa), Procrustes similarity
      (procrustes) or mean canonical correlation (cca); all but cka hold a number for each two images
    - `layers`: which layers of the first network, and of the second where it has them; if not given, the outputs of
      blocks, at most 24 spread over the depth
    - `layers_b`: which layers of the second network, if others
    - `kernel`: of cka: linear, or rbf, a Gaussian of distances
    - `width`: of the Gaussian, in medians of the distances
    - `batch`: images of a batch, which cka compares with each other
    - `limit`: how many images to use at most, spread over all
    - `seed`: of the intervals' draws
    """
    if kind not in get_args(Kind):
        raise ValueError(f"a similarity is {', '.join(get_args(Kind))}, not {kind!r}")
    if batch < FEWEST:
        raise ValueError(f"a batch has {FEWEST} images at least, since the estimate divides by batch - 3; not {batch}")
    if not width > 0:
        raise ValueError(f"the Gaussian's width is above 0, not {width}")
    chosen = _layers(a, b, layers, layers_b)
    for network, some in zip((a, b), chosen, strict=True):
        for layer in some:
            network.steadiness().insist(
                network.name, layer.name, "layers are compared by what an image gives each time"
            )
    began = Similarity(
        a=a.name, b=b.name, kind=kind, kernel=kernel, layers=(_names(chosen[0]), _names(chosen[1])),
        values=np.full((len(chosen[0]), len(chosen[1])), np.nan), low=np.full((1, 1), np.nan),
        high=np.full((1, 1), np.nan), images=0, hash="", same=a is b or a.fingerprint == b.fingerprint, seed=seed,
    )  # fmt: skip
    began = replace(began, low=began.values, high=began.values)
    work = _Work(a, b, images, chosen, limit, batch, seed)
    steps = work.streamed(kernel, width) if kind == "cka" else work.whole(kind)
    for step, (words, change) in enumerate(steps, 1):
        yield replace(began, progress=words, step=step, **change)


@dataclass(eq=False)
class _Work:
    a: Network
    b: Network
    images: Any
    layers: tuple[list[Layer], list[Layer]]
    limit: int | None
    batch: int
    seed: int

    def source(self) -> ImageCollection:
        return ImageCollection(self.images, [self.a, self.b], limit=self.limit, batch=self.batch)

    def streamed(self, kernel: str, width: float) -> Iterator[tuple[str, dict[str, Any]]]:
        """CKA over batches: their numerators and denominators are averaged each by itself."""
        across: list[np.ndarray] = []
        ones: list[np.ndarray] = []
        others: list[np.ndarray] = []
        weights: list[int] = []
        digest = sha256()
        source = self.source()
        count = rest = 0  # images, and those of a last batch that is too small
        for read in source:
            for entry in read.entries:
                digest.update(entry.sha256.encode())
            count = read.start + len(read)
            if len(read) < FEWEST:
                rest = len(read)
                continue
            one, other = self._grams(read.inputs, kernel, width)
            across.append(hsic(one, other))
            ones.append(own(one))
            others.append(across[-1].diagonal() if one is other else own(other))
            weights.append(len(read))
            yield f"image {count}{source.of_all}", {}
        if not across:
            raise ValueError(f"CKA needs {FEWEST} images at least, and there are {count}")
        sums = np.stack(across), np.stack(ones), np.stack(others)
        values, low, high = _aligned(sums, np.array(weights, float), self.seed)
        yield "done", {
            "values": values, "low": low, "high": high, "images": count - rest, "hash": digest.hexdigest(),
            "unreadable": source.unreadable, "rest": rest,
        }  # fmt: skip

    def _grams(self, inputs: Sequence[Any], kernel: str, width: float) -> tuple[np.ndarray, np.ndarray]:
        one = batch_grams(self.a, inputs[0], self.layers[0])
        one = rbf(one, width) if kernel == "rbf" else one
        if self.a is self.b and self.layers[0] == self.layers[1]:
            return one, one
        other = batch_grams(self.b, inputs[1], self.layers[1])
        return one, rbf(other, width) if kernel == "rbf" else other

    def whole(self, kind: Kind) -> Iterator[tuple[str, dict[str, Any]]]:
        """The kinds that compare all images with each other."""
        source = self.source()
        digest, count = sha256(), 0
        for read in source:
            for entry in read.entries:
                digest.update(entry.sha256.encode())
            count = read.start + len(read)
            yield f"reading: image {count}{source.of_all}", {}
        if count < FEWEST:
            raise ValueError(f"{kind} needs {FEWEST} images at least, and there are {count}")
        grams: list[dict[str, Whole]] = []
        for at, (network, some) in enumerate(zip((self.a, self.b), self.layers, strict=True)):
            if at and self.a is self.b and some == self.layers[0]:
                grams.append(grams[0])
                continue
            grams.append({})
            for words in whole_grams(network, some, self.source, count, at, grams[-1]):
                yield words, {}
        one, other = ([each[layer.name] for layer in some] for each, some in zip(grams, self.layers, strict=True))
        values, low, high = _compared(kind, one, other, self.seed)
        yield "done", {
            "values": values, "low": low, "high": high, "images": count, "hash": digest.hexdigest(),
            "unreadable": source.unreadable,
        }  # fmt: skip


def _aligned(
    sums: tuple[np.ndarray, np.ndarray, np.ndarray], weights: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """CKA from the batches' (n, A, B), (n, A) and (n, B), and its interval over batches; NaN ends for a single one."""

    def over(some: np.ndarray) -> np.ndarray:
        share = weights[some] / weights[some].sum()
        across, one, other = (np.tensordot(share, each[some], 1) for each in sums)
        return alignment(across, one, other)

    values = over(np.arange(len(weights)))
    if len(weights) < 2:
        return values, np.full_like(values, np.nan), np.full_like(values, np.nan)
    draws = np.random.default_rng(seed).integers(len(weights), size=(DRAWS, len(weights)))
    low, high = np.quantile(np.stack([over(draw) for draw in draws]), [0.025, 0.975], axis=0)
    return values, low, high


def _compared(
    kind: Kind, one: Sequence[Whole], other: Sequence[Whole], seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if kind == "rsa":
        return _ranked(one, other, seed)
    centred_one, centred_other = ([centred(each.gram) for each in some] for some in (one, other))
    if kind == "procrustes":
        values = np.array([[procrustes(x, y) for y in centred_other] for x in centred_one])
    else:
        parts = [components(x) for x in centred_one], [components(y) for y in centred_other]
        values = np.array([[cca(x, y) for y in parts[1]] for x in parts[0]])
    return values, np.full_like(values, np.nan), np.full_like(values, np.nan)


def _ranked(one: Sequence[Whole], other: Sequence[Whole], seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """RSA, and its interval over images drawn anew; an image is not compared with itself."""

    def distances(each: Whole) -> np.ndarray:
        return correlation_distances(each.gram, each.sums, each.count)

    first, second = [distances(each) for each in one], [distances(each) for each in other]
    values = rank_correlations(first, second)
    count = len(one[0].gram)
    rows, columns = np.triu_indices(count, 1)
    place = np.zeros((count, count), int)
    place[rows, columns] = place[columns, rows] = np.arange(len(rows))
    draws = []
    generator = np.random.default_rng(seed)
    for _ in range(DRAWS // 4):
        images = generator.integers(count, size=count)
        left, right = images[rows], images[columns]
        pairs = place[left[left != right], right[left != right]]
        draws.append(rank_correlations([each[pairs] for each in first], [each[pairs] for each in second]))
    low, high = np.quantile(np.stack(draws), [0.025, 0.975], axis=0)
    return values, low, high


def _layers(a: Network, b: Network, layers: Any, layers_b: Any) -> tuple[list[Layer], list[Layer]]:
    names_a = _listed(layers)
    names_b = _listed(layers_b)
    if names_b is None and names_a is not None:
        known = {layer.name for layer in b.layers()}
        names_b = names_a if known.issuperset(names_a) else None
    return _chosen(a, names_a), _chosen(b, names_b)


def _listed(names: Any) -> list[str] | None:
    return None if names is None else [names] if isinstance(names, str) else list(names)


def _chosen(network: Network, names: list[str] | None) -> list[Layer]:
    if names is None:
        names = distinct_blocks(network) or [layer.name for layer in network.layers() if layer.module]
        if len(names) > MOST:
            names = [names[index * (len(names) - 1) // (MOST - 1)] for index in range(MOST)]
    return [network.layer(name) for name in dict.fromkeys(names)]


def _names(layers: Sequence[Layer]) -> tuple[str, ...]:
    return tuple(layer.name for layer in layers)
