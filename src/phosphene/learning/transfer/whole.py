"""All weights learn: augmentation is shown, a rate found, and the minutes made into steps, before the first of them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import torch

from ...picture import counted
from ..training.recipe import Recipe
from ..training.train import steps_within
from .course import NETWORK, Course
from .early import one_of_each
from .moment import Moment, duration
from .photo_examples import PhotoExamples
from .preview import preview_of
from .range_test import STEPS as RANGE_STEPS
from .range_test import at_rate, range_test
from .system import Transfer

EPOCHS, LEAST = 30, 100  # passes over the photos, and steps, of a network that has the time
FEW = 60  # steps, below which a gain is not to be expected
FINDER = 1 / 3  # of the minutes at most for the learning-rate finder
PREVIEW = "augmentation.webp"


@dataclass(frozen=True)
class Wishes:
    """What the caller asked for; None is found out. `after_s` is what comes after the last step."""

    batch: int
    rate: float | None
    steps: int | None
    after_s: float = 0.0


def whole(
    course: Course, system: Transfer, examples: PhotoExamples, names: Sequence[str], wishes: Wishes
) -> Generator[Moment]:
    """Learns all weights of the system; `names` are those of the examples."""
    for weight in system.parameters():
        weight.requires_grad_(weight.is_floating_point())
    batch = min(wishes.batch, len(examples))
    longest = wishes.steps or max(LEAST, EPOCHS * len(examples) // batch)
    plan = replace(system.recipe, batch=wishes.batch, steps=longest)
    if course.goes_on_with(NETWORK):
        assert course.former is not None
        former = course.former["recipe"]
        plan = replace(at_rate(plan, wishes.rate or float(former["rate"])), steps=wishes.steps or int(former["steps"]))
    else:
        if examples.kind != "none":
            yield _preview(course, examples, names)
        plan = yield from _planned(course, system, examples, plan, wishes)
    yield from course.learn(system, examples, plan, NETWORK)


def _preview(course: Course, examples: PhotoExamples, names: Sequence[str]) -> Moment:
    """Writes a picture of augmented photos before any is learned from."""
    course.out.mkdir(parents=True, exist_ok=True)
    some = one_of_each(examples.labels.tolist())
    images = examples.images[torch.tensor(some)]
    shown = preview_of(images, [names[at] for at in some], examples.kind, examples.preprocessing, course.seed)
    shown.save(course.out / PREVIEW)
    return Moment(1, 1, "augmentation", f"{course.out / PREVIEW} shows what augmentation makes of photos")


def _planned(
    course: Course, system: Transfer, examples: PhotoExamples, plan: Recipe, wishes: Wishes
) -> Generator[Moment, None, Recipe]:
    """The recipe with its rate and its number of steps; says how long that will take."""
    left, fitting = course.left, None
    if left is not None:
        unbounded = replace(plan, steps=10**9)
        fitting = steps_within(left, system, examples, unbounded, course.seed, course.fabric)
    if wishes.rate is not None:
        plan = at_rate(plan, wishes.rate)
    elif fitting is not None and fitting * FINDER < RANGE_STEPS:
        course.note(
            f"the learning-rate finder was left out, as it would have taken more than {FINDER:.0%} of the minutes; the "
            f"rate is {plan.rate:g}"
        )
    else:
        tests = []
        for test in range_test(system, examples, plan, course.seed, course.fabric):
            tests.append(test)
            yield Moment(len(tests), RANGE_STEPS, "learning-rate finder")
        course.stated["rates"] = tests[-1].to_dict()
        plan = at_rate(plan, tests[-1].chosen)
        fitting = None if fitting is None else fitting - len(tests)
    took = ""
    if fitting is not None and left is not None:
        a_step = 60 * left / max(1, fitting)
        if wishes.steps is None:
            time_for = max(0.1, 1 - wishes.after_s / (60 * left))
            plan = replace(plan, steps=max(1, min(plan.steps, int(fitting * time_for))))
        took = f", about {duration(plan.steps * a_step)}"
    if plan.steps < FEW and wishes.steps is None:
        course.note(
            f"only {counted(plan.steps, 'step')} fit into the minutes, and all weights need about {LEAST} to gain on "
            "the frozen network"
        )
    batch = min(plan.batch, len(examples))
    passes = plan.steps * batch / len(examples)
    words = f"learning all weights: {counted(plan.steps, 'step')} of {batch} photos, each photo {passes:.3g} times"
    yield Moment(0, plan.steps, "all weights", f"{words}, at rate {plan.rate:.2g}{took}")
    return plan
