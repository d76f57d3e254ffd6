"""Objects cut out of saliency against the thresholded map, as a markdown table: `python benchmarks/objects.py`.

Photos and masks: `coco_mini.zip` and `dense_sets.zip` in the folder that PHOSPHENE_DATA names; the embedded network.
COCO: photos whose largest instance of a category that ImageNet has too (CLASSES in localization.py) fills at least 3 %
of the photo and three quarters of what its category fills there; the class is given: of the ImageNet classes that
belong to the category, the one of the highest score. Penn-Fudan: all pedestrians together; ImageNet has no class for
people, so the network's best class is asked about, whatever it is.

Each set's photos are dealt into two halves, and each half is judged with what does best on the other: for the map a
quantile and how much it is smoothed before, for GrabCut how much the map is smoothed (the quantiles of its seeds are
the paper's), for the centre box its side. So every photo is judged, and none helped to choose for itself. Numbers are
mean intersection over union inside the part of the photo that the network sees, with 95 % bootstrap intervals over
photos, paired for the difference. Photos are reduced to `--longest` pixels before anything is cut out.
"""

import argparse
import json
import os
import platform
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from localization import CLASSES
from PIL import Image, ImageDraw

import phosphene as ph
from phosphene.attribution.location.grabcut import opencv, smoothed
from phosphene.attribution.location.objects import grown
from phosphene.attribution.maps.methods import method

DATA = Path(os.environ.get("PHOSPHENE_DATA", ""))
METHODS = ("grad_cam", "gradient", "guided")
QUANTILES = tuple(round(0.05 * step, 2) for step in range(2, 20))
SMOOTHINGS = (0.0, 0.02, 0.05, 0.1)
SIDES = tuple(round(0.1 * step, 2) for step in range(3, 11))  # of the centre box, as shares
CUTS = (0.0, 0.05, 0.1)  # smoothings before seeds are taken
SEEDS = {"foreground": 0.95, "background": 0.30, "iterations": 5, "seed": 0}


@dataclass
class Example:
    photo: ph.Photo
    mask: np.ndarray
    seen: np.ndarray  # where the network looks
    target: str


def coco(network: ph.Network, longest: int) -> Iterator[Example]:
    with zipfile.ZipFile(DATA / "coco_mini.zip") as archive:
        labels = json.loads(archive.read("labels.json"))
        for entry in labels["images"]:
            size = entry["width"], entry["height"]
            masks: dict[str, list[np.ndarray]] = {}
            for instance in entry["instances"]:
                category = labels["categories"][instance["label"]]
                if category in CLASSES and not instance["iscrowd"] and instance.get("polygons"):
                    canvas = Image.new("L", size)
                    for corners in instance["polygons"]:
                        ImageDraw.Draw(canvas).polygon(corners, fill=255)
                    masks.setdefault(category, []).append(np.array(canvas) > 0)
            if not masks:
                continue
            category, mask = max(
                ((name, mask) for name, own in masks.items() for mask in own), key=lambda pair: pair[1].sum()
            )
            if mask.mean() < 0.03 or mask.sum() < 0.75 * np.any(masks[category], 0).sum():
                continue
            with archive.open(entry["file"]) as file:
                yield example(network, Image.open(file).convert("RGB"), mask, CLASSES[category], longest)


def pennfudan(network: ph.Network, longest: int) -> Iterator[Example]:
    with zipfile.ZipFile(DATA / "dense_sets.zip") as archive:
        for name in sorted(archive.namelist()):
            if name.startswith("pennfudan/") and name.endswith(".jpg"):
                with archive.open(name) as file, archive.open(name.replace(".jpg", "_mask.png")) as people:
                    mask = np.array(Image.open(people)) > 0
                    yield example(network, Image.open(file).convert("RGB"), mask, None, longest)


def example(
    network: ph.Network, image: Image.Image, mask: np.ndarray, classes: tuple[int, ...] | None, longest: int
) -> Example:
    factor = min(1.0, longest / max(image.size))
    size = round(image.width * factor), round(image.height * factor)
    photo = ph.read(image.resize(size, Image.Resampling.BOX))
    small = np.array(Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.BOX)) >= 128
    seen = np.zeros(small.shape, bool)
    left, top, right, bottom = (int(edge) for edge in network.frame(photo).seen.round().as_tuple())
    seen[top:bottom, left:right] = True
    with torch.no_grad():
        scores = network.record(photo, "logits")["logits"][0]
    best = int(scores.argmax()) if classes is None else max(classes, key=lambda index: float(scores[index]))
    return Example(photo, small, seen, f"logits:{best}")


# ---- contestants


