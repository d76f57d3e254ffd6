"""Which methods are true, as markdown tables: `python benchmarks/judge.py PART [NETWORK] [--minutes 15]`.

Parts: `judge` (insertion, deletion, sensitivity-n, max-sensitivity, randomised weights on ImageNet photos), `pointing`
(the pointing game on COCO photos, whose class is given), `cascade` (weights randomised stage by stage), `selectivity`
(projections of different units), and `tables`, which prints all that was measured. Networks: embedded, squeezenet1_1,
and for selectivity vgg16_features. `imagenet_photos_700.zip`, `coco_mini.zip` and `cnn_weights.safetensors` lie in the
folder that PHOSPHENE_DATA names; the embedded network needs no file.

Every number is noted in the file `--numbers`, image by image, and is not measured again: a part may be stopped, and a
method added later is run on the photos that the others were run on. Photos are taken in one random order, so that those
done within `--minutes` are a sample. A method's numbers don't depend on which others are measured beside it.
"""

import argparse
import io
import json
import os
import platform
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision.models as tv
from safetensors import safe_open

import phosphene as ph
from phosphene.attribution.maps.methods import METHODS
from phosphene.attribution.reversed.selectivity import of_pairs
from phosphene.attribution.reversed.starting import GROUPS
from phosphene.attribution.trials.contenders import baselines, contenders
from phosphene.attribution.trials.judgement import AGAINST, FEWEST, TESTS, Judgement
from phosphene.instrument.account import account_of
from phosphene.measures.intervals import interval

DATA = Path(os.environ.get("PHOSPHENE_DATA", ""))
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
LEFT_OUT = ("cam", "x_grad_cam", "score_cam", "occlusion", "integrated_gradients", "var_grad", "rise")  # see `EXTRA`
EXTRA = ("occlusion:window=64,stride=32", "integrated_gradients:steps=16")  # fewer passes than by themselves
RULES = ("gradient", "deconvnet", "guided", "gradient-centre", "deconvnet-centre", "guided-centre")
NETWORKS = ("embedded", "squeezenet1_1", "vgg16_features")
STEPS = 16
WORDS = {
    "insertion": "insertion ↑",
    "deletion": "deletion ↓",
    "sensitivity_n": "sensitivity-n ↑",
    "pointing": "pointing ↑",
    "max_sensitivity": "max-sensitivity ↓",
    "randomised": "randomised ↓",
}


def network(name: str) -> ph.Network:
    if name == "embedded":
        return ph.load()
    module = tv.vgg16() if name == "vgg16_features" else getattr(tv, name)()
    with safe_open(DATA / "cnn_weights.safetensors", "pt") as weights:
        keys = [key for key in weights.keys() if key.startswith(f"{name}/")]  # noqa: SIM118
        state = {key.removeprefix(f"{name}/"): weights.get_tensor(key).float() for key in keys}
    if name == "vgg16_features":
        module.features.load_state_dict({key.removeprefix("features."): value for key, value in state.items()})
        module = module.features
    else:
        module.load_state_dict(state)
    preprocessing = ph.Preprocessing(size=(224, 224), resize=(256, 256), interpolation="bilinear", **IMAGENET)
    return ph.Network(module.eval(), preprocessing, ph.load().labels, spec=name)


def imagenet() -> Iterator[ph.Photo]:
    """The photos, in an order drawn once."""
    with zipfile.ZipFile(DATA / "imagenet_photos_700.zip") as archive:
        files = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        for index in np.random.default_rng(0).permutation(len(files)):
            yield replace(ph.read(io.BytesIO(archive.read(files[index]))), name=Path(files[index]).name)


