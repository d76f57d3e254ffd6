"""Methods judged on the same images: how faithful, how stable and how dependent on the network their maps are.

For each image and each method the tests of `faithfulness`, `stability`, `pointing` and the end of the `cascade` give a
number each; three baselines that know nothing of the network take the same tests. Means stand with bootstrap intervals
over the images, and a method counts as better than a baseline where the interval of their difference, image by image,
leaves out zero. Images are read one at a time and only numbers are kept, so memory does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...instrument import instrument
from ...instrument.roles import ImageSet, MethodNames, Target
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
    boxes: Any = None,
    limit: int | None = None,
    steps: int = 32,
    seed: int = 0,
    batch: int = 32,
) -> Iterator[Judgement]:
    """Methods tested against each other on the same images: faithful, stable, dependent on the network?

    `images` are photos, the network's inputs (N, C, H, W), files, or a folder; files that can't be read are left out
    and named. A step judges one image. Raises LookupError for a method or target that is not there, ValueError where
    no image can be read or no method can answer for this network.

    - `target`: a class, such as 'logits:goose'; if not given, each image's best class
    - `methods`: names of methods with commas between them, such as 'gradient,guided,occlusion:window=48'; if not
      given, all that take few passes
    - `tests`: which to make, with commas between them: insertion, deletion, pointing, sensitivity_n, max_sensitivity,
      randomised; if not given, all
    - `boxes`: for the pointing game, where the object lies in the photo's pixels: a JSON file, or a dict, of the form
      {"name.jpg": [[left, top, right, bottom], …]}
    - `limit`: the most images to look at, spread evenly over all; all if not given
    - `steps`: changes of an image in insertion and deletion
    - `seed`: of random maps, sets, noise, weights and intervals
    - `batch`: images that run through the network together
    """
    whole(steps, "steps", 1)
    whole(batch, "batch", 1)
    if limit is not None:
        whole(limit, "limit", 1)
    chosen = some_of(images, limit)
    wanted = contenders(methods)
    made = _tests(tests)
    known = corners(boxes)
    if made == {"pointing"} and not known:
        raise ValueError("the pointing game needs to know where the object is; give boxes")
    refusals: dict[str, str] = {}
    answered: set[str] = set()
    others: dict[tuple[int, int], Network] = {}
    columns: list[tuple[str, str, dict[str, dict[str, float]]]] = []  # image, target, contender -> its numbers
    unreadable: list[str] = []
    found = None
    for number, shown in enumerate(inputs(network, chosen), 1):
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
        address, seen = asked.addresses[0], known.get(name, ())
        assert isinstance(address.channel, int)
        trial = Trial(
            network, others.get(size), x, str(address), address.channel, frame, seen, made, steps, seed, batch
        )  # fmt: skip
        row: dict[str, dict[str, float]] = {}
        for contender in [*wanted, *baselines()]:
            numbers, said = trial.numbers(contender)
            if said is None:
                row[contender.name] = numbers
                answered.add(contender.name)
            else:
                refusals[contender.name] = said
        if not any(contender.name in answered for contender in wanted):
            raise ValueError("; ".join(dict.fromkeys(refusals.values())))
        columns.append((name, asked.names[0], row))
        names = [contender.name for contender in wanted if contender.name in answered]
        never = {name: said for name, said in refusals.items() if name not in answered}
        found = _judgement(network, columns, names, unreadable, never, seed)
        yield replace(found, step=number, steps=len(chosen))
    if found is None:
        raise ValueError(f"none of the {len(unreadable)} images can be read; the first: {unreadable[0]}")
    if len(unreadable) != len(found.unreadable):
        yield replace(found, unreadable=tuple(unreadable), step=len(chosen), steps=len(chosen))


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
