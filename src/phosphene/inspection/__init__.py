"""Looking inside: filters, activations, the strongest units, the network drawn, a block's anatomy, the check-up."""

from .activations import Activations, activations
from .architecture.anatomy import Anatomy, anatomy
from .architecture.architecture import Architecture, draw
from .checkup.check import Checkup, check
from .filters import Filters, filters
from .strongest import Strongest, strongest

__all__ = [
    "Activations",
    "Anatomy",
    "Architecture",
    "Checkup",
    "Filters",
    "Strongest",
    "activations",
    "anatomy",
    "check",
    "draw",
    "filters",
    "strongest",
]
