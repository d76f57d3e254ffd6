"""Localisation error of class activation maps, as markdown tables: `python benchmarks/localization.py [NETWORK ...]`.

Photos and boxes: `coco_mini.zip`, weights: `cnn_weights.safetensors`, both in the folder that PHOSPHENE_DATA names; the
embedded network needs no file. A photo counts if its largest object of a category that ImageNet has too (CLASSES below)
fills at least `--least` of it. The class is given: of the ImageNet classes that belong to the category, the one of the
highest score. The whole photo is squashed into the input, so that nothing is cropped away. A box is right if its IoU
with any object of that category is at least 0.5, as in ILSVRC.

Photos are dealt into two halves. Each half is judged with the threshold (a share of the map's largest number; for the
centre box its side) that errs least on the other half, so that every photo is judged and none helped to choose its own
threshold. Intervals are 95 % bootstrap intervals over photos; those of differences are paired. torch-cam's maps go
through the same boxes, with thresholds of their own. Maps are stretched evenly over the photo; 'by receptive fields'
has each number at the middle of what its unit can see instead.
"""

import argparse
import json
import os
import platform
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
import torchvision.models as tv
from safetensors import safe_open
from torch import Tensor

import phosphene as ph
from phosphene.attribution.location.boxes import largest_region
from phosphene.picture import resample
from phosphene.picture.overlay import blend

DATA = Path(os.environ.get("PHOSPHENE_DATA", ""))
THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 20))
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
HALVES = (0, 1)
SHIFTS = (-1, 0, 1)  # cells

# COCO category -> ImageNet classes of the same kind of thing (indices in torchvision's order)
CLASSES: dict[str, tuple[int, ...]] = {
    "bicycle": (444, 671),  # bicycle-built-for-two, mountain bike
    "car": (436, 468, 511, 609, 627, 656, 751, 817),  # beach wagon, cab, convertible, jeep, limousine, minivan, ...
    "motorcycle": (665, 670),  # moped, motor scooter
    "airplane": (404, 895),  # airliner, warplane
    "bus": (654, 779, 874),  # minibus, school bus, trolleybus
    "train": (
        466,
        547,
        565,
        705,
        820,
    ),  # bullet train, electric locomotive, freight car, passenger car, steam locomotive
    "truck": (555, 569, 675, 717, 864, 867),  # fire engine, garbage truck, moving van, pickup, tow truck, trailer truck
    "boat": (472, 484, 510, 554, 576, 625, 628, 780, 814, 871, 914),  # canoe ... yawl
    "traffic light": (920,),
    "bench": (703,),  # park bench
    "bird": (*range(7, 25), *range(80, 101), *range(127, 147)),
    "cat": tuple(range(281, 286)),
    "dog": tuple(range(151, 269)),
    "horse": (339,),  # sorrel
    "sheep": (348, 349),  # ram, bighorn
    "elephant": (101, 385, 386),  # tusker, Indian elephant, African elephant
    "bear": (294, 295, 296, 297),
    "zebra": (340,),
    "backpack": (414,),
    "umbrella": (879,),
    "handbag": (748,),  # purse
    "banana": (954,),
    "apple": (948,),  # Granny Smith
    "orange": (950,),
    "broccoli": (937,),
    "hot dog": (934,),
    "pizza": (963,),
    "couch": (831,),  # studio couch
    "toilet": (861,),  # toilet seat
    "tv": (664, 782, 851),  # monitor, screen, television
    "laptop": (620, 681),  # laptop, notebook
    "mouse": (673,),
    "remote": (761,),
    "keyboard": (508, 878),  # computer keyboard, typewriter keyboard
    "cell phone": (487,),
    "microwave": (651,),
    "oven": (827,),  # stove
    "refrigerator": (760,),
    "clock": (409, 530, 892),  # analog, digital, wall clock
    "vase": (883,),
    "teddy bear": (850,),
}

Boxes = np.ndarray  # (n, 4): left, top, right, bottom


@dataclass(frozen=True)
class Example:
    """A photo, the category looked for, and the boxes of its objects."""

    photo: ph.Photo
    category: str
    boxes: Boxes


