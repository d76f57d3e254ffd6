"""What a classifier answers: its likeliest classes, with their names."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from .labels import Labels
from .running.outputs import described, probabilities


class NoScoresError(ValueError):
    """The network does not give one score for each class of each image."""


class Guess(NamedTuple):
    """One class of an answer: its name, number, probability and score."""

    label: str
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs here
    probability: float
    score: float


def guesses(scores: Tensor, head: str, labels: Labels, k: int) -> list[list[Guess]]:
    """The `k` likeliest classes of each row of `scores` (N, classes), best first."""
    likely = probabilities(scores.float(), head)
    best = likely.topk(min(k, scores.shape[1]), dim=1).indices
    return [
        [
            Guess(labels[i] if i < len(labels) else f"class {i}", i, float(probability[i]), float(row[i]))
            for i in order.tolist()
        ]
        for order, row, probability in zip(best, scores, likely, strict=True)
    ]


def no_scores(network: str, output: str) -> str:
    """Why a network has no class to ask about, of what it returns in words."""
    return (
        f"{network} answers with {output} and gives no score for each class of an image; ask about a layer inside, "
        "such as 'layer:channel'"
    )


def no_classifier(network: str, scores: Tensor, images: int) -> str:
    """Why scores are not one for each class of each image."""
    if len(scores) != images:
        return no_scores(network, described(scores))
    shape = " × ".join(map(str, scores.shape[1:]))
    return f"{network} gives {shape} an image, not one score a class; it is no classifier"
