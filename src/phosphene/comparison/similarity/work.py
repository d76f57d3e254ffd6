"""The work of a similarity: batches of images through both networks, and what their Gram matrices give."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np

from ...data.collection import ImageCollection
from ...network import Layer, Network
from .grams import Whole, batch_grams, whole_grams
from .hsic import FEWEST, alignment, hsic, own, rbf
from .measures import biased, cca, centred, components, correlation_distances, procrustes, rank_correlations
from .result import Kind

DRAWS = 200  # of batches or images, for the intervals


@dataclass(eq=False)
class Work:
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

    def whole(self, kind: Kind, gaussian: float | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
        """The kinds that compare all images with each other; cka with a Gaussian kernel of this width, if any."""
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
        if kind == "cka" and gaussian is not None:
            one, other = ([_with(rbf(each.gram[None], gaussian)[0]) for each in some] for some in (one, other))
        values, low, high = _compared(kind, one, other, self.seed)
        yield "done", {
            "chance": _chance(kind, one, other, self.seed),
            "values": values, "low": low, "high": high, "images": count, "hash": digest.hexdigest(),
            "unreadable": source.unreadable,
        }  # fmt: skip


def _with(kernel: np.ndarray) -> Whole:
    return Whole(kernel, kernel)


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
    elif kind == "cka":
        values = np.array([[biased(x, y) for y in centred_other] for x in centred_one])
    else:
        parts = [components(x) for x in centred_one], [components(y) for y in centred_other]
        values = np.array([[cca(x, y) for y in parts[1]] for x in parts[0]])
    return values, np.full_like(values, np.nan), np.full_like(values, np.nan)


def _chance(kind: Kind, one: Sequence[Whole], other: Sequence[Whole], seed: int) -> float:
    """The mean over layers, each with one of the other network, where the images of one are in another order."""
    count = len(one[0].gram)
    order = np.random.default_rng(seed).permutation(count)
    pairs = [(x, other[index * len(other) // len(one)]) for index, x in enumerate(one)]
    shuffled = [Whole(y.gram[order][:, order], y.correlated[order][:, order]) for _, y in pairs]
    if kind == "rsa":
        values = [
            rank_correlations([correlation_distances(x.correlated)], [correlation_distances(y.correlated)])[0, 0]
            for (x, _), y in zip(pairs, shuffled, strict=True)
        ]
    else:
        grams = [(centred(x.gram), centred(y.gram)) for (x, _), y in zip(pairs, shuffled, strict=True)]
        if kind == "procrustes":
            values = [procrustes(x, y) for x, y in grams]
        elif kind == "cka":
            values = [biased(x, y) for x, y in grams]
        else:
            values = [cca(components(x), components(y)) for x, y in grams]
    return float(np.nanmean(values)) if not np.isnan(values).all() else float("nan")


def _ranked(one: Sequence[Whole], other: Sequence[Whole], seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """RSA, and its interval over images drawn anew; an image is not compared with itself."""

    def distances(each: Whole) -> np.ndarray:
        return correlation_distances(each.correlated)

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
