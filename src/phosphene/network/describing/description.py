"""What a module says of itself: how images become its input, and what its classes are called."""

from dataclasses import dataclass

from ..labels import Labels
from ..preprocessing import Preprocessing
from ..running.outputs import Head


@dataclass(frozen=True)
class Described:
    """What is known; None where nothing is. `notes` say in sentences where it is from and what was assumed."""

    preprocessing: Preprocessing | None = None
    labels: Labels | None = None
    notes: tuple[str, ...] = ()
    head: Head | None = None  # how its outputs become probabilities
