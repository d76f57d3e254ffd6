"""Do facets differ more than restarts? `python benchmarks/facets.py`, as a markdown table.

For each unit `ph.facets` makes as many images from the groups of its top photos as from noise, all in one batch, with
the same steps. Both sets are then compared by others: by the features of torchvision's mobilenet_v2 (means over places
of its last maps), which took no part, and by a middle layer of the network itself, of which nothing is asked directly.
A distance is 1 − the cosine, mean over pairs. Likewise whether each facet is nearer to the photos of its own group than
to those of the others; by chance one in four would be. For classes: the probability that the network gives, and how
many images have the class among the five likeliest of mobilenet_v2. Classes and channels are spread evenly, none was
chosen. `--pulls 1,0`: once as facets are, once with their starts alone, from another seed.

PHOSPHENE_DATA names the folder with cnn_weights.safetensors and the 700 photos, one of a class, imagenet_photos_700
(unpacked, or .zip). Nothing is timed.
"""

import argparse
import os
import platform
import tempfile
import zipfile
from datetime import date
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from class_images import mobilenet
from PIL import Image

import phosphene as ph
from phosphene.synthesis.engine.synthesis import pixels
from phosphene.synthesis.facets.kinds import affinities
from phosphene.synthesis.facets.result import Facets

DATA = Path(os.environ.get("PHOSPHENE_DATA", ""))
OTHERS = "features"  # of mobilenet_v2


def photos(folder: Path) -> list[Path]:
    """The photos, unpacked into `folder` where they are an archive."""
    found = DATA / "imagenet_photos_700"
    if not found.is_dir():
        with zipfile.ZipFile(DATA / "imagenet_photos_700.zip") as archive:
            archive.extractall(folder)
        found = folder
    return sorted(found.rglob("*.jpg"))


