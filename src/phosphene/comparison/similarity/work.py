"""The work of a similarity: batches of images through both networks, and what their Gram matrices give."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np

from ...data.gathering import Gathered
from ...data.passing import Way, passed
from ...network import Network
from .grams import Whole, groups_of, whole_of
from .hsic import FEWEST, alignment, rbf
from .measures import biased, cca, centred, components, correlation_distances, procrustes, rank_correlations
from .passes import HASHES, Aligned, Both, Values
from .result import Kind

DRAWS = 200  # of batches or images, for the intervals


@dataclass(eq=False)
class Work:
    a: Network
    b: Network
    both: Both
    how: Way
    seed: int

    def streamed(self, kernel: str, width: float) -> Iterator[tuple[str, dict[str, Any]]]:
        """CKA over batches: their numerators and denominators are averaged each by itself."""
        aligned = Aligned(**vars(self.both), kernel=kernel, width=width)
        gathered = aligned.begin([self.a, self.b])
        for words in passed("comparing", aligned, [self.a, self.b], self.how, gathered):
            yield words, {}
        if "weight" not in gathered.rows:
            raise ValueError(f"CKA needs {FEWEST} images at least, and there are {gathered.images}")
        sums = gathered.column("across"), gathered.column("one"), gathered.column("other")
        values, low, high = aligned_over(sums, gathered.column("weight"), self.seed)
        rest = sum(gathered.rows.get("left", ()))
        yield "done", {
            "values": values, "low": low, "high": high, "images": gathered.images - rest, "hash": hash_of(gathered),
            "unreadable": tuple(gathered.unreadable), "rest": rest,
        }  # fmt: skip

    def whole(self, kind: Kind, gaussian: float | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
        """The kinds that compare all images with each other; cka with a Gaussian kernel of this width, if any."""
        networks = [self.a, self.b]
        read = self.both.begin(networks)
        for words in passed("reading", self.both, networks, self.how, read):
            yield words, {}
        if read.images < FEWEST:
            raise ValueError(f"{kind} needs {FEWEST} images at least, and there are {read.images}")
        grams: list[dict[str, Whole]] = []
        for at, (network, some) in enumerate(zip(networks, self.both.layers, strict=True)):
            if at and self.a is self.b and some == self.both.layers[0]:
                grams.append(grams[0])
                continue
            grams.append({})
            for number, group in enumerate(groups_of(some, read.images), 1):
                values = Values(**vars(self.both), at=at, group=group)
                gathered = values.begin(networks)
                name = f"values {at + 1} {number}"
                for words in passed(name, values, networks, self.how, gathered, f"{network.name}, {group[0].name}"):
                    yield words, {}
                for layer in group:
                    grams[-1][layer.name] = whole_of(np.stack(gathered.rows.pop(layer.name)))
        one, other = ([each[layer.name] for layer in some] for each, some in zip(grams, self.both.layers, strict=True))
        if kind == "cka" and gaussian is not None:
            one, other = ([with_gaussian(each, gaussian) for each in some] for some in (one, other))
        values_all, low, high = compared(kind, one, other, self.seed)
        yield "done", {
            "chance": chance(kind, one, other, self.seed),
            "values": values_all, "low": low, "high": high, "images": read.images, "hash": hash_of(read),
            "unreadable": tuple(read.unreadable),
        }  # fmt: skip


def hash_of(gathered: Gathered) -> str:
    """Of the images' contents, in their order."""
    return sha256("".join(gathered.rows[HASHES]).encode()).hexdigest()


def with_gaussian(whole: Whole, width: float) -> Whole:
    """The Gaussian kernel in place of the Gram matrix; `width` is in medians of the distances."""
    kernel = rbf(whole.gram[None], width)[0]
    return Whole(kernel, kernel)


def aligned_over(
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


def compared(
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


def chance(kind: Kind, one: Sequence[Whole], other: Sequence[Whole], seed: int) -> float:
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
