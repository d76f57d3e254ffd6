"""How sure a share is: Wilson's interval (E. B. Wilson, Probable inference, JASA 22, 1927), as SciPy has it.

It lies in [0, 1] and says something also where k is 0 or n, where the usual p ± 1.96 sqrt(p (1 - p) / n) has no width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from scipy.stats import binomtest

LEVEL = 0.95


@dataclass(frozen=True)
class Proportion:
    """`count` of `total`, with its 95 % interval from `low` to `high`; NaN of none."""

    count: int
    total: int

    def __post_init__(self) -> None:
        if not 0 <= self.count <= self.total:
            raise ValueError(f"a proportion is of 0 to {self.total}, not {self.count}")

    @property
    def share(self) -> float:
        return self.count / self.total if self.total else math.nan

    @property
    def low(self) -> float:
        return self._ends[0]

    @property
    def high(self) -> float:
        return self._ends[1]

    @cached_property
    def _ends(self) -> tuple[float, float]:
        if not self.total:
            return math.nan, math.nan
        low, high = binomtest(self.count, self.total).proportion_ci(LEVEL, method="wilson")
        return float(low), float(high)

    def __str__(self) -> str:
        """'87.5 % (84.1–90.2 %)'."""
        return f"{100 * self.share:.1f} % ({100 * self.low:.1f}–{100 * self.high:.1f} %)" if self.total else "none"

    def to_dict(self) -> dict[str, Any]:
        return {"share": self.share, "low": self.low, "high": self.high, "count": self.count, "total": self.total}
