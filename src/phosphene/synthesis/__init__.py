"""What a network would like to see: images made by gradient ascent, for whatever can be asked of it."""

from .adversarial import adversarial
from .robustness import robustness
from .synthesize import synthesize

__all__ = ["adversarial", "robustness", "synthesize"]
