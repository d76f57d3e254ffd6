"""Methods judged on the same images: how faithful, how stable and how dependent on the network their maps are.

For each image and each method the tests of `faithfulness`, `stability`, `pointing` and the end of the `cascade` give a
number each; three baselines that know nothing of the network take the same tests. Means stand with bootstrap intervals
over the images, and a method counts as better than a baseline where the interval of their difference, image by image,
leaves out zero. Images are read one at a time and only numbers are kept, so memory does not grow with their number.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..instrument import Result, instrument
from ..network import OUTPUTS, Frame, Network, near
from ..picture import Photo, Picture, photos, read
from .cascade import wholly_random
from .contenders import Contender, baselines, contenders, possible
from .faithfulness import area, deletion, drops, insertion, sensitivity_n, subsets
from .intervals import Interval, difference, interval
from .likeness import spearman
from .pinned import whole
from .pointing import Corners, pointing
from .stability import max_sensitivity
from .targets import Target, questions

# test -> whether more is better; None where a good method is neither high nor low
TESTS: dict[str, bool | None] = {
    "insertion": True,
    "deletion": False,
    "pointing": True,
    "sensitivity_n": True,
    "max_sensitivity": False,
    "randomised": False,
}
FEWEST = 6  # images: with fewer, even differences that all agree are no surprise (2 / 2**5 > 5 %)
AGAINST = ("insertion", "deletion", "pointing", "sensitivity_n")  # tests in which baselines mean something


@dataclass(frozen=True, eq=False, kw_only=True)
class Judgement(Result):
    """What each contender got in each test on each image: `values[test]` is (contenders, N), NaN where not measured."""

    network: str
    images: tuple[str, ...]
    targets: tuple[str, ...]
    unreadable: tuple[str, ...]
    names: tuple[str, ...]  # of the methods, then of the baselines
    baselines: tuple[str, ...]  # their names
    refused: dict[str, str]  # methods that can't answer for this network, and what they said
    values: dict[str, np.ndarray] = field(repr=False)
    seconds: np.ndarray = field(repr=False)  # (contenders, N) for one map
    seed: int

    @property
    def tests(self) -> tuple[str, ...]:
        """The tests that were made; the pointing game only where boxes were given."""
        return tuple(test for test, values in self.values.items() if not np.isnan(values).all())

    def score(self, name: str, test: str) -> Interval:
        """The contender's mean in a test, with its 95 % bootstrap interval over images."""
        return interval(self.values[test][self.names.index(name)], self.seed)

    def better(self, name: str, baseline: str, test: str) -> bool | None:
        """Whether it is better than a baseline; False where it is worse, None where the images leave it open.

        With fewer than six images it is always open.
        """
        rows = self.values[test]
        found = difference(rows[self.names.index(name)], rows[self.names.index(baseline)], self.seed)
        if found.count < FEWEST or found.low <= 0 <= found.high or np.isnan(found.low):
            return None
        return (found.mean > 0) == TESTS[test]

    def picture(self) -> Picture:
        """For each test a column: every contender's mean with its interval, and the baselines as lines to pass."""
        from .judging_picture import drawing

        count = len(self.images)
        caption = f"{self.network}, {len(self.names) - len(self.baselines)} methods judged on {count} images"
        return self.drawn(drawing(self), caption)

    def to_dict(self) -> dict[str, Any]:
        methods = []
        for name in self.names:
            row: dict[str, Any] = {"method": name, "baseline": name in self.baselines}
            row |= {test: self.score(name, test).to_dict() for test in self.tests}
            row["seconds"] = float(np.nanmedian(self.seconds[self.names.index(name)]))
            if name not in self.baselines:
                row["better than"] = {
                    test: {other: self.better(name, other, test) for other in self.baselines}
                    for test in self.tests if test in AGAINST
                }  # fmt: skip
            methods.append(row)
        return {
            "network": self.network,
            "images": list(self.images),
            "targets": list(self.targets),
            "unreadable": list(self.unreadable),
            "refused": self.refused,
            "methods": methods,
        }


