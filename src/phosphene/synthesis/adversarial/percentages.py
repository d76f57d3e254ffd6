"""How sure a share is: Wilson's interval for a proportion (E. B. Wilson, 1927), which holds also near 0 and 1."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """`mean` = hits / count, with the ends of its 95 % interval; NaN where nothing was counted."""

    mean: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        return f"{self.mean:.0%} ({self.low:.0%} to {self.high:.0%})" if self.count else "–"

    def to_dict(self) -> dict[str, float]:
        return {"mean": self.mean, "low": self.low, "high": self.high, "count": self.count}


def share(hits: int, count: int) -> Share:
    """The share of `hits` in `count`, with its interval."""
    if not 0 <= hits <= count:
        raise ValueError(f"a share is of 0 to {count} hits, not {hits}")
    if count == 0:
        return Share(math.nan, math.nan, math.nan, 0)
    from scipy.stats import binomtest

    low, high = binomtest(hits, count).proportion_ci(0.95, method="wilson")
    return Share(hits / count, float(low), float(high), count)