def coco() -> Iterator[tuple[ph.Photo, tuple[int, ...], list[list[float]]]]:
    """Photos with the ImageNet classes of a category in them, and the boxes of its objects; crowds are left out."""
    from localization import CLASSES

    with zipfile.ZipFile(DATA / "coco_mini.zip") as archive:
        listed = json.loads(archive.read("labels.json"))
        for index in np.random.default_rng(0).permutation(len(listed["images"])):
            row = listed["images"][index]
            boxes: dict[str, list[list[float]]] = {}
            for one in row["instances"]:
                if not one["iscrowd"]:
                    boxes.setdefault(listed["categories"][one["label"]], []).append(one["box"])
            for category, found in boxes.items():
                if category in CLASSES:
                    photo = ph.read(io.BytesIO(archive.read(row["file"])))
                    yield replace(photo, name=f"{row['file']} {category}"), CLASSES[category], found


# ---- measuring


class Numbers:
    """What was measured: a JSON file of part -> network -> image -> contender -> test -> number."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.all: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}

    def of(self, *keys: str) -> dict[str, Any]:
        place = self.all
        for key in keys:
            place = place.setdefault(key, {})
        return place

    def save(self) -> None:
        self.path.write_text(json.dumps(self.all))


def specs(wanted: str | None) -> list[str]:
    return [c.spec for c in contenders(wanted)] if wanted else [n for n in METHODS if n not in LEFT_OUT] + [*EXTRA]


def taken(found: Judgement) -> dict[str, dict[str, float]]:
    """The last image's numbers."""
    return {
        name: {test: float(found.values[test][row, -1]) for test in found.tests}
        | {"seconds": float(found.seconds[row, -1])}
        for row, name in enumerate(found.names)
    }


def run_judge(name: str, wanted: str | None, until: float, numbers: Numbers, made: str | None) -> None:
    """All tests but pointing: first the methods that the photos seen so far lack, then further photos."""
    methods, done = specs(wanted), numbers.of("judge", name)
    tests = [test for test in (made.split(",") if made else TESTS) if test != "pointing"]
    photos = [photo for _, photo in zip(range(200), imagenet(), strict=False)]
    lacking = sorted(
        {method for photo in photos if photo.name in done for method in missing(methods, done[photo.name])}
    )
    net = network(name)
    for some, which in (
        ([photo for photo in photos if photo.name in done and missing(methods, done[photo.name])], lacking),
        ([photo for photo in photos if photo.name not in done], methods),
    ):
        if not some or not which:
            continue
        for found in ph.judge.steps(net, some, methods=which, tests=tests, steps=STEPS):
            done.setdefault(found.images[-1], {}).update(taken(found))
            numbers.save()
            if time.monotonic() > until:
                return


def run_pointing(name: str, wanted: str | None, until: float, numbers: Numbers) -> None:
    """The pointing game on whole photos, squashed into the input; of the category's classes the likeliest is asked."""
    net, methods, done = network(name), specs(wanted), numbers.of("pointing", name)
    net.preprocessing = replace(net.preprocessing, crop="squash", resize=net.preprocessing.size)
    for photo, classes, boxes in coco():
        left = missing(methods, done.get(photo.name, {}))
        if not left or time.monotonic() > until:
            continue
        scores = net.record(photo, "logits")["logits"][0]
        target = f"logits:{max(classes, key=lambda one: float(scores[one]))}"
        for found in ph.judge.steps(net, [photo], target, methods=left, tests="pointing", boxes={photo.name: boxes}):
            done.setdefault(photo.name, {}).update(taken(found))
            numbers.save()


def missing(methods: list[str], there: dict[str, Any]) -> list[str]:
    return [one.spec for one in contenders(methods) if one.name not in there]


def run_cascade(name: str, wanted: str | None, until: float, numbers: Numbers, count: int) -> None:
    net, done = network(name), numbers.of("cascade", name)
    for _, photo in zip(range(count), imagenet(), strict=False):
        left = missing(specs(wanted), done.get(photo.name, {}))
        if not left or time.monotonic() > until:
            continue
        found = ph.cascade(net, photo, methods=left)
        rows = done.setdefault(photo.name, {})
        rows["stages"] = list(found.stages)
        for row, method in enumerate(found.methods):
            rows[method] = {
                "magnitudes": found.magnitudes[row, :, 0].tolist(),
                "ssim": found.ssim[row, :, 0].tolist(),
            }
        numbers.save()


