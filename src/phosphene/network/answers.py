"""What a classifier answers: its likeliest classes, with their names."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from .labels import Labels


class Guess(NamedTuple):
    """One class of an answer: its name and number, its probability (softmax) and its score before it."""

    label: str
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs here
    probability: float
    score: float


def guesses(scores: Tensor, labels: Labels, k: int) -> list[list[Guess]]:
    """The `k` likeliest classes of each row of `scores` (N, classes), best first."""
    probabilities = scores.float().softmax(1)
    best = probabilities.topk(min(k, scores.shape[1]), dim=1).indices
    return [
        [
            Guess(labels[i] if i < len(labels) else f"class {i}", i, float(probability[i]), float(row[i]))
            for i in order.tolist()
        ]
        for order, row, probability in zip(best, scores, probabilities, strict=True)
    ]
