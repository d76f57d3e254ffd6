"""What a network would like to see: images made by gradient ascent, for whatever can be asked of it."""

from .adversarial import adversarial
from .fool import fool
from .inversions import inversions
from .invert import invert
from .robustness import robustness
from .synthesize import synthesize

__all__ = ["adversarial", "fool", "inversions", "invert", "robustness", "synthesize"]
