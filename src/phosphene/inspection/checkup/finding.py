"""One finding of the check-up, and the small statistics by which findings are judged."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from torch import Tensor

Verdict = Literal["good", "note", "warning", "fault"]
FEWEST = 5  # photos below which nothing is clear
VERDICTS: tuple[Verdict, ...] = ("good", "note", "warning", "fault")  # from best to worst


@dataclass(frozen=True)
class Finding:
    """The finding of one check: a verdict, a sentence, its numbers, and what to do."""

    check: str
    verdict: Verdict
    sentence: str
    evidence: dict[str, Any] = field(default_factory=dict)
    advice: str = ""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def paired_t(gains: Tensor) -> float:
    """Student's t of paired gains (N,): their mean over its standard error; 0 for fewer than two."""
    if len(gains) < 2:
        return 0.0
    values = gains.double().cpu().numpy()
    if np.allclose(values, values[0], rtol=1e-13, atol=0):  # no spread but rounding, of which SciPy warns
        return math.copysign(math.inf, values[0]) if values[0] else 0.0
    from scipy.stats import ttest_1samp

    return float(ttest_1samp(values, 0.0).statistic)


def clear(gains: Tensor, margin: float) -> bool:
    """Whether the gains are on average above `margin` and far from chance.

    3 + 16 / N is close above Student's critical t for p = 0.001 (one-sided: 7.2 for N = 5, 4.3 for N = 10, 3.1 for N
    in the hundreds) and leaves room for the half dozen comparisons that are made. Fewer than 5 gains tell nothing: two
    of random weights are often alike.
    """
    return len(gains) >= FEWEST and float(gains.mean()) > margin and paired_t(gains) > 3 + 16 / len(gains)


def listed(names: list[str], most: int = 3) -> str:
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def percent(share: float) -> str:
    return f"{100 * share:.3g} %"