@dataclass(frozen=True)
class Contestant:
    """A network, its input squashed, with the layers that its maps are taken from."""

    name: str
    network: ph.Network
    last: str  # the last layer with a grid, at which torch-cam is asked
    head: str | None  # the linear layer that torch-cam's CAM is told of
    fused: tuple[str, ...]  # layers of one Layer-CAM


def examples(least: float) -> list[Example]:
    found = []
    with zipfile.ZipFile(DATA / "coco_mini.zip") as archive:
        labels = json.loads(archive.read("labels.json"))
        for image in sorted(labels["images"], key=lambda image: image["file"]):
            objects = [
                (labels["categories"][one["label"]], np.array(one["box"])) for one in image["instances"]
                if not one["iscrowd"] and labels["categories"][one["label"]] in CLASSES
            ]  # fmt: skip
            if not objects:
                continue
            category, box = max(objects, key=lambda one: _area(one[1]))
            if _area(box) < least * image["width"] * image["height"]:
                continue
            boxes = np.stack([box for name, box in objects if name == category])
            found.append(Example(ph.read(archive.read(image["file"])), category, boxes))
    return found


def _area(box: np.ndarray) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))


def weights(name: str) -> dict[str, Tensor]:
    with safe_open(DATA / "cnn_weights.safetensors", "pt") as file:
        own = [key for key in list(file.keys()) if key.startswith(f"{name}/")]
        return {key.removeprefix(f"{name}/"): file.get_tensor(key).float() for key in own}


def contestant(name: str) -> Contestant:
    if name == "efficientnet_lite0":
        own = ph.load()
        squashed = replace(own.preprocessing, crop="squash", resize=own.preprocessing.size)
        network = ph.load(preprocessing=squashed)
        return Contestant(name, network, "bn2", "classifier", ("blocks.4", "bn2"))
    size = 225 if name == "mobilenet_v2" else 224  # at odd sizes TensorFlow's padding and PyTorch's coincide
    module = getattr(tv, name)()
    module.load_state_dict(weights(name))
    network = ph.Network(module.eval(), ph.Preprocessing(size, resize=(size, size), crop="squash", **IMAGENET))
    if name == "mobilenet_v2":
        return Contestant(name, network, "features", "classifier.1", ("features.13", "features"))
    return Contestant(name, network, "features", None, ("features.7", "features"))


def ours(
    who: Contestant, score_cam: bool, wanted: list[str]
) -> dict[str, Callable[[Tensor, str], ph.attribution.ClassMap]]:
    net, fused = who.network, ",".join(who.fused)
    methods = {
        "CAM": lambda x, target: ph.cam(net, x, target),
        "Grad-CAM": lambda x, target: ph.grad_cam(net, x, target, layer=who.last),
        "Grad-CAM++": lambda x, target: ph.grad_cam_plus_plus(net, x, target, layer=who.last),
        "XGrad-CAM": lambda x, target: ph.x_grad_cam(net, x, target, layer=who.last),
        "Layer-CAM": lambda x, target: ph.layer_cam(net, x, target, layer=who.last),
        f"Layer-CAM at {', '.join(who.fused)}": lambda x, target: ph.layer_cam(net, x, target, layer=fused),
    }
    if score_cam:
        methods["Score-CAM"] = lambda x, target: ph.score_cam(net, x, target, layer=who.last)
    return {name: found for name, found in methods.items() if any(fnmatch(name, pattern) for pattern in wanted)}


def torch_cams(who: Contestant) -> dict[str, Callable[[Tensor, int], Tensor]]:
    """torch-cam's maps (h, w) for an input and a class, under the names that ours have; nothing if it is not there."""
    try:
        from torchcam import methods
    except ImportError:
        return {}
    module, last = who.network.module, who.last

    def run(kind: type, **options: str) -> Callable[[Tensor, int], Tensor]:
        def maps(x: Tensor, label: int) -> Tensor:
            with kind(module, target_layer=last, **options) as extractor:
                x = x.detach().clone().requires_grad_()
                return extractor(label, module(x))[0][0].detach()

        return maps

    kinds = {"Grad-CAM": methods.GradCAM, "Grad-CAM++": methods.GradCAMpp, "XGrad-CAM": methods.XGradCAM,
             "Layer-CAM": methods.LayerCAM}  # fmt: skip
    found = {name: run(kind) for name, kind in kinds.items()}
    return ({"CAM": run(methods.CAM, fc_layer=who.head)} if who.head else {}) | found


