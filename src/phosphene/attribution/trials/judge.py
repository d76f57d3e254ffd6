"""Methods judged on the same images: how faithful, how stable and how dependent on the network their maps are.

For each image and each method the tests of `faithfulness`, `stability`, `pointing` and the end of the `cascade` give a
number each; three baselines that know nothing of the network take the same tests. Means stand with bootstrap intervals
over the images, and a method counts as better than a baseline where the interval of their difference, image by image,
leaves out zero. Images are read one at a time and only numbers are kept, so memory does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ...instrument import instrument
from ...instrument.roles import DataFile, ImageSet, MethodNames, Target
from ...network import OUTPUTS, Network, near
from ..maps.fixed_units import whole
from ..maps.targets import questions
from .cascade import wholly_random
from .collection import corners, inputs, some_of
from .contenders import baselines, contenders
from .judgement import TESTS, Judgement
from .trial import Trial


@instrument
def judge(
    network: Network,
    images: ImageSet,
    target: Target = None,
    *,
    methods: MethodNames | None = None,
    tests: str | Sequence[str] | None = None,
    boxes: DataFile | None = None,
    limit: int | None = None,
    steps: int = 32,
    seed: int = 0,
    batch: int = 32,
) -> Iterator[Judgement]:
    """Tests of saliency methods on your images: are they faithful and stable, and do they depend on the network?

    `images` are photos, the network's inputs (N, C, H, W), files, or a folder; files that can't be read are left out
    and named. A step tests all methods on one image. Raises LookupError for a method or target that does not exist,
    ValueError if no image can be read or no method works with this network.

    - `target`: a class, such as 'logits:goose'; if not given, each image's best class
    - `methods`: names of methods with commas between them, such as 'gradient,guided,occlusion:window=48'; if not given,
      all that need few passes
    - `tests`: which tests to run, with commas between them: insertion, deletion, pointing, sensitivity_n,
      max_sensitivity, randomised; if not given, all
    - `boxes`: for the pointing game, where the object lies in the photo's pixels: a JSON file, or a dict, of the form
      {"name.jpg": [[left, top, right, bottom], …]}
    - `limit`: how many images to use at most, spread evenly over all; all if not given
    - `steps`: how many changes of an image in insertion and deletion
    - `seed`: seed of random maps, sets, noise, weights and intervals
    - `batch`: how many images run through the network together
    """
    whole(steps, "steps", 1)
    whole(batch, "batch", 1)
    if limit is not None:
        whole(limit, "limit", 1)
    selected = some_of(images, limit)
    methods_asked = contenders(methods)
    test_names = _tests(tests)
    boxes_by_name = corners(boxes)
    if test_names == {"pointing"} and not boxes_by_name:
        raise ValueError("the pointing game needs to know where the object is; give boxes")
    refusals: dict[str, str] = {}
    answered: set[str] = set()
    random_networks: dict[tuple[int, int], Network] = {}
    columns: list[tuple[str, str, dict[str, dict[str, float]]]] = []  # image, target, contender -> its numbers
    unreadable: list[str] = []
    judgement = None
    for number, entry in enumerate(inputs(network, selected), 1):
        # a file that can't be read comes as the sentence that says so
        if isinstance(entry, str):
            unreadable.append(entry)
            continue
        x, name, frame = entry
        question = questions(network, x, target)
        if question.layer not in OUTPUTS:
            raise ValueError(f"methods are judged by a class's score, such as 'logits:281', not by {question.names[0]}")
        if len(question.addresses) > 1:
            raise ValueError(
                f"methods are judged by one class for all images, not by {len(question.addresses)}; name one"
            )
        # what the tests need of this image
        size = (int(x.shape[-2]), int(x.shape[-1]))
        if "randomised" in test_names and size not in random_networks:
            random_networks = {size: wholly_random(network, size, seed=seed)}
        address, photo_boxes = question.addresses[0], boxes_by_name.get(name, ())
        assert isinstance(address.channel, int)
        trial = Trial(
            network, random_networks.get(size), x, str(address), address.channel, frame, photo_boxes, test_names,
            steps, seed, batch
        )  # fmt: skip
        # every method and baseline takes the tests
        row: dict[str, dict[str, float]] = {}
        for contender in [*methods_asked, *baselines()]:
            numbers, refusal = trial.numbers(contender)
            if refusal is None:
                row[contender.name] = numbers
                answered.add(contender.name)
            else:
                refusals[contender.name] = refusal
        if not any(contender.name in answered for contender in methods_asked):
            raise ValueError("; ".join(dict.fromkeys(refusals.values())))
        # the judgement so far; a method that answered for any image is in it
        columns.append((name, question.names[0], row))
        names = [contender.name for contender in methods_asked if contender.name in answered]
        never = {name: refusal for name, refusal in refusals.items() if name not in answered}
        judgement = _judgement(network, columns, names, unreadable, never, seed)
        yield replace(judgement, step=number, steps=len(selected))
    # files after the last photo may be broken too
    if judgement is None:
        raise ValueError(f"none of the {len(unreadable)} images can be read; the first: {unreadable[0]}")
    if len(unreadable) != len(judgement.unreadable):
        yield replace(judgement, unreadable=tuple(unreadable), step=len(selected), steps=len(selected))


def _tests(names: str | Sequence[str] | None) -> frozenset[str]:
    if names is None:
        return frozenset(TESTS)
    parts = names.split(",") if isinstance(names, str) else names
    test_names = [part.strip().replace("-", "_") for part in parts if part.strip()]
    for name in test_names:
        if name not in TESTS:
            raise LookupError(f"there is no test {name!r}{near(name, TESTS)}; the tests are {', '.join(TESTS)}")
    if not test_names:
        raise ValueError(f"no test was named; the tests are {', '.join(TESTS)}")
    return frozenset(test_names)


def _judgement(
    network: Network, columns: Sequence[tuple[str, str, Mapping[str, Mapping[str, float]]]], methods: Sequence[str],
    unreadable: Sequence[str], refused: Mapping[str, str], seed: int,
) -> Judgement:  # fmt: skip
    baseline_names = [contender.name for contender in baselines()]
    names = (*methods, *baseline_names)
    table = {
        test: np.array([[row.get(name, {}).get(test, np.nan) for *_, row in columns] for name in names])
        for test in (*TESTS, "seconds")
    }
    return Judgement(
        network=network.name, images=tuple(column[0] for column in columns),
        targets=tuple(column[1] for column in columns), unreadable=tuple(unreadable), names=names,
        baselines=tuple(baseline_names), refused=dict(refused), seconds=table.pop("seconds"), values=table, seed=seed,
    )  # fmt: skip
