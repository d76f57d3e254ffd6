"""Long work, step by step: what every step of it says, whether it is an ascent, a judgement or a sweep.

Whoever shows how far the work is, keeps frames of it or stops it knows this protocol and not the work.
"""

from __future__ import annotations

from typing import Protocol


class Step(Protocol):
    """The state of the work after a step. Where there is something to see, `frame()` gives it as pixels (h, w, 3)."""

    @property
    def step(self) -> int:
        """How many steps are done."""

    @property
    def steps(self) -> int | None:
        """How many there are in all; None where that is not known."""

    @property
    def progress(self) -> str:
        """What the work is at, in a few words."""
