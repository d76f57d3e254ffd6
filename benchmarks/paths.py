"""How complete integrated gradients are, and how sure RISE is, as markdown tables: `python benchmarks/paths.py`.

The embedded network on the two shipped photos, the score of the best class. The gap is the sum of the signal less the
difference of scores, as a share of that difference; points are gradients taken. Nothing is timed.
"""

import argparse
import platform

import torch

import phosphene as ph

WAYS = {"50, Gauss": {"steps": 50}, "auto": {"steps": "auto"}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--masks", type=int, default=300)
    options = parser.parse_args()
    network = ph.load()
    photos = {name: ph.read(f"src/phosphene/photos/{name}.jpg") for name in ("cat", "coffee")}
    print(f"torch {torch.__version__}, Python {platform.python_version()}, {platform.machine()}\n")
    print("| photo | baseline | difference | " + " | ".join(WAYS) + " | points of auto |")
    print("| --- | --- | --- |" + " --- |" * (len(WAYS) + 1))
    for name, photo in photos.items():
        for baseline in ("zero", "black"):
            found = [ph.integrated_gradients(network, photo, baseline=baseline, **way) for way in WAYS.values()]
            difference = float(found[0].scores - found[0].baseline_scores)
            gaps = " | ".join(f"{float(one.gap) / difference:+.2%}" for one in found)
            print(f"| {name} | {baseline} | {difference:.2f} | {gaps} | {found[-1].steps[0]} |", flush=True)
    print(f"\n| photo | masks | largest gain | standard error of the gain | of the paper's map |\n|{' --- |' * 5}")
    for name, photo in photos.items():
        rise = ph.rise(network, photo, masks=options.masks)
        errors = [float(error.mean()) for error in (rise.error, rise.mean_error)]
        print(f"| {name} | {rise.masks} | {float(rise.values.abs().max()):.4f} | {errors[0]:.4f} | {errors[1]:.4f} |")


if __name__ == "__main__":
    main()