def answers(network: ph.Network, files: list[Path], layer: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Class scores (N, classes) of all photos, and the means of a layer's channels over places (N, C)."""
    logits, means = [], []
    for start in range(0, len(files), 10):
        x = torch.cat([network.inputs(ph.read(file)) for file in files[start : start + 10]])
        with torch.no_grad():
            values = network.record(x, "logits", layer)
        logits.append(values["logits"].cpu())
        means.append(values[layer].mean((2, 3)).cpu())
    return torch.cat(logits), torch.cat(means)


def codes(network: ph.Network, images: torch.Tensor, layer: str) -> torch.Tensor:
    """The means of a layer over its places, of length 1 (N, C), of images (N, 3, H, W) in [0, 1]."""
    with torch.no_grad():
        value = network.record(network.normalise(images), layer)[layer]
    return F.normalize(value.mean((2, 3)), dim=1)


def apart(found: torch.Tensor) -> float:
    first, second = torch.triu_indices(len(found), len(found), 1)
    return 1 - float((found[first] * found[second]).sum(1).mean())


def at_home(network: ph.Network, found: Facets, by_name: dict[str, Path], layer: str) -> int:
    """How many facets are nearer to the photos that they began at than to those of other groups."""
    side = found.images.shape[-1]
    centres = []
    for group in found.groups:
        given = [ph.read(by_name[name]).pil().convert("RGB").resize((side, side)) for name in group.names]
        images = torch.from_numpy(np.stack([np.asarray(image) for image in given])).permute(0, 3, 1, 2) / 255
        centres.append(codes(network, images, layer).mean(0))
    near = affinities(codes(network, found.images, layer), torch.stack(centres))
    return int((near.argmax(1) == torch.arange(len(near))).sum())


def sure(network: ph.Network, images: torch.Tensor, index: int) -> tuple[float, int]:
    """The mean probability of a class, and how many images have it among the five likeliest."""
    with torch.no_grad():
        scores = network.record(network.normalise(images), "logits")["logits"]
    ranks = (scores > scores[:, index : index + 1]).sum(1)
    return float(scores.softmax(1)[:, index].mean()), int((ranks < 5).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", type=int, default=6)
    parser.add_argument("--channels", type=int, default=3)
    parser.add_argument("--layer", default="blocks.5", help="of the channels")
    parser.add_argument("--pulls", default="1,0")
    parser.add_argument("--groups", type=int, default=4)
    parser.add_argument("--top", type=int, default=60)
    parser.add_argument("--steps", type=int, default=256)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=Path, help="folder to put the images into, facets above restarts")
    options = parser.parse_args()
    pulls = [float(each) for each in options.pulls.split(",")]
    network, second = ph.load(), mobilenet()
    with tempfile.TemporaryDirectory() as folder:
        files = photos(Path(folder))
        logits, means = answers(network, files, options.layer)
        units = {
            f"logits:{i}": logits[:, i] for i in (round(k * 1000 / options.classes) for k in range(options.classes))
        }
        spread = means.shape[1] / max(1, options.channels)
        units |= {f"{options.layer}:{i}": means[:, i] for i in (round(k * spread) for k in range(options.channels))}
        print(
            f"{date.today()}, torch {torch.__version__}, Python {platform.python_version()}, {platform.machine()}; "
            f"{len(files)} photos, {options.groups} groups of the top {options.top}, {options.size} px, "
            f"{options.steps} steps\n"
        )
        print(
            "| unit | pull | distance by mobilenet_v2: facets, restarts | own middle layer: facets, restarts | nearest "
            "to their own photos: mobilenet_v2, own | mean score: facets, restarts | own p | mobilenet_v2's top 5 |"
        )
        print("| --- |" + " --- |" * 7, flush=True)
        wins: dict[float, list[tuple[bool, bool, bool]]] = {}
        for pull in pulls:
            for unit, scores in units.items():
                best = [files[int(i)] for i in scores.argsort(descending=True, stable=True)[: options.top]]
                seed = options.seed + pulls.index(pull)
                found = ph.facets(network, unit, best, groups=options.groups, top=options.top, pull=pull,
                                  size=options.size, steps=options.steps, seed=seed)  # fmt: skip
                wins.setdefault(pull, []).append(row(network, second, unit, pull, found, {f.name: f for f in best}))
                if options.images:
                    options.images.mkdir(exist_ok=True)
                    sheet = pixels(torch.cat([found.begun, found.images, found.restarts]))
                    rows = [np.concatenate(list(part), 1) for part in np.split(sheet, 3)]
                    Image.fromarray(np.concatenate(rows)).save(
                        options.images / f"{unit}-{pull:g}.png".replace(":", "_")
                    )
    for pull, each in wins.items():
        other, own, score = (sum(one[i] for one in each) for i in range(3))
        print(
            f"\nPull {pull:g}: facets differ more than restarts for {other} of {len(each)} units by mobilenet_v2, for "
            f"{own} by the middle layer; their mean score is at least 0.9 of the restarts' for {score}."
        )


def row(
    network: ph.Network, second: ph.Network, unit: str, pull: float, found: Facets, by_name: dict[str, Path]
) -> tuple[bool, bool, bool]:
    """Prints a unit's row, and tells whether facets differ more by either network, and hold their score."""
    sets = (found.images, found.restarts)
    other = [apart(codes(second, images, OTHERS)) for images in sets]
    own = [found.distances["facets"], found.distances["restarts"]]
    score = [float(each.mean()) for each in (found.scores, found.restart_scores)]
    told, ranked = "–", "–"
    if unit.startswith("logits:"):
        index = int(unit.split(":")[1])
        told = ", ".join(f"{sure(network, images, index)[0]:.2f}" for images in sets)
        ranked = ", ".join(f"{sure(second, images, index)[1]}" for images in sets)
    name = found.objective if unit.startswith("logits:") else unit
    home = f"{at_home(second, found, by_name, OTHERS)}, {found.matched} of {len(found.images)}"
    print(
        f"| {name} | {pull:g} | {other[0]:.3f}, {other[1]:.3f} | {own[0]:.3f}, {own[1]:.3f} | {home} | "
        f"{score[0]:.1f}, {score[1]:.1f} | {told} | {ranked} |",
        flush=True,
    )
    return other[0] > other[1], own[0] > own[1], score[0] >= 0.9 * score[1]


if __name__ == "__main__":
    main()
