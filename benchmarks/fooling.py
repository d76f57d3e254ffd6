"""How sure a network gets of images that are nothing: `python benchmarks/fooling.py`.

The embedded EfficientNet-Lite0. By gradient: `--classes` of its classes drawn by `--seed`, an image for each. By
evolution, of pattern networks and of numbers: all classes at once, `--children` images a generation, for as many CPU
seconds as the last of `--seconds`. Confidences are probabilities of the image rounded to 8 bits. Prints a row of a
markdown table at the end, and for evolution whenever one of `--seconds` has passed; CPU seconds are of one thread where
OMP_NUM_THREADS=1. The paper (Nguyen et al. 2014) evolves AlexNet for 20,000 generations of numbers (median 22 %) and
5,000 of patterns (88 %).
"""

import argparse
import platform
import time
from importlib import metadata

import numpy as np

import phosphene as ph

MOST = 1_000_000  # generations, where time is the limit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="*", default=["gradient", "cppn", "evolve"])
    parser.add_argument("--classes", type=int, default=100, help="of the gradient")
    parser.add_argument("--batch", type=int, default=5, help="classes together, of the gradient")
    parser.add_argument("--seconds", type=float, nargs="*", default=[60, 240, 900], help="CPU seconds of evolution")
    parser.add_argument("--children", type=int, default=32)
    parser.add_argument("--size", type=int, default=None, help="pixels; the network's usual input if not given")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", default=None, help="where to put a picture of the last evolution, such as cppn.webp")
    given = parser.parse_args()
    network = ph.load()
    side = given.size or network.preprocessing.size[0]
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("phosphene", "torch"))
    print(
        f"{time.strftime('%Y-%m-%d')}, {platform.machine()}, {versions}; {network.name}, {side} px, seed {given.seed}\n"
    )
    print("| method | classes | steps | images scored | median | mean | above 0.9 | above 0.99 | CPU seconds |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |", flush=True)
    for method in given.methods:
        if method == "gradient":
            by_gradient(network, given)
        else:
            by_evolution(network, method, given)


def by_gradient(network: ph.Network, given: argparse.Namespace) -> None:
    before = time.process_time()
    drawn = np.random.default_rng(given.seed).permutation(len(network.labels))[: given.classes].tolist()
    sure, steps, scored = [], 0, 0
    for first in range(0, len(drawn), given.batch):
        some = drawn[first : first + given.batch]
        found = ph.fool(network, some, size=given.size, seed=given.seed)
        sure += found.scores.tolist()
        steps, scored = max(steps, found.step), scored + found.step * len(some)
    row("gradient", sure, steps, scored, time.process_time() - before)


def by_evolution(network: ph.Network, method: str, given: argparse.Namespace) -> None:
    before = time.process_time()
    how = {"steps": MOST, "children": given.children, "confidence": 1.0}
    ends = sorted(given.seconds)
    for found in ph.fool.steps(network, 0, method=method, size=given.size, seed=given.seed, **how):
        taken = time.process_time() - before
        if taken >= ends[0]:
            row(method, found.confidences.tolist(), found.step, found.step * given.children, taken)
            ends.pop(0)
        if not ends:
            if given.save:
                found.save(given.save, scale=1.5)
            return


def row(method: str, sure: list[float], steps: int, scored: int, taken: float) -> None:
    values = np.array(sure)
    print(
        f"| {method} | {len(values):,} | {steps:,} | {scored:,} | {np.median(values):.3f} | {values.mean():.3f} | "
        f"{(values > 0.9).mean():.1%} | {(values > 0.99).mean():.1%} | {taken:.0f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
