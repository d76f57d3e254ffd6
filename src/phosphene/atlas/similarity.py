"""How alike are the representations that two atlases keep? An atlas is a run of a network over images, stored.

Each layer's features are compared by the measures of `comparison.similarity`, pair by pair, without running a network.
That needs the same images in the same order, which the hashes of their files say. Features are read some images at a
time; all measures but unbiased CKA hold a number for each two images.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, get_args

import numpy as np
import torch

from ..comparison.similarity.grams import Whole, gram_of, whole_of
from ..comparison.similarity.hsic import FEWEST, hsic, own, rbf
from ..comparison.similarity.result import Estimate, Kernel, Kind, Similarity
from ..comparison.similarity.work import aligned_over, chance, compared, with_gaussian
from ..instrument import instrument
from ..instrument.roles import AtlasLike, LayerNames
from ..network.room import check_room
from .opened import OpenedAtlas, opened
from .search.features import vectors_of
from .store.hashes import hashes_of
from .store.work import Sweep

READ = 1024  # images whose features are read at once
POOLED = {"mean": "means over places", "max": "maxima over places", "none": "all values"}


@dataclass(frozen=True, eq=False)
class Stored:
    """The features of one network's layers in an atlas."""

    atlas: OpenedAtlas
    sweep: Sweep
    layers: tuple[str, ...]
    numbers: np.ndarray = field(repr=False)  # of the images, in their order
    hashes: list[str] = field(repr=False)

    @classmethod
    def of(cls, atlas: OpenedAtlas, layers: Sequence[str] | None, sweep: str | None) -> Stored:
        """Of the named layers, or of all whose features are kept. LookupError where there are none such."""
        if layers is not None:
            sweeps = [atlas.sweep(layer, features=True, name=sweep) for layer in layers]
            if len({each.name for each in sweeps}) > 1:
                raise ValueError(
                    f"the features of {', '.join(layers)} are of several runs over the images of {atlas.path!r}; say "
                    f"which one is meant: {' or '.join(dict.fromkeys(each.name for each in sweeps))}"
                )
            swept = sweeps[0]
        else:
            every = [each for each in atlas.sweeps(sweep) if each.work.features]
            if not every:
                raise LookupError(f"the atlas {atlas.path!r} keeps no features; build it with features=, layers' names")
            swept = atlas.newest(every, "features")
        return cls(atlas, swept, tuple(layers or swept.work.features), *hashes_of(atlas.store, swept))

    def vectors(self, layer: str, numbers: np.ndarray) -> np.ndarray:
        """The layer's features (n, D) of these images, in their order."""
        table, condition = self.atlas.store.features_rows(self.sweep, layer)
        by_number = vectors_of(table, numbers.tolist(), condition)
        return np.stack([by_number[number] for number in numbers.tolist()])


def _remarks(one: Stored, two: Stored) -> tuple[str, ...]:
    """What the values are."""
    kinds = [POOLED[each.sweep.work.pool] for each in (one, two)]
    if kinds[0] == kinds[1]:
        return (f"the values are features as the atlases keep them: {kinds[0]}",)
    return tuple(
        f"the values of {each.sweep.network} are features as the atlas keeps them: {kind}"
        for each, kind in zip((one, two), kinds, strict=True)
    )


@instrument
def atlas_similarity(
    atlas: AtlasLike,
    other: AtlasLike,
    *,
    kind: Kind = "cka",
    layers: LayerNames | None = None,
    layers_b: LayerNames | None = None,
    kernel: Kernel = "linear",
    estimate: Estimate = "unbiased",
    width: float = 0.5,
    batch: int = 64,
    limit: int | None = None,
    sweep: str | None = None,
    sweep_b: str | None = None,
    seed: int = 0,
) -> Iterator[Similarity]:
    """How alike the features of two atlases are: CKA, RSA, Procrustes or CCA, for every pair of layers.

    No network runs: two runs over the same images are compared afterwards. Raises ValueError where the images of the
    two differ or lie in another order, by the hashes of their files; LookupError for a layer whose features an atlas
    does not keep.

    - `atlas`: the atlas of the rows
    - `other`: the atlas of the columns; it may be the same one
    - `kind`: centred kernel alignment (cka, over batches), rank correlation of distances (rsa), Procrustes similarity
      (procrustes) or mean canonical correlation (cca); all but unbiased cka hold a number for each two images
    - `layers`: which layers of the first atlas; if not given, all whose features it keeps
    - `layers_b`: which layers of the other one; if not given, all whose features it keeps
    - `kernel`: of cka: linear, or rbf, a Gaussian of distances
    - `estimate`: of cka: unbiased, over batches, or biased, over all images at once, as many papers have it
    - `width`: of the Gaussian, in medians of the distances
    - `batch`: images of a batch, which cka compares with each other
    - `limit`: how many images to use at most, spread over all
    - `sweep`: which run of the first atlas to use, if several networks have built it
    - `sweep_b`: which run of the other one
    - `seed`: of the intervals' draws
    """
    if kind not in get_args(Kind):
        raise ValueError(f"a similarity is {', '.join(get_args(Kind))}, not {kind!r}")
    if estimate not in get_args(Estimate):
        raise ValueError(f"an estimate is {' or '.join(get_args(Estimate))}, not {estimate!r}")
    if batch < FEWEST:
        raise ValueError(f"a batch has {FEWEST} images at least, since the estimate divides by batch - 3; not {batch}")
    if not width > 0:
        raise ValueError(f"the Gaussian's width is above 0, not {width}")
    if limit is not None and limit < 1:
        raise ValueError(f"limit is a number of images, at least 1, not {limit}")
    one = Stored.of(opened(atlas), _listed(layers), sweep)
    two = Stored.of(opened(other), _listed(layers_b), sweep_b)
    _check_same_images(one, two)
    count = len(one.hashes)
    taken = np.arange(count) if limit is None or limit >= count else np.arange(limit) * count // limit
    if len(taken) < FEWEST:
        raise ValueError(f"{kind} needs {FEWEST} images at least, and there are {len(taken)}")
    shape = len(one.layers), len(two.layers)
    nothing = np.full(shape, np.nan)
    began = Similarity(
        a=one.sweep.network, b=two.sweep.network, kind=kind, kernel=kernel, layers=(one.layers, two.layers),
        values=nothing, low=nothing, high=nothing, estimate=estimate, images=0, seed=seed,
        same=one.sweep.fingerprint == two.sweep.fingerprint and one.layers == two.layers,
        hash=sha256("".join(one.hashes[at] for at in taken).encode()).hexdigest(),
        remarks=_remarks(one, two),
    )  # fmt: skip
    steps = _aligned(one, two, taken, batch, kernel, width, seed) if began.streamed else (
        _compared(one, two, taken, kind, width if kernel == "rbf" and kind == "cka" else None, seed)
    )  # fmt: skip
    for step, (words, change) in enumerate(steps, 1):
        yield replace(began, progress=words, step=step, **change)