def run_selectivity(name: str, until: float, numbers: Numbers, count: int) -> None:
    net, done = network(name), numbers.of("selectivity", name)
    rules = RULES if name != "embedded" else RULES[:3]  # which has no max pooling
    for _, photo in zip(range(count), imagenet(), strict=False):
        if photo.name in done or time.monotonic() > until:
            continue
        found = ph.selectivity(net, photo, rules=rules)
        done[photo.name] = {"layer": found.layer} | {
            "|".join(key): matrix[0].tolist() for key, matrix in found.matrices.items()
        }
        numbers.save()


# ---- tables


def judgement(numbers: Numbers, name: str, *, with_pointing: bool = True) -> Judgement:
    """What was measured of a network: the methods run on at least six images. Pointing has images of its own."""
    judged, pointed = numbers.of("judge", name), numbers.of("pointing", name)
    others = [one.name for one in baselines()]
    known = Counter(key for row in judged.values() for key in row if key not in others)
    names = sorted((key for key, count in known.items() if count >= FEWEST), key=order_of)
    columns = list(judged.items())
    columns += pointed.items() if with_pointing else ()
    values = {
        test: np.array([[row.get(n, {}).get(test, np.nan) for _, row in columns] for n in (*names, *others)])
        for test in (*TESTS, "seconds")
    }
    return Judgement(
        network=name, images=tuple(image for image, _ in columns), targets=(), unreadable=(),
        names=(*names, *others), baselines=tuple(others), refused={}, seconds=values.pop("seconds"), values=values,
        seed=0,
    )  # fmt: skip


def order_of(name: str) -> int:
    known = [str(contenders(spec)[0]) if ":" in spec else METHODS[spec] for spec in METHODS]
    return next((index for index, start in enumerate(known) if name.startswith(start)), len(known))


def print_judgement(found: Judgement) -> None:
    tests = [test for test in WORDS if test in found.tests]
    counts = {test: found.score(found.names[0], test).count for test in tests}
    print(f"\n### {found.network}\n")
    print("| method | " + " | ".join(f"{WORDS[test]}, n = {counts[test]}" for test in tests) + " | seconds |")
    print("| --- |" + " ---: |" * (len(tests) + 1))
    for row, name in enumerate(found.names):
        cells = [cell(found, name, test) for test in tests]
        seconds = np.nanmedian(found.seconds[row])
        print(f"| {name} | {' | '.join(cells)} | {seconds:.2g} |")


def cell(found: Judgement, name: str, test: str) -> str:
    score = found.score(name, test)
    if not score.count:
        return "–"
    told = f"{score.mean:.2f} [{score.low:.2f}, {score.high:.2f}]".replace("-", "−")
    if score.count == 1:
        told = f"{score.mean:.2f}"
    if score.count < (count := np.isfinite(found.values[test]).any(0).sum()):
        told += f", of {score.count} of {count}"  # the others have no map, or a constant one
    if name in found.baselines or test not in AGAINST:
        return told
    marks = [(found.better(name, other, test), letter) for other, letter in zip(found.baselines, "rec", strict=True)]
    return told + "".join(f" {'+' if better else '−'}{letter}" for better, letter in marks if better is not None)


def print_cascade(numbers: Numbers, name: str) -> None:
    table = numbers.of("cascade", name)
    if not table:
        return
    stages = next(iter(table.values()))["stages"]
    print(f"\n### {name}, n = {len(table)}\n\n| method | {' | '.join(stages)} |\n| --- |" + " ---: |" * len(stages))
    methods = dict.fromkeys(key for row in table.values() for key in row if key != "stages")
    for method in sorted(methods, key=order_of):
        rows = np.array([row[method]["magnitudes"] for row in table.values() if method in row], np.float64)
        known = ["–" if np.isnan(column).all() else f"{interval(column).mean:.2f}" for column in rows.T]
        print(f"| {method} | {' | '.join(known).replace('-', '−')} |")


