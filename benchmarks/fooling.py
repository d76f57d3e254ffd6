"""How sure a network gets of images that are nothing: `python benchmarks/fooling.py`.

The embedded EfficientNet-Lite0. By gradient: `--classes` of its classes drawn by `--seed`, an image for each. By
evolution, of numbers and of pattern networks: all classes at once, `--generations` of `--children` images. Confidences
are probabilities of the image rounded to 8 bits. Prints a markdown table after each method; CPU seconds are of one
thread where OMP_NUM_THREADS=1. The paper (Nguyen et al. 2014) evolves AlexNet for 20,000 generations (median 22 %) and
5,000 (88 %).
"""

import argparse
import platform
import time
from importlib import metadata

import numpy as np

import phosphene as ph


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="*", default=["gradient", "cppn", "evolve"])
    parser.add_argument("--classes", type=int, default=100, help="of the gradient")
    parser.add_argument("--generations", type=int, default=1000)
    parser.add_argument("--children", type=int, default=32)
    parser.add_argument("--size", type=int, default=None)
    parser.add_argument("--batch", type=int, default=10, help="classes together, of the gradient")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    network = ph.load()
    side = given.size or network.preprocessing.size[0]
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("phosphene", "torch"))
    print(
        f"{time.strftime('%Y-%m-%d')}, {platform.machine()}, {versions}; {network.name}, {side} px, seed {given.seed}\n"
    )
    print("| method | classes | steps | images scored | median | mean | above 0.9 | above 0.99 | CPU seconds |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for method in given.methods:
        before = time.process_time()
        if method == "gradient":
            drawn = np.random.default_rng(given.seed).permutation(len(network.labels))[: given.classes].tolist()
            sure, steps, scored = [], 0, 0
            for first in range(0, len(drawn), given.batch):
                some = drawn[first : first + given.batch]
                found = ph.fool(network, some, size=given.size, seed=given.seed)
                sure += found.scores.tolist()
                steps, scored = max(steps, found.step), scored + found.step * len(some)
        else:
            how = {"steps": given.generations, "children": given.children, "confidence": 1.0}
            found = ph.fool(network, 0, method=method, size=given.size, seed=given.seed, **how)
            sure, steps, scored = found.confidences.tolist(), found.step, found.step * given.children
        values = np.array(sure)
        print(
            f"| {method} | {len(values):,} | {steps:,} | {scored:,} | {np.median(values):.3f} | {values.mean():.3f} | "
            f"{(values > 0.9).mean():.1%} | {(values > 0.99).mean():.1%} | {time.process_time() - before:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