def _listed(names: Any) -> list[str] | None:
    return None if names is None else [names] if isinstance(names, str) else list(dict.fromkeys(names))


def _check_same_images(one: Stored, two: Stored) -> None:
    """ValueError where the images of two runs differ, or lie in another order."""
    if one.hashes == two.hashes:
        return
    paths = repr(one.atlas.path), repr(two.atlas.path)
    first, second = Counter(one.hashes), Counter(two.hashes)
    if first == second:
        at = next(at for at, pair in enumerate(zip(one.hashes, two.hashes, strict=True)) if len(set(pair)) > 1)
        raise ValueError(
            f"the images of {paths[0]} and {paths[1]} are the same but lie in another order, from number {at + 1} on; "
            "build one of them anew from the sources of the other, in the same order"
        )
    alone = [f"{(these - those).total():,}" for these, those in ((first, second), (second, first))]
    raise ValueError(
        f"the images of {paths[0]} ({len(one.hashes):,}) and {paths[1]} ({len(two.hashes):,}) differ by the hashes of "
        f"their files: {alone[0]} are in the first alone and {alone[1]} in the second alone; build both from the same "
        "images"
    )


def _aligned(
    one: Stored, two: Stored, taken: np.ndarray, batch: int, kernel: Kernel, width: float, seed: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """CKA over batches of images, as `comparison.similarity` has it."""
    across, ones, others, weights = [], [], [], []
    together = max(1, READ // batch) * batch
    for start in range(0, len(taken), together):
        places = taken[start : start + together]
        read = [
            [torch.from_numpy(each.vectors(layer, each.numbers[places])) for layer in each.layers]
            for each in (one, two)
        ]
        for first in range(0, len(places), batch):
            grams = [np.stack([gram_of(rows[first : first + batch]) for rows in vectors]) for vectors in read]
            if grams[0].shape[1] < FEWEST:
                break
            a, b = (rbf(each, width) if kernel == "rbf" else each for each in grams)
            across.append(hsic(a, b))
            ones.append(own(a))
            others.append(own(b))
            weights.append(float(a.shape[1]))
        yield f"comparing: image {start + len(places):,} of {len(taken):,}", {}
    sums = np.stack(across), np.stack(ones), np.stack(others)
    values, low, high = aligned_over(sums, np.array(weights), seed)
    images = int(sum(weights))
    change = {"values": values, "low": low, "high": high, "images": images, "rest": len(taken) - images}
    yield "done", change


def _compared(
    one: Stored, two: Stored, taken: np.ndarray, kind: Kind, gaussian: float | None, seed: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The kinds that compare all images with each other."""
    matrices = 2 * (len(one.layers) + len(two.layers))
    check_room(
        len(taken), 8.0 * len(taken) * matrices, f"{kind} of {{}} images, each with each other, in {matrices} tables"
    )
    wholes: list[list[Whole]] = []
    for each in (one, two):
        wholes.append([])
        for layer in each.layers:
            stretches = (taken[start : start + READ] for start in range(0, len(taken), READ))
            parts = [each.vectors(layer, each.numbers[places]) for places in stretches]
            wholes[-1].append(whole_of(np.concatenate(parts)))
            yield f"reading: {layer} of {each.sweep.network}", {}
    if gaussian is not None:
        wholes = [[with_gaussian(each, gaussian) for each in some] for some in wholes]
    values, low, high = compared(kind, wholes[0], wholes[1], seed)
    yield "done", {
        "chance": chance(kind, wholes[0], wholes[1], seed), "values": values, "low": low, "high": high,
        "images": len(taken),
    }  # fmt: skip