def print_selectivity(numbers: Numbers, name: str) -> None:
    table = numbers.of("selectivity", name)
    if not table:
        return
    first = next(iter(table.values()))
    rules = [rule for rule in RULES if f"{rule}|strongest|signal" in first]
    groups = [group for group in GROUPS if f"{rules[0]}|{group}|signal" in first]
    print(f"\n### {name}, from {first['layer']}, n = {len(table)}\n")
    print(f"| rule | {' | '.join(groups)} | strongest, ranks of maps |\n| --- |" + " ---: |" * (len(groups) + 1))
    for rule in rules:
        cells = []
        for group, measure in (*((group, "signal") for group in groups), ("strongest", "rank")):
            rows = [row.get(f"{rule}|{group}|{measure}") for row in table.values()]
            found = of_pairs(np.array([row for row in rows if row is not None], np.float64))
            cells.append(f"{found.mean:.2f} [{found.low:.2f}, {found.high:.2f}]".replace("-", "−"))
        print(f"| {rule} | {' | '.join(cells)} |")


def print_tables(numbers: Numbers) -> None:
    print(
        f"torch {torch.__version__}, Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores"
    )
    print(
        "\n## Judged\n\n`+` and `−`: better and worse than the random map (r), the photo's edges (e), the centre (c)."
    )
    for name in NETWORKS[:2]:
        if numbers.of("judge", name):
            print_judgement(judgement(numbers, name))
    print(
        "\n## The cascade\n\nSpearman's correlation of magnitudes with the trained network's map; a column is a stage."
    )
    for name in NETWORKS[:2]:
        print_cascade(numbers, name)
    print("\n## Selectivity\n\nMean |correlation| of projections of different starts, 1 if the start changes nothing.")
    for name in NETWORKS:
        print_selectivity(numbers, name)


def draw(found: Judgement, path: Path) -> None:
    """The sheet; its account names the photos, whose pixels it does not hold."""
    net, methods = network("embedded"), [name for name in found.names if name not in found.baselines]
    asked = {"network": net, "images": list(found.images), "methods": methods, "steps": STEPS}
    found = replace(found, network=net.name, made=account_of("judge", asked))
    found.save(path, scale=1.3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("judge", "pointing", "cascade", "selectivity", "tables"))
    parser.add_argument("network", nargs="?", default="embedded", choices=NETWORKS)
    parser.add_argument("--methods", default=None)
    parser.add_argument("--tests", default=None, help="those of `judge`; if not given, all")
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--count", type=int, default=10, help="photos of cascade and selectivity")
    parser.add_argument("--numbers", type=Path, nargs="+", default=[Path("judge-numbers.json")])
    parser.add_argument("--picture", type=Path, default=None, help="where `tables` draws the embedded network's sheet")
    given = parser.parse_args()
    if not (DATA / "imagenet_photos_700.zip").is_file():
        print(f"skipped: there is no {DATA / 'imagenet_photos_700.zip'}; PHOSPHENE_DATA names the folder that holds it")
        return
    numbers, until = Numbers(given.numbers[0]), time.monotonic() + 60 * given.minutes
    if given.part == "tables":
        for path in given.numbers[1:]:
            for part, networks in Numbers(path).all.items():
                for name, images in networks.items():
                    for image, rows in images.items():
                        numbers.of(part, name).setdefault(image, {}).update(rows)
        print_tables(numbers)
        if given.picture:
            draw(judgement(numbers, "embedded", with_pointing=False), given.picture)
    elif given.part == "cascade":
        run_cascade(given.network, given.methods, until, numbers, given.count)
    elif given.part == "selectivity":
        run_selectivity(given.network, until, numbers, given.count)
    elif given.part == "judge":
        run_judge(given.network, given.methods, until, numbers, given.tests)
    else:
        run_pointing(given.network, given.methods, until, numbers)


if __name__ == "__main__":
    main()