@instrument
def judge(
    network: Network,
    images: Any,
    target: Target = None,
    *,
    methods: str | Sequence[str] | None = None,
    tests: str | Sequence[str] | None = None,
    boxes: Any = None,
    steps: int = 32,
    seed: int = 0,
    batch: int = 32,
) -> Judgement:
    """Methods tested against each other on the same images: faithful, stable, dependent on the network?

    `images` are photos, the network's inputs (N, C, H, W), files, or a folder; files that can't be read are left out
    and named. Raises LookupError for a method or target that is not there, ValueError where no image can be read or no
    method can answer for this network.

    - `target`: a class, such as 'logits:goose'; if not given, each image's best class
    - `methods`: names of methods with commas between them, such as 'gradient,guided,occlusion:window=48'; if not
      given, all that take few passes
    - `tests`: which to make, with commas between them: insertion, deletion, pointing, sensitivity_n, max_sensitivity,
      randomised; if not given, all
    - `boxes`: for the pointing game, where the object lies in the photo's pixels: a JSON file, or a dict, of the form
      {"name.jpg": [[left, top, right, bottom], …]}
    - `steps`: changes of an image in insertion and deletion
    - `seed`: of random maps, sets, noise, weights and intervals
    - `batch`: images that run through the network together
    """
    how: dict[str, Any] = {
        "methods": methods,
        "tests": tests,
        "boxes": boxes,
        "steps": steps,
        "seed": seed,
        "batch": batch,
    }
    *_, found = judging(network, images, target, **how)
    return found


def judging(
    network: Network,
    images: Any,
    target: Target = None,
    *,
    methods: str | Sequence[str] | None = None,
    tests: str | Sequence[str] | None = None,
    boxes: Any = None,
    steps: int = 32,
    seed: int = 0,
    batch: int = 32,
) -> Iterator[Judgement]:
    """The judgement after each image, so that a caller can show how far it is, and stop; options as of `judge`."""
    whole(steps, "steps", 1)
    whole(batch, "batch", 1)
    wanted = contenders(methods)
    made = _tests(tests)
    corners = _boxes(boxes)
    if made == {"pointing"} and not corners:
        raise ValueError("the pointing game needs to know where the object is; give boxes")
    refused: dict[str, str] = {}
    others: dict[tuple[int, int], Network] = {}
    columns: list[tuple[str, str, dict[str, dict[str, float]]]] = []  # image, target, contender -> its numbers
    unreadable: list[str] = []
    found = None
    for shown in _images(network, images):
        if isinstance(shown, str):
            unreadable.append(shown)
            continue
        x, name, frame = shown
        asked = questions(network, x, target)
        if asked.layer not in OUTPUTS:
            raise ValueError(f"methods are judged by a class's score, such as 'logits:281', not by {asked.names[0]}")
        if len(asked.addresses) > 1:
            raise ValueError(f"methods are judged by one class for all images, not by {len(asked.addresses)}; name one")
        size = (int(x.shape[-2]), int(x.shape[-1]))
        if "randomised" in made and size not in others:
            others = {size: wholly_random(network, size, seed=seed)}
        address, seen = asked.addresses[0], corners.get(name, ())
        assert isinstance(address.channel, int)
        test = _Test(
            network, others.get(size), x, str(address), address.channel, frame, seen, made, steps, seed, batch
        )  # fmt: skip
        row: dict[str, dict[str, float]] = {}
        for contender in [*wanted, *baselines()]:
            numbers, said = possible(contender, test, contender)
            if said is None:
                row[contender.name] = numbers
            else:
                refused[contender.name] = said
                wanted = [other for other in wanted if other is not contender]
        if not wanted:
            raise ValueError("; ".join(dict.fromkeys(refused.values())))
        columns.append((name, asked.names[0], row))
        found = _judgement(network, columns, [c.name for c in wanted], unreadable, refused, seed)
        yield found
    if found is None:
        raise ValueError(f"none of the {len(unreadable)} images can be read; the first: {unreadable[0]}")
    if len(unreadable) != len(found.unreadable):
        yield _judgement(network, columns, [c.name for c in wanted], unreadable, refused, seed)


