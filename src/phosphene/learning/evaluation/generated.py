"""Numbers of generated examples: is each of some class, do all classes come, and how near are they to real ones?

Images are judged by a classifier (`judge`); points of a plane by the means of their classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ..sets.examples import Examples, TensorExamples
from .frechet import frechet_distance
from .judge import judge_of

SURE = 0.9  # the probability from which a sample counts as confident
LIKE, DISTANCE = (
    3.0,
    0.25,
)  # spreads of a class within which a point is of it; of a class's share of points, that it has


def scores_of(sample: Callable[[int], Tensor], examples: Examples) -> dict[str, float]:
    """What the held-out examples allow to say of so many samples."""
    if not isinstance(examples, TensorExamples):
        raise TypeError(f"generated examples are judged by examples in memory, not by {type(examples).__name__}")
    if len(examples.shape) == 1:
        return _of_points(sample, examples)
    judge = judge_of(examples)
    if judge is None:
        real = examples.batch(torch.arange(len(examples))).x
        return {"mean distance of values": float((sample(len(real)).cpu().mean(0) - real.mean(0)).abs().mean())}
    half = len(judge.others) // 2
    real = judge.others.batch(torch.arange(2 * half)).x
    fake = sample(half).cpu().float()
    probabilities = judge.logits(fake).double().softmax(1)
    shares = probabilities.argmax(1).bincount(minlength=probabilities.shape[1]).double() / half
    features = judge.features(real)
    floor = frechet_distance(features[:half], features[half:])
    distance = frechet_distance(judge.features(fake), features[half:])
    return {
        "confident samples (%)": 100 * float((probabilities.max(1).values > SURE).double().mean()),
        "the same of real images (%)": 100
        * float((judge.logits(real).double().softmax(1).amax(1) > SURE).double().mean()),
        "class entropy (nats)": float(torch.special.entr(shares).sum()),
        "Fréchet distance / its floor": distance / floor,
        "Fréchet distance": distance,
        "judge's accuracy (%)": 100 * judge.accuracy,
    }


def agreement_of(sample: Callable[[Tensor], Tensor], examples: Examples) -> float:
    """The percentage of samples that the judge takes for the class that was asked for; NaN without a judge."""
    judge = judge_of(examples) if isinstance(examples, TensorExamples) else None
    if judge is None or judge.others.labels is None:
        return math.nan
    asked = judge.others.labels
    return 100 * float((judge.logits(sample(asked).cpu().float()).argmax(1) == asked).double().mean())


def _of_points(sample: Callable[[int], Tensor], examples: TensorExamples) -> dict[str, float]:
    """How many classes of points the samples hit, and how many samples lie near one."""
    x = examples.batch(torch.arange(len(examples))).x.double()
    fake = sample(len(x)).cpu().double()
    if examples.labels is None:
        return {"distance of means": float((fake.mean(0) - x.mean(0)).norm())}
    classes = [x[examples.labels == label] for label in examples.labels.unique()]
    centres = torch.stack([points.mean(0) for points in classes])
    spreads = torch.stack([(points - points.mean(0)).square().mean().sqrt() for points in classes])
    distances, nearest = torch.cdist(fake, centres).min(1)
    near = distances < LIKE * spreads[nearest]
    counts = nearest[near].bincount(minlength=len(classes))
    hit = counts >= DISTANCE * len(fake) / len(classes)
    return {
        "classes hit": float(hit.sum()),
        "of classes": float(len(classes)),
        "samples near a class (%)": 100 * float(near.double().mean()),
    }


def remarks(numbers: Mapping[str, float]) -> list[str]:
    """What the numbers mean: classes that never come, a judge that is no good one."""
    notes = []
    if "classes hit" in numbers and numbers["classes hit"] < numbers["of classes"]:
        missing = int(numbers["of classes"] - numbers["classes hit"])
        notes.append(
            f"{missing} of {int(numbers['of classes'])} classes are hardly ever generated: modes have collapsed"
        )
    if numbers.get("class entropy (nats)", 9.0) < 1.0:
        notes.append("nearly all samples are of few classes: modes have collapsed")
    if numbers.get("judge's accuracy (%)", 100.0) < 80:
        notes.append("the judge is often wrong about real images, so its numbers say little")
    return notes