def predictions(values: np.ndarray, photo: ph.Photo) -> Iterator[tuple[int, int, int, int]]:
    """For each threshold the box round a map that covers the photo."""
    spread = resample(values, photo.height, photo.width)[0]
    highest = spread.max()
    for threshold in THRESHOLDS:
        yield largest_region(spread >= threshold * highest) if highest > 0 else (0, 0, photo.width, photo.height)


def centred(photo: ph.Photo) -> Iterator[tuple[float, float, float, float]]:
    """For each threshold t the central box whose sides are 1 - t of the photo's."""
    for threshold in THRESHOLDS:
        high, wide = photo.height * threshold / 2, photo.width * threshold / 2
        yield wide, high, photo.width - wide, photo.height - high


def right(box: tuple[float, ...], truth: Boxes) -> bool:
    """Whether the IoU with any of the boxes is at least 0.5."""
    left, top = np.maximum(truth[:, 0], box[0]), np.maximum(truth[:, 1], box[1])
    wide, high = np.minimum(truth[:, 2], box[2]) - left, np.minimum(truth[:, 3], box[3]) - top
    common = wide.clip(0) * high.clip(0)
    own = (box[2] - box[0]) * (box[3] - box[1])
    areas = (truth[:, 2] - truth[:, 0]) * (truth[:, 3] - truth[:, 1])
    return bool((common / (own + areas - common) >= 0.5).any())


