"""What methods got in the tests: numbers with intervals, and whether they are better than a baseline."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...instrument import Result
from ...measures.intervals import Interval, difference, interval
from ...picture import Sheet, Table, counted
from .judgement_picture import AGAINST, sheet_of

# test -> whether more is better; None where a good method is neither high nor low
TESTS: dict[str, bool | None] = {
    "insertion": True,
    "deletion": False,
    "pointing": True,
    "sensitivity_n": True,
    "max_sensitivity": False,
    "randomised": False,
}
HEADINGS = {
    "insertion": "insertion ↑",
    "deletion": "deletion ↓",
    "pointing": "pointing ↑",
    "sensitivity_n": "sensitivity-n ↑",
    "max_sensitivity": "max-sensitivity ↓",
    "randomised": "randomised ↓",
}
FEWEST = 6  # images: with fewer, even differences that all agree are no surprise (2 / 2**5 > 5 %)


@dataclass(frozen=True, eq=False, kw_only=True)
class Judgement(Result):
    """What each contender got in each test on each image: `values[test]` is (contenders, N), NaN where not measured."""

    network: str
    images: tuple[str, ...]
    targets: tuple[str, ...]
    unreadable: tuple[str, ...]
    names: tuple[str, ...]  # of the methods, then of the baselines
    baselines: tuple[str, ...]  # their names
    refused: dict[str, str]  # methods that can't answer for this network, and what they said
    values: dict[str, np.ndarray] = field(repr=False)
    seconds: np.ndarray = field(repr=False)  # (contenders, N) for one map
    seed: int
    step: int = 0  # images that were looked at
    steps: int = 0  # of how many

    @property
    def progress(self) -> str:
        return self.images[-1]

    @property
    def notes(self) -> tuple[str, ...]:
        return (*super().notes, *(f"{name}: {sentence}" for name, sentence in self.refused.items()))

    @property
    def tests(self) -> tuple[str, ...]:
        """The tests that were made; the pointing game only where boxes were given."""
        return tuple(test for test, values in self.values.items() if not np.isnan(values).all())

    def score(self, name: str, test: str) -> Interval:
        """The contender's mean in a test, with its 95 % bootstrap interval over images."""
        return interval(self.values[test][self.names.index(name)], self.seed)

    def better(self, name: str, baseline: str, test: str) -> bool | None:
        """Whether it is better than a baseline; False where it is worse, None where the images leave it open.

        With fewer than six images it is always open.
        """
        rows = self.values[test]
        gain = difference(rows[self.names.index(name)], rows[self.names.index(baseline)], self.seed)
        if gain.count < FEWEST or gain.low <= 0 <= gain.high or np.isnan(gain.low):
            return None
        return (gain.mean > 0) == TESTS[test]

    def sheet(self) -> Sheet:
        """For each test a column: every contender's mean with its interval, and the baselines as lines to pass."""
        caption = (
            f"{self.network}, {counted(len(self.names) - len(self.baselines), 'method')} judged on "
            f"{counted(len(self.images), 'image')}"
        )
        return replace(sheet_of(self), description=caption)

    def table(self) -> Table:
        """A row a method: its means with 95 % intervals, and where it is better (+) or worse (−) than the baselines."""
        tests = [test for test in HEADINGS if test in self.tests]
        rows = [
            [name, *(self._cell(name, test) for test in tests), f"{np.nanmedian(self.seconds[row]):.2g}"]
            for row, name in enumerate(self.names)
        ]
        count = len(self.images)
        heading = f"{self.network}, {count} image{'s' * (count != 1)}: mean and 95 % interval"
        return Table(["method", *(HEADINGS[test] for test in tests), "seconds"], rows, heading)

    def _cell(self, name: str, test: str) -> str:
        """'0.43 [0.39, 0.47] +r −e': better than the random map (r), worse than the photo's edges (e)."""
        score = self.score(name, test)
        if score.count == 0:
            return "–"
        words = f"{score.mean:.2f}" if score.count == 1 else f"{score.mean:.2f} [{score.low:.2f}, {score.high:.2f}]"
        if name in self.baselines or test not in AGAINST:
            return words
        for other, letter in zip(self.baselines[:2], "re", strict=True):
            better = self.better(name, other, test)
            words += "   " if better is None else f" {'+' if better else '−'}{letter}"
        return words

    def to_dict(self) -> dict[str, Any]:
        methods = []
        for name in self.names:
            row: dict[str, Any] = {"method": name, "baseline": name in self.baselines}
            row |= {test: self.score(name, test).to_dict() for test in self.tests}
            row["seconds"] = float(np.nanmedian(self.seconds[self.names.index(name)]))
            if name not in self.baselines:
                row["better than"] = {
                    test: {other: self.better(name, other, test) for other in self.baselines}
                    for test in self.tests if test in AGAINST
                }  # fmt: skip
            methods.append(row)
        return {
            "network": self.network,
            "images": list(self.images),
            "targets": list(self.targets),
            "unreadable": list(self.unreadable),
            "refused": self.refused,
            "methods": methods,
        }