def iou(mask: np.ndarray, one: Example) -> float:
    mask, truth = mask & one.seen, one.mask & one.seen
    return float((mask & truth).sum() / max(1, (mask | truth).sum()))


def boxed(one: Example, side: float) -> np.ndarray:
    """A box of the same proportions in the middle of what the network sees."""
    rows, columns = np.nonzero(one.seen)
    mask = np.zeros_like(one.seen)
    (top, bottom), (left, right) = ((axis.min(), axis.max() + 1) for axis in (rows, columns))
    y, x = (bottom - top) * (1 - side) / 2, (right - left) * (1 - side) / 2
    mask[round(top + y) : round(bottom - y), round(left + x) : round(right - x)] = True
    return mask


def thresholded(values: np.ndarray, one: Example) -> np.ndarray:
    """The IoU of every smoothing and quantile: (smoothings, quantiles)."""
    rows, columns = np.nonzero(one.seen)
    side = min(np.ptp(rows), np.ptp(columns)) + 1
    found = []
    for share in SMOOTHINGS:
        smooth = smoothed(values, share * side)
        cuts = np.nanquantile(smooth, QUANTILES)
        with np.errstate(invalid="ignore"):
            found.append([iou(smooth >= cut, one) for cut in cuts])
    return np.array(found)


def cut_out(values: np.ndarray, one: Example) -> np.ndarray:
    """The IoU of every smoothing; 0 where a map says nothing."""
    found = []
    for smooth in CUTS:
        try:
            found.append(iou(grown(one.photo.pixels, values, smooth=smooth, **SEEDS)[0], one))
        except ValueError:
            found.append(0.0)
    return np.array(found)


# ---- the table


def interval(values: np.ndarray, rounds: int = 10_000) -> str:
    """The mean with its 95 % bootstrap interval over photos."""
    chosen = np.random.default_rng(0).integers(0, len(values), (rounds, len(values)))
    low, high = np.quantile(values[chosen].mean(1), [0.025, 0.975])
    return f"{values.mean():.3f} ({low:.3f} to {high:.3f})"


def judged(found: np.ndarray, options: list[str]) -> tuple[np.ndarray, str]:
    """From the IoU (photos, options) that of the option chosen on the other half, and which were chosen."""
    best = [int(found[1 - half :: 2].mean(0).argmax()) for half in (0, 1)]
    own = np.array([found[index, best[index % 2]] for index in range(len(found))])
    return own, " and ".join(dict.fromkeys(options[choice] for choice in best))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--longest", type=int, default=256)
    parser.add_argument("--sets", nargs="+", default=["coco", "pennfudan"])
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--count", type=int, default=None, help="photos of a set, at most")
    given = parser.parse_args()
    if not (DATA / "coco_mini.zip").is_file():
        print(f"skipped: there is no coco_mini.zip in {DATA}; PHOSPHENE_DATA names the folder that holds it")
        return
    network = ph.load()
    packages = {"torch": metadata.version("torch"), "OpenCV": opencv().__version__, "numpy": np.__version__}
    versions = ", ".join(f"{name} {version}" for name, version in packages.items())
    print(f"{network.name}; {versions}; Python {platform.python_version()}; photos at most {given.longest} px\n")
    quantiles = [f"{quantile:g} of the map smoothed by {share:g}" for share in SMOOTHINGS for quantile in QUANTILES]
    for name in given.sets:
        every = list({"coco": coco, "pennfudan": pennfudan}[name](network, given.longest))[: given.count]
        share = np.mean([one.mask[one.seen].mean() for one in every])
        print(f"{name}: {len(every)} photos; objects fill {share:.0%} of what the network sees\n")
        print("| map | GrabCut | thresholded map | difference | smoothed before | threshold |")
        print("| --- | --- | --- | --- | --- | --- |")
        for spec in given.methods:
            cuts, plain = [], []
            for one in every:
                values = method(spec)(network, one.photo, one.target).in_photo(0)
                cuts.append(cut_out(values, one))
                plain.append(thresholded(values, one).ravel())
            ours, smoothing = judged(np.array(cuts), [f"{smooth:g}" for smooth in CUTS])
            theirs, threshold = judged(np.array(plain), quantiles)
            numbers = f"{interval(ours)} | {interval(theirs)} | {interval(ours - theirs)}"
            print(f"| {spec} | {numbers} | {smoothing} | {threshold} |", flush=True)
        boxes = np.array([[iou(boxed(one, side), one) for side in SIDES] for one in every])
        centre, side = judged(boxes, [f"side {side:g}" for side in SIDES])
        print(f"| centre box | | {interval(centre)} | | | {side} |\n", flush=True)


if __name__ == "__main__":
    main()