def judged(hits: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """Whether each photo's box is right (n,) out of `hits` (n, thresholds), each half with the other's threshold."""
    half = np.arange(len(hits)) % 2
    verdict, chosen = np.zeros(len(hits), bool), []
    for one in HALVES:
        best = int(hits[half != one].mean(0).argmax())
        verdict[half == one] = hits[half == one, best]
        chosen.append(THRESHOLDS[best])
    return verdict, chosen


def interval(values: np.ndarray, rounds: int = 10_000) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    means = values[rng.integers(0, len(values), (rounds, len(values)))].mean(1)
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def hits_of(
    who: Contestant, shown: list[Example], score_cam: bool, wanted: list[str]
) -> tuple[dict[str, np.ndarray], float, dict[str, float], np.ndarray]:
    """What the tables hold.

    For each method whether each photo's box is right at each threshold (n, thresholds); how often the class given is
    the network's best; each method's largest difference from torch-cam's maps, both brought to 0 ... 1; and how alike
    the map of a photo and that of its mirror image are (shifts).
    """
    methods, peers = ours(who, score_cam, wanted), torch_cams(who)
    hits: dict[str, list[list[bool]]] = {}
    network, best = who.network, 0
    apart: dict[str, float] = {}
    mirrored: list[list[float]] = []
    for example in shown:
        x = network.prepare(example.photo)
        size = (int(x.shape[-2]), int(x.shape[-1]))
        scores = network.record(x, "logits")["logits"][0]
        label = max(CLASSES[example.category], key=lambda index: float(scores[index]))
        best += int(scores.argmax()) in CLASSES[example.category]
        maps: dict[str, np.ndarray] = {}
        for name, method in methods.items():
            found = method(x, f"logits:{label}")
            maps[name] = found.values[0].numpy()
            if name == "CAM":
                maps["CAM, by receptive fields"] = by_receptive_fields(found.raw[0], network, found.layer, size)
                turned = method(x.flip(-1), f"logits:{label}").raw[0].flip(-1)
                mirrored.append([likeness(found.raw[0], turned, cells) for cells in SHIFTS])
            if name in peers:
                other = peers[name](x, label)
                maps[f"torch-cam's {name}"] = evenly(other, size)
                by = float((_unit(found.raw[0]) - _unit(other)).abs().max())
                apart[name] = max(by, apart.get(name, 0.0))
        for name, values in maps.items():
            boxes = predictions(values, example.photo)
            hits.setdefault(name, []).append([right(box, example.boxes) for box in boxes])
        hits.setdefault("centre box", []).append([right(box, example.boxes) for box in centred(example.photo)])
        whole = (0, 0, example.photo.width, example.photo.height)
        hits.setdefault("whole photo", []).append([right(whole, example.boxes)] * len(THRESHOLDS))
    alike = np.nanmean(mirrored, 0) if mirrored else np.array([])
    return {name: np.array(found) for name, found in hits.items()}, best / len(shown), apart, alike


def evenly(raw: Tensor, size: tuple[int, int]) -> np.ndarray:
    return torch.nn.functional.interpolate(raw[None, None].float(), size, mode="bilinear")[0, 0].numpy()


def by_receptive_fields(raw: Tensor, network: ph.Network, layer: str, size: tuple[int, int]) -> np.ndarray:
    """The map with each number at the middle of its unit's receptive field."""
    field = network.receptive_field(layer, size=size)
    weights = []
    for pixels, count, axis in zip(size, raw.shape, (field.height, field.width), strict=True):
        places = (np.arange(pixels) + 0.5 - axis.start - axis.size / 2) / axis.stride + 0.5
        weights.append(blend(places, count))
    return weights[0] @ raw.double().numpy() @ weights[1].T


def likeness(raw: Tensor, turned: Tensor, cells: int) -> float:
    """Correlation of column i of one map with column i + cells of the other."""
    wide = raw.shape[1] - abs(cells)
    one, other = raw.narrow(1, max(0, -cells), wide), turned.narrow(1, max(0, cells), wide)
    return float(np.corrcoef(one.flatten(), other.flatten())[0, 1])


def _unit(raw: Tensor) -> Tensor:
    return (raw - raw.min()) / (raw.max() - raw.min()).clamp(min=1e-12)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", default=["efficientnet_lite0", "squeezenet1_1", "mobilenet_v2"])
    parser.add_argument("--least", type=float, default=0.05, help="share of the photo that the largest object fills")
    parser.add_argument("--methods", nargs="+", default=["*"], help="patterns of their names, such as 'Layer-CAM at *'")
    parser.add_argument("--score-cam", nargs="*", default=[], help="networks that also get Score-CAM, which is slow")
    options = parser.parse_args()
    if not (DATA / "coco_mini.zip").is_file():
        print(f"skipped: there is no {DATA / 'coco_mini.zip'}; PHOSPHENE_DATA names the folder that holds it")
        return
    warnings.simplefilter("ignore")
    shown = examples(options.least)
    versions = ", ".join(
        f"{name} {metadata.version(name)}" for name in ("torchvision", "timm", "torchcam") if find_spec(name)
    )
    print(f"torch {torch.__version__}, Python {platform.python_version()}, {platform.machine()}; {versions}\n")
    kinds = len({example.category for example in shown})
    print(f"{len(shown)} photos of {kinds} categories, whose largest object fills at least {options.least:.0%}.\n")
    for name in options.networks:
        who = contestant(name)
        hits, best, apart, mirrored = hits_of(who, shown, name in options.score_cam, options.methods)
        print(f"### {name}, at `{who.last}`\n")
        differ = ", ".join(f"{method} {by:.1g}" for method, by in apart.items()) or "not compared"
        print(f"Its best class belongs to the category on {best:.0%} of the photos.\n")
        print(f"Largest difference from torch-cam's maps before enlarging, both brought to 0 ... 1: {differ}.\n")
        if len(mirrored):
            alike = ", ".join(f"{cells:+d}: {like:.2f}" for cells, like in zip(SHIFTS, mirrored, strict=True))
            told = "Correlation of a photo's CAM with that of its mirror image, turned back, by cells of shift"
            print(f"{told}: {alike}.\n")
        print("| box from | error | 95 % | less than the centre box, 95 % | thresholds |")
        print("| --- | ---: | --- | --- | --- |")
        centre, _ = judged(hits["centre box"])
        for method, found in hits.items():
            print(row(method, found, centre))
        print(flush=True)


def row(method: str, found: np.ndarray, centre: np.ndarray) -> str:
    verdict, chosen = judged(found)
    low, high = (end * 100 for end in interval(1.0 - verdict))
    least, most = (end * 100 for end in interval(verdict.astype(float) - centre))
    by = (verdict.mean() - centre.mean()) * 100
    told = "" if method == "centre box" else f"{by:.1f} ({least:.1f} … {most:.1f})"
    used = " / ".join(f"{threshold:g}" for threshold in chosen) if method != "whole photo" else ""
    return f"| {method} | {(1 - verdict.mean()) * 100:.1f} % | {low:.1f} … {high:.1f} | {told} | {used} |"


if __name__ == "__main__":
    main()
