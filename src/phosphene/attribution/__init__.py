"""Attribution: why a network answers as it does, and which pixels a unit answers to."""

from .reversing import deconvnet, gradient, guided, reverse
from .signal import Signal

__all__ = ["Signal", "deconvnet", "gradient", "guided", "reverse"]
