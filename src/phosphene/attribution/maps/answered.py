"""What the network answered, beside the class that an attribution was asked about.

A map of any class can be computed, however improbable the class is. So sheets of classes say which class is the answer,
and which probability and rank the asked one has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ...network import OUTPUTS, Guess, Network
from .targets import Question


@dataclass(frozen=True)
class Answered:
    """The network's best class for an image, and how the asked class stands among all."""

    best: str
    best_probability: float
    asked: str
    probability: float
    rank: int  # 1 for the best
    classes: int

    def __str__(self) -> str:
        if self.rank == 1:
            return f"the network's answer, {percent(self.probability)}"
        return (
            f"the network answers {self.best}, {percent(self.best_probability)}; this class has "
            f"{percent(self.probability)}, rank {self.rank:,} of {self.classes:,}"
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "answer": {"class": self.best, "probability": self.best_probability},
            "asked": {"class": self.asked, "probability": self.probability, "rank": self.rank},
        }


def answered(network: Network, x: Tensor, question: Question) -> tuple[Answered | None, ...]:
    """For each target of the input `x` (N, C, H, W) how its class stands; None where it is no class of a classifier."""
    nothing = (None,) * len(question.addresses)
    if question.layer not in OUTPUTS:
        return nothing
    try:
        guesses = network.classify(x, k=1)
        values = network.record(x, "probabilities")["probabilities"]
    except ValueError:  # it is no classifier
        return nothing
    if values is None or values.ndim != 2 or values.shape[1] < 2:
        return nothing
    first: list[Guess] = [one if isinstance(one, Guess) else one[0] for one in guesses]
    answers: list[Answered | None] = []
    for index, address in enumerate(question.addresses):
        of = index if len(x) > 1 else 0
        row, channel, best = values[of], address.channel, first[of]
        if not isinstance(channel, int) or channel >= len(row):
            answers.append(None)
            continue
        rank = 1 if channel == best.index else max(2, 1 + int((row > row[channel]).sum()))
        label = network.labels[channel] if channel < len(network.labels) else f"class {channel}"
        answers.append(
            Answered(best.label, float(best.probability), label, float(row[channel]), rank, int(values.shape[1]))
        )
    return tuple(answers)


def why_title(names: Sequence[str], answers: Sequence[Answered | None]) -> str:
    """What a sheet that explains these targets is called: it is the answer's why only where the answer was asked."""
    if all(one is not None and one.rank == 1 for one in answers):
        return "Why this answer"
    subjects = [name if one is None else one.asked for name, one in zip(names, answers, strict=True)]
    subjects = list(dict.fromkeys(subjects))
    return (
        f"What speaks for {' and '.join(subjects)}" if len(subjects) < 3 else f"What speaks for {len(subjects)} targets"
    )


def percent(probability: float) -> str:
    """A probability in percent, with two digits or more that say something."""
    share = 100 * probability
    if 0 < share < 1e-4:
        return "less than 0.0001 %"
    return f"{share:.1f} %" if share >= 0.1 else f"{share:.1g} %" if share else "0 %"
