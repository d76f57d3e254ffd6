"""How far a transfer is."""

from __future__ import annotations

from dataclasses import dataclass, field

from .results import TransferredNetwork


@dataclass(frozen=True)
class Moment:
    """A transfer after a step (`instrument.stepping.Step`). `notice` is a sentence to be read before it goes on."""

    step: int
    steps: int | None
    progress: str
    notice: str = ""
    result: TransferredNetwork | None = field(default=None, repr=False)


def duration(seconds: float) -> str:
    """'40 s', '3 min'."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
