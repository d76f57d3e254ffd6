"""Numbers that others have published, or that a system should reach: a card says them beside what was obtained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reference:
    """A bound for one of a system's numbers on one data set, and where it comes from."""

    number: str
    data: str
    bound: float
    source: str
    at_most: bool = True  # else at least

    def reached(self, value: float) -> bool:
        return value <= self.bound if self.at_most else value >= self.bound


def gates(references: Sequence[Reference], data: str, numbers: Mapping[str, float]) -> list[dict[str, Any]]:
    """What was obtained beside each bound for this data set, for a card."""
    return [
        {
            "number": each.number,
            "obtained": numbers[each.number],
            "bound": each.bound,
            "at_most": each.at_most,
            "source": each.source,
            "reached": each.reached(numbers[each.number]),
        }
        for each in references
        if each.data == data and each.number in numbers
    ]