@dataclass
class _Test:
    """The tests of one image; what does not depend on the contender is computed once."""

    network: Network
    random: Network | None
    x: Tensor
    target: str
    class_: int
    frame: Frame
    boxes: Sequence[Corners]
    made: frozenset[str]
    steps: int
    seed: int
    batch: int

    def __post_init__(self) -> None:
        self.classes = torch.tensor([self.class_])
        if "sensitivity_n" in self.made:
            height, width = (int(side) for side in self.x.shape[-2:])
            self.sets = subsets((height, width), cell=max(1, min(height, width) // 14), seed=self.seed)
            self.dropped = drops(self.network, self.x, self.classes, self.sets, batch=self.batch)

    def __call__(self, contender: Contender) -> dict[str, float]:
        x, seed = self.x, self.seed
        start = time.perf_counter()
        maps = contender.maps(self.network, x, self.target, seed)
        seconds = time.perf_counter() - start
        how: dict[str, Any] = {"steps": self.steps, "batch": self.batch, "seed": seed}
        numbers: dict[str, Tensor] = {}
        if "insertion" in self.made:
            numbers["insertion"] = area(insertion(self.network, x, maps, self.classes, **how))
        if "deletion" in self.made:
            numbers["deletion"] = area(deletion(self.network, x, maps, self.classes, **how))
        if "sensitivity_n" in self.made:
            numbers["sensitivity_n"] = sensitivity_n(maps, self.sets, self.dropped)
        if "max_sensitivity" in self.made and not contender.baseline:
            numbers["max_sensitivity"] = max_sensitivity(
                self.network, x, maps, lambda noisy: contender.maps(self.network, noisy, self.target, seed), seed=seed
            )
        if self.random is not None and not contender.baseline:
            other = contender.maps(self.random, x, self.target, seed)
            numbers["randomised"] = spearman(maps.abs(), other.abs())
        found = {test: float(number[0]) for test, number in numbers.items()}
        if "pointing" in self.made:
            found["pointing"] = pointing(maps[0], self.frame, self.boxes)
        return {**found, "seconds": seconds}


def _tests(names: str | Sequence[str] | None) -> frozenset[str]:
    if names is None:
        return frozenset(TESTS)
    parts = names.split(",") if isinstance(names, str) else names
    asked = [part.strip().replace("-", "_") for part in parts if part.strip()]
    for name in asked:
        if name not in TESTS:
            raise LookupError(f"there is no test {name!r}{near(name, TESTS)}; the tests are {', '.join(TESTS)}")
    if not asked:
        raise ValueError(f"no test was named; the tests are {', '.join(TESTS)}")
    return frozenset(asked)


def _judgement(
    network: Network, columns: Sequence[tuple[str, str, Mapping[str, Mapping[str, float]]]], methods: Sequence[str],
    unreadable: Sequence[str], refused: Mapping[str, str], seed: int,
) -> Judgement:  # fmt: skip
    others = [contender.name for contender in baselines()]
    names = (*methods, *others)
    table = {
        test: np.array([[row.get(name, {}).get(test, np.nan) for *_, row in columns] for name in names])
        for test in (*TESTS, "seconds")
    }
    return Judgement(
        network=network.name, images=tuple(column[0] for column in columns),
        targets=tuple(column[1] for column in columns), unreadable=tuple(unreadable), names=names,
        baselines=tuple(others), refused=dict(refused), seconds=table.pop("seconds"), values=table, seed=seed,
    )  # fmt: skip


# ---- images and boxes


def _images(network: Network, images: Any) -> Iterator[tuple[Tensor, str, Frame] | str]:
    """Each image as the network's input, its name and frame, one at a time; a sentence for a file that is broken."""
    if isinstance(images, Tensor):
        x = network.inputs(images).detach()
        for index in range(len(x)):
            yield x[index : index + 1], f"image {index + 1}", Frame.whole(int(x.shape[-2]), int(x.shape[-1]))
        return
    for one in files(images):
        if isinstance(one, Photo):
            photo = one
        else:
            try:
                photo = read(one)
            except (ValueError, OSError) as error:
                yield str(error)
                continue
        yield network.inputs(photo).detach(), photo.name, network.frame(photo)


def files(images: Any) -> list[Any]:
    """Photos and paths, with each folder's pictures in its place. ValueError where there are none."""
    found: list[Any] = []
    for one in images if isinstance(images, (list, tuple)) else [images]:
        if isinstance(one, Photo):
            found.append(one)
        elif isinstance(one, (str, os.PathLike)):
            found += photos(one) if os.path.isdir(one) else [Path(one)]
        else:
            raise TypeError(f"images are photos, files, folders or a tensor (N, C, H, W), not {type(one).__name__}")
    if not found:
        raise ValueError("no images were given; give photos, files or a folder")
    return found


def _boxes(boxes: Any) -> Mapping[str, Sequence[Corners]]:
    """The boxes by the photos' names, from a dict or a JSON file."""
    if boxes is None:
        return {}
    if isinstance(boxes, (str, os.PathLike)):
        try:
            boxes = json.loads(Path(boxes).read_text(encoding="utf-8"))
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ValueError(f"the file of boxes is no JSON: {error}") from error
    good = isinstance(boxes, Mapping) and all(
        isinstance(each, Sequence) and all(isinstance(box, Sequence) and len(box) == 4 for box in each)
        for each in boxes.values()
    )
    if not good:
        raise ValueError('boxes are {"name.jpg": [[left, top, right, bottom], …], …}, in the photos\' pixels')
    return boxes
