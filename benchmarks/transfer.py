"""Transfer of EfficientNet-Lite0 to small sets: the frozen head beside scikit-learn, and all weights.

    PHOSPHENE_DATA=... python benchmarks/transfer.py [faces] [letters] [objects] [--folds 3] [--steps 120]

faces      40 people, 10 photos each (AT&T/ORL), 92 × 112 grey pixels
letters    24 characters of Omniglot's first alphabet, 20 drawings each, 105 × 105
objects    crops of COCO's instances, at least 48 pixels wide and high, 10 to 40 of a class

Each fold holds out another fifth of the photos, by the hash of their files; its number is also the seed. "scikit-learn"
is its LogisticRegression on the same features, divided by one number as in `learning/transfer/probe.py`; "each feature
scaled" is the same after its StandardScaler. Prints the tables of benchmarks/results/transfer.md.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import tempfile
import time
import zipfile
from collections import Counter
from datetime import date
from pathlib import Path

import numpy as np
import sklearn
import torch
import torchvision
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import phosphene as ph
from phosphene.learning.transfer.features import features
from phosphene.learning.transfer.head import score_layer
from phosphene.learning.transfer.photos import photo_folder
from phosphene.measures.proportion import Proportion

DATA = Path(os.environ.get("PHOSPHENE_DATA", "."))
AUGMENT = {"faces": "photo", "letters": "drawing", "objects": "photo"}


def faces(root: Path) -> None:
    with np.load(DATA / "orl_faces.npz") as held:
        mosaic = np.asarray(Image.open(io.BytesIO(held["webp"].tobytes())).convert("L"))
        subjects = held["subject"]
    tiles = mosaic.reshape(20, 112, 20, 92).transpose(0, 2, 1, 3).reshape(400, 112, 92)
    for at, (tile, subject) in enumerate(zip(tiles, subjects, strict=True)):
        written(root / f"person {subject:02d}" / f"{at:03d}.png", tile)


def letters(root: Path) -> None:
    with np.load(DATA / "omniglot_small.npz") as held:
        first = held["small1_alphabet"] == 0
        pixels = np.unpackbits(held["small1_bits"][first], axis=1)[:, :11025].reshape(-1, 105, 105)
        names = held["small1_character"][first]
    for at, (tile, name) in enumerate(zip(pixels, names, strict=True)):
        written(root / f"letter {name:02d}" / f"{at:03d}.png", tile.astype(np.uint8) * 255)


def objects(root: Path) -> None:
    crops: dict[str, list[np.ndarray]] = {}
    with zipfile.ZipFile(DATA / "coco_mini.zip") as archive:
        name = next(each for each in archive.namelist() if each.endswith("labels.json"))
        labels = json.loads(archive.read(name))
        members = {Path(each).name: each for each in archive.namelist()}
        for image in labels["images"]:
            photo = Image.open(io.BytesIO(archive.read(members[Path(image["file"]).name]))).convert("RGB")
            for instance in image["instances"]:
                left, top, right, bottom = instance["box"]
                if min(right - left, bottom - top) >= 48 and not instance.get("iscrowd"):
                    box = tuple(round(side) for side in (left, top, right, bottom))
                    category = labels["categories"][instance["label"]]
                    crops.setdefault(category, []).append(np.asarray(photo.crop(box)))
    for category, some in crops.items():
        if len(some) >= 10:
            for at, crop in enumerate(some[:40]):
                written(root / category.replace("/", " ") / f"{at:03d}.png", crop)


def written(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def oracles(network: ph.Network, root: Path, folds: int) -> list[dict[str, object]]:
    """For each fold the answers of scikit-learn's logistic regression on the network's features."""
    held, layer, read = photo_folder(root), score_layer(network), []
    for _, inputs, _, _ in held.read(network.prepare):
        read.append(features(network.module, layer, torch.cat(inputs)))
    x, labels = torch.cat(read).double().numpy(), np.array([one.label for one in held.photos])
    rows = []
    for fold in range(folds):
        learned, out = held.split(0.2, fold)
        scaled = x / np.sqrt(x[learned].var(0).mean())
        ours = LogisticRegression(C=0.1, tol=1e-8, max_iter=20_000).fit(scaled[learned], labels[learned])
        each = StandardScaler().fit(x[learned])
        standard = LogisticRegression(C=0.1, tol=1e-8, max_iter=20_000).fit(each.transform(x[learned]), labels[learned])
        rows.append({
            "photos": [held.photos[at] for at in out], "folder": held, "likely": ours.predict_proba(scaled[out]),
            "right": int((ours.predict(scaled[out]) == labels[out]).sum()),
            "standard": int((standard.predict(each.transform(x[out])) == labels[out]).sum()),
        })  # fmt: skip
    return rows


HEADER = (
    "set, fold", "learned from, held out", "scikit-learn, each feature scaled", "scikit-learn", "frozen",
    "largest difference of a probability", "frozen took", "all weights", "steps", "rate", "took",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("sets", nargs="*", default=["faces", "letters", "objects"])
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=0, help="of all weights; 0 leaves them out")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    network = ph.load()
    print(f"{date.today()}, Python {platform.python_version()}, torch {torch.__version__}, ", end="")
    print(f"torchvision {torchvision.__version__}, scikit-learn {sklearn.__version__}, 1 thread\n")
    print(f"| {' | '.join(HEADER)} |\n{'| --- ' * len(HEADER)}|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in asked.sets:
            root = Path(folder) / name
            globals()[name](root)
            counts = Counter(path.parent.name for path in root.rglob("*.png"))
            totals = {key: [0, 0] for key in ("standard", "sklearn", "frozen", "whole")}
            for fold, oracle in enumerate(oracles(network, root, asked.folds)):
                measured(network, name, root, Path(folder), fold, oracle, asked.steps, totals)
            shares = {key: str(Proportion(*pair)) if pair[1] else "" for key, pair in totals.items()}
            what = f"{len(counts)} classes, {sum(counts.values())} photos"
            cells = (f"**{name}, all folds**", what, shares["standard"], shares["sklearn"], shares["frozen"], "", "",
                     shares["whole"], "", "", "")  # fmt: skip
            print(f"| {' | '.join(cells)} |", flush=True)


def measured(
    network: ph.Network, name: str, root: Path, out: Path, fold: int, oracle: dict, steps: int, totals: dict
) -> None:
    """One fold: the frozen network beside the oracle, and all weights where steps are asked for."""
    begun = time.perf_counter()
    frozen = ph.transfer(network, root, out / f"{name}-{fold}", fold=fold, seed=fold)
    took, total = time.perf_counter() - begun, frozen.right.total
    photos = [oracle["folder"].photo(one) for one in oracle["photos"]]
    likely = torch.cat([frozen.probabilities(frozen.scores(photo)) for photo in photos]).numpy()
    apart = np.abs(likely - oracle["likely"]).max()
    counts = {"standard": oracle["standard"], "sklearn": oracle["right"], "frozen": frozen.right.count}
    last = ("", "", "", "")
    if steps:
        begun = time.perf_counter()
        whole = ph.transfer(network, root, out / f"{name}-{fold}-whole", None, whole=True, fold=fold, seed=fold,
                            augment=AUGMENT[name], steps=steps)  # fmt: skip
        counts["whole"] = whole.right.count
        card = whole.card
        last = str(whole.right), str(card.steps), f"{card.recipe['rate']:.2g}", f"{time.perf_counter() - begun:.0f} s"
    for key, count in counts.items():
        totals[key][0] += count
        totals[key][1] += total
    print(f"| {name}, {fold} | {frozen.card.data['train']}, {total} | {oracle['standard'] / total:.1%} | "
          f"{oracle['right'] / total:.1%} | {frozen.right} | {apart:.1e} | {took:.0f} s | {' | '.join(last)} |",
          flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
