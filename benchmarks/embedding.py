"""Maps of 10,000 images against scikit-learn's t-SNE, and grids: `python benchmarks/embedding.py`.

The test set of MNIST from `mnist.npz` in the folder that PHOSPHENE_DATA names: pixels, (10,000, 784), turned into
(10,000, 1,280) by a random rotation, which changes no distance, so that the width is that of EfficientNet's features.
Both t-SNEs get the same 50 principal components, perplexity 30, and begin at the first two; scikit-learn's other
settings are its own, the best that its documentation names (learning rate 'auto', 1,000 steps); ours are those of
`atlas_map`. Processor time of one thread (OMP_NUM_THREADS=1), in turns. KL is computed anew for both, exactly, over
all pairs, from the same p.

Grids: the time of `snap`, and of SciPy's solver on the same costs where that is asked for.
"""

import argparse
import io
import os
import platform
import time
from datetime import date
from importlib import metadata
from pathlib import Path

import numpy as np
from openTSNE import affinity
from PIL import Image
from scipy.optimize import linear_sum_assignment
from sklearn.manifold import TSNE

from phosphene.atlas.projection import preservation, snapping
from phosphene.atlas.projection.reduction import Reduced, Reduction

DATA = Path(os.environ.get("PHOSPHENE_DATA", ""))
WIDTH = 1_280


def mnist(count: int) -> tuple[np.ndarray, list[str]]:
    """Digits' pixels (count, 1,280) after a random rotation, and their classes."""
    with np.load(DATA / "mnist.npz") as file:
        labels = file["test_labels"]
        mosaic = np.asarray(Image.open(io.BytesIO(file["test_webp"].tobytes())).convert("L"))
    digits = mosaic.reshape(-1, 28, 250, 28).transpose(0, 2, 1, 3).reshape(-1, 784)[: len(labels)][:count]
    turned = np.linalg.qr(np.random.default_rng(0).normal(size=(WIDTH, 784)))[0]
    return (digits / 255 @ turned.T).astype(np.float32), [str(label) for label in labels[:count]]


def divergence(points: np.ndarray, positions: np.ndarray) -> float:
    """KL(p, q) over all pairs."""
    how = {"method": "exact", "knn_kwargs": {"algorithm": "brute"}}
    own = affinity.PerplexityBasedNN(points, perplexity=30, **how).P.tocoo()
    total = -float(len(positions))
    for start in range(0, len(positions), 1000):
        some = positions[start : start + 1000]
        apart = (some**2).sum(1)[:, None] + (positions**2).sum(1) - 2 * some @ positions.T
        total += float((1 / (1 + np.maximum(apart, 0))).sum())
    q = 1 / (1 + ((positions[own.row] - positions[own.col]) ** 2).sum(1)) / total
    return float((own.data * np.log(own.data / q)).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--grids", type=int, nargs="*", default=[2_500, 10_000])
    parser.add_argument("--plain", type=int, default=2_500, help="grids up to which SciPy alone is timed as well")
    given = parser.parse_args()
    if not (DATA / "mnist.npz").is_file():
        print(f"skipped: there is no mnist.npz in {DATA}; PHOSPHENE_DATA names the folder that holds it")
        return
    vectors, labels = mnist(given.images)
    names = ("openTSNE", "scikit-learn", "scipy", "numpy")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in names)
    print(f"{date.today():%d %B %Y}; {versions}; Python {platform.python_version()}, {platform.machine()}\n")
    reduced = Reduced(Reduction(), vectors)
    began = time.process_time()
    points = reduced.points
    print(
        f"PCA of {vectors.shape[0]:,} × {vectors.shape[1]:,}: {time.process_time() - began:.1f} s, counted for neither."
    )
    told = preservation.accuracy(vectors, labels)
    print(f"The 5 nearest among the features tell the class of {told:.1%}.\n")
    print("| t-SNE | seconds | KL | neighbours kept | class told on the map |")
    print("| --- | ---: | ---: | ---: | ---: |", flush=True)
    positions = points[:, :2]
    for _ in range(given.rounds):
        began = time.process_time()
        positions, _ = reduced.positions()
        _row("Phosphene", time.process_time() - began, vectors, points, positions, labels)
        began = time.process_time()
        theirs = TSNE(init="pca", random_state=0, n_jobs=1).fit_transform(points)
        _row("scikit-learn", time.process_time() - began, vectors, points, theirs.astype(float), labels)
    print("\n| grid | Phosphene | SciPy | sum of squared shifts |")
    print("| ---: | ---: | ---: | ---: |")
    for count in given.grids:
        began = time.process_time()
        cells, wanted = snapping.snap(positions[:count])
        seconds = time.process_time() - began
        total = float(((cells - wanted) ** 2).sum())
        plain = ""
        if count <= given.plain:
            costs = snapping._costs(wanted, *snapping.sides(positions[:count], None, None))[: len(wanted)]
            began = time.process_time()
            chosen = linear_sum_assignment(costs)
            plain = f"{time.process_time() - began:.1f} s"
            assert np.isclose(costs[chosen].sum(), total)
        print(f"| {count:,} | {seconds:.1f} s | {plain} | {total:,.1f} |", flush=True)


def _row(
    name: str, seconds: float, vectors: np.ndarray, points: np.ndarray, positions: np.ndarray, labels: list
) -> None:
    kl, kept = divergence(points, positions), preservation.kept_neighbours(vectors, positions)
    told = preservation.accuracy(positions, labels)
    print(f"| {name} | {seconds:.1f} | {kl:.3f} | {kept:.1%} | {told:.1%} |", flush=True)


if __name__ == "__main__":
    main()
