"""Many features brought down to two: principal components, then t-SNE or UMAP, and new points on a map that stands.

PCA turns the features so that their directions of largest variance come first; its first 50 hold most of what tells
images apart and make the rest fast. t-SNE (L. van der Maaten, G. Hinton, Visualizing Data using t-SNE, JMLR 2008) gives
each image a normal distribution over the others with `perplexity` effective neighbours, p, and lays the points so that
a t-distribution over the plane, q, comes close to it: it minimises KL(p, q) = sum p log(p / q). As D. Kobak and
P. Berens advise (The art of using t-SNE for single-cell transcriptomics, 2019), it begins at the first two principal
components, so that large distances mean something; steps are as long as the images are many, over the exaggeration;
and above 100,000 images an exaggeration of 4 stays to the end. Distributions, and the places of new images, are
openTSNE's (P. Poličar et al., 2019); the descent is our own, which is faster (tsne.py). UMAP (L. McInnes et al., 2018)
is umap-learn's.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
import torch

from .tsne import Phase, laid_out

Method = Literal["tsne", "umap", "pca"]
FEWEST = 5  # images of a map
EARLY, LATE = Phase(250, exaggeration=12.0, momentum=0.8), Phase(500, momentum=0.9)
MANY, MANY_EXAGGERATION = 100_000, 4.0  # Kobak and Berens, 2019
ALONE = 3_000  # images whose neighbours are found before threads have met
MOST_EXAGGERATION = 1_000.0
JITTER = 0.01  # of the start's spread, so that features along one line may leave it
EXACT = 20_000  # images up to which neighbours are found exactly
LARGEST = 1e15  # of features: the squares of those beyond leave 32 bits
COARSE = 500.0  # the largest of the second perplexities


@dataclass(frozen=True)
class Reduction:
    """How features become positions; options as those of `atlas_map`."""

    method: Method = "tsne"
    components: int = 50
    perplexity: float = 30.0
    multiscale: bool = False
    exaggeration: float | None = None
    neighbours: int = 15
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            raise ValueError(f"method {self.method!r} is not known; it is one of {', '.join(get_args(Method))}")
        if self.components < 2:
            raise ValueError(f"a map has at least 2 components, not {self.components}")
        if not self.perplexity >= 1:
            raise ValueError(f"perplexity is a number of neighbours, at least 1, not {self.perplexity:g}")
        if self.neighbours < 2:
            raise ValueError(f"UMAP looks at 2 neighbours or more, not {self.neighbours}")
        if self.exaggeration is not None and not 1 <= self.exaggeration <= MOST_EXAGGERATION:
            raise ValueError(f"an exaggeration is 1 (none) to {MOST_EXAGGERATION:g}, not {self.exaggeration:g}")

    def perplexities(self, images: int) -> tuple[float, ...]:
        """Those that t-SNE works at: never more than a third of the images."""
        most = (images - 1) / 3
        fine = min(self.perplexity, most)
        coarse = min(images / 100, COARSE, most)
        return (fine, coarse) if self.multiscale and coarse > 2 * fine else (fine,)

    def last_exaggeration(self, images: int) -> float:
        return self.exaggeration or (MANY_EXAGGERATION if images > MANY else 1.0)


@dataclass(frozen=True, eq=False)
class Components:
    """Principal components: features less their mean, along axes (D, components) of falling variance."""

    mean: np.ndarray
    axes: np.ndarray
    shares: np.ndarray  # (components,): of the variance that each holds

    @property
    def share(self) -> float:
        """Of the variance that they hold together."""
        return float(self.shares.sum())

    @classmethod
    def of(cls, vectors: np.ndarray, components: int, seed: int) -> Components:
        """ValueError for features that are all the same or not finite."""
        from sklearn.decomposition import PCA

        images, length = vectors.shape
        if images < FEWEST:
            raise ValueError(f"a map is of at least {FEWEST} images, and there are {images}")
        if not np.isfinite(vectors).all():
            raise ValueError("some images' features are not finite; phosphene.check looks for the cause")
        reach = float(np.abs(vectors).max())
        if reach > LARGEST:
            raise ValueError(f"features reach {reach:.3g}, too far for distances; a map takes up to {LARGEST:g}")
        if not (vectors != vectors[0]).any():
            raise ValueError(f"all {images} images have the same features, so there is nothing to map")
        pca = PCA(min(components, images - 1, length), random_state=seed).fit(vectors)
        axes = np.zeros((length, max(2, pca.n_components_)))
        axes[:, : pca.n_components_] = pca.components_.T
        shares = np.zeros(axes.shape[1])
        shares[: pca.n_components_] = pca.explained_variance_ratio_
        return cls(pca.mean_.astype(np.float64), axes, shares)

    def of_vectors(self, vectors: np.ndarray) -> np.ndarray:
        return (vectors.astype(np.float64) - self.mean) @ self.axes


@dataclass(frozen=True, eq=False)
class Reduced:
    """Features (N, D) and how they are reduced: to positions, and for other features to positions among these."""

    reduction: Reduction
    vectors: np.ndarray = field(repr=False)

    @cached_property
    def components(self) -> Components:
        return Components.of(self.vectors, self.reduction.components, self.reduction.seed)

    @cached_property
    def points(self) -> np.ndarray:
        return self.components.of_vectors(self.vectors)

    def positions(self) -> tuple[np.ndarray, float | None]:
        """The map's positions (N, 2), about their mean, and KL(p, q) where the method has it."""
        kl = None
        if self.reduction.method == "tsne":
            points, kl = self._tsne()
        elif self.reduction.method == "umap":
            points = np.asarray(self._umap.embedding_, np.float64)
        else:
            points = self.points[:, :2]
        return points - points.mean(0), kl

    def place(self, positions: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        """Where features (M, D) lie on the map with these positions (N, 2) of its images; nothing on it moves."""
        points = self.components.of_vectors(vectors)
        if self.reduction.method == "pca":
            return points[:, :2] - self.points[:, :2].mean(0)
        if self.reduction.method == "tsne":
            return self._placed_by_tsne(positions, points)
        with _quiet():
            self._umap.embedding_ = positions.astype(np.float32)
            return np.asarray(self._umap.transform(points.astype(np.float32)), np.float64)

    # ---- t-SNE

    def _tsne(self) -> tuple[np.ndarray, float]:
        from openTSNE import initialization

        images = len(self.points)
        p = self._affinities(self.reduction.perplexities(images)).P.tocsr()
        start = initialization.rescale(self.points[:, :2].copy())
        start += np.random.default_rng(self.reduction.seed).normal(0, JITTER * start.std(), start.shape)
        last = self.reduction.last_exaggeration(images)
        early = replace(EARLY, exaggeration=max(EARLY.exaggeration, last))
        return laid_out(p / p.sum(), start, (early, replace(LATE, exaggeration=last)))

    def _placed_by_tsne(self, positions: np.ndarray, points: np.ndarray) -> np.ndarray:
        from openTSNE import TSNEEmbedding

        with _quiet():
            standing = TSNEEmbedding(
                positions.copy(), self._affinities((self.reduction.perplexities(len(positions))[0],)),
                random_state=self.reduction.seed, n_jobs=1, negative_gradient_method="bh",
            )  # fmt: skip
            near = min(5.0, (len(positions) - 1) / 3)  # openTSNE's; one point needs few neighbours to find its place
            added = standing.transform(points, perplexity=near)
        return np.asarray(added, np.float64)

    def _affinities(self, perplexities: tuple[float, ...]) -> Any:
        """Each image's distribution over its neighbours."""
        from openTSNE import affinity

        how: dict[str, Any] = {
            "method": "annoy",
            "n_jobs": threads(len(self.points)),
            "random_state": self.reduction.seed,
        }
        if len(self.points) <= EXACT:
            how |= {"method": "exact", "knn_kwargs": {"algorithm": "brute"}}
        with _quiet():
            if len(perplexities) == 1:
                return affinity.PerplexityBasedNN(self.points, perplexity=perplexities[0], **how)
            return affinity.MultiscaleMixture(self.points, perplexities=list(perplexities), **how)

    # ---- UMAP

    @cached_property
    def _umap(self) -> Any:
        try:
            with _quiet():
                import umap
        except ImportError as error:
            raise ImportError(
                f"UMAP is umap-learn's, which is not installed: pip install 'phosphene[umap]' ({error})"
            ) from None
        count = min(self.reduction.neighbours, len(self.points) - 1)
        with _quiet():
            model = umap.UMAP(n_neighbors=count, random_state=self.reduction.seed, n_jobs=1)
            return model.fit(self.points.astype(np.float32))


def threads(images: int) -> int:
    """As many as PyTorch uses; one for few images."""
    return 1 if images <= ALONE else torch.get_num_threads()


class _quiet(warnings.catch_warnings):  # noqa: N801
    """Without the warnings of the methods' own libraries, whose cause their callers can't change."""

    def __enter__(self) -> Any:
        result = super().__enter__()
        for module in ("umap", "openTSNE", "sklearn", "numba", "pynndescent", "scipy"):
            warnings.filterwarnings("ignore", module=rf"{module}\b")
        return result
